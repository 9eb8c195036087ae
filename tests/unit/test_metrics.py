"""The night's figures: what is sent, over the wire, by what Airflow was told to send by."""

import atexit
import re
import socket
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import duckdb
import pytest
from airflow.sdk.observability import stats
from airflow.sdk.observability.metrics import stats_utils

from rapport.build.parts import Part
from rapport.build.record import Header, Outcome, RecordWriter
from rapport.gate import CheckpointResult
from rapport.orchestration import metrics
from rapport.settings import Settings

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "metrics.md"
DASHBOARD = ROOT / "docker" / "grafana" / "rapport.json"


@pytest.fixture
def sent(monkeypatch):
    """Receive StatsD; gives a function that returns what came since, by name and tags."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(0.2)
        monkeypatch.setenv("AIRFLOW__METRICS__STATSD_ON", "True")
        monkeypatch.setenv("AIRFLOW__METRICS__STATSD_HOST", "127.0.0.1")
        monkeypatch.setenv("AIRFLOW__METRICS__STATSD_PORT", str(receiver.getsockname()[1]))
        monkeypatch.setenv("AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED", "True")
        stats.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=False)

        def received():
            found = {}
            while True:
                try:
                    name, value = receiver.recv(65535).decode().rsplit(":", 1)
                except TimeoutError:
                    return found
                assert value.endswith("|g"), value
                found[name.removeprefix("airflow.rapport.")] = float(value.removesuffix("|g"))

        yield received
    monkeypatch.undo()
    stats.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=False)


def test_a_pull_says_the_rows_of_each_stream(sent):
    metrics.pulled("hubspot", {"contacts": 61, "owners": 0})
    assert sent() == {
        "pull.rows,source=hubspot,stream=contacts": 61,
        "pull.rows,source=hubspot,stream=owners": 0,
    }


def test_a_step_says_how_long_it_took_also_when_it_fails(sent, monkeypatch):
    task = SimpleNamespace(task_id="extract.shop_orders")
    monkeypatch.setattr(metrics, "get_current_context", lambda: {"ti": task})

    @metrics.timed
    def step(error):
        """Raise."""
        raise error

    with pytest.raises(KeyError):
        step(KeyError("x"))
    assert list(sent()) == ["step.seconds,step=extract.shop_orders"]
    assert (step.__name__, step.__doc__) == ("step", "Raise.")


def test_a_gate_says_what_stopped_it_and_what_it_let_through(sent):
    metrics.looked(CheckpointResult("publish", "2018-01-02", 9, 96, ["a"], ["b", "c"]))
    assert sent() == {
        "gate.checks,gate=publish": 96,
        "gate.critical,gate=publish": 1,
        "gate.warnings,gate=publish": 2,
    }


def test_a_build_says_what_is_in_quarantine_and_how_long_its_parts_took(
    sent, monkeypatch, tmp_path
):
    monkeypatch.setenv("RAPPORT_HOME", str(tmp_path))
    settings = Settings.from_env()
    parts = [Part("marts.fct_orders", ("model.r.a", "test.r.b"))]
    with RecordWriter(
        settings.build_record_path, Header("", date(2018, 1, 2), "", ()), parts
    ) as record:
        record.add(Outcome("model.r.a", "a", "model", "passed", 1.5))
        record.add(Outcome("test.r.b", "b", "test", "passed", 0.25))
    with duckdb.connect(str(settings.warehouse_path)) as warehouse:
        warehouse.execute("create schema ops")
        warehouse.execute(
            "create table ops.row_conservation as select 'shop' as source, 'orders' as entity, "
            "100 as landed_count, 3 as quarantined_count"
        )
    metrics.built(settings)
    assert sent() == {
        "build.seconds,part=marts.fct_orders": 1.75,
        "stream.rows,source=shop,stream=orders": 100,
        "stream.quarantined_rows,source=shop,stream=orders": 3,
    }


def test_a_release_says_its_night_age_size_and_segments(sent, monkeypatch, tmp_path):
    info = SimpleNamespace(
        as_of=date(2018, 1, 2),
        published_at=datetime(2018, 1, 3, 2, 5, tzinfo=UTC),
        size=4096,
        rows={"marts.fct_orders": 12},
        path=tmp_path,
    )
    monkeypatch.setattr("rapport.release.readers_release", lambda folder: info)
    with duckdb.connect(str(tmp_path / "rapport.duckdb")) as release:
        release.execute("create schema segments")
        release.execute(
            "create table segments.segments as select 'loyal' as segment, 8 as size, "
            "2 as holdout_size, 5 as suppressed_count"
        )
    metrics.released(tmp_path)
    assert sent() == {
        "release.night": datetime(2018, 1, 2, tzinfo=UTC).timestamp(),
        "release.published": info.published_at.timestamp(),
        "release.bytes": 4096,
        "release.rows,table=marts.fct_orders": 12,
        "segment.members,segment=loyal": 8,
        "segment.held_out,segment=loyal": 2,
        "segment.suppressed,segment=loyal": 5,
    }


def test_before_the_first_release_nothing_is_said_of_one(sent, tmp_path):
    metrics.released(tmp_path)
    assert sent() == {}


def test_a_night_does_not_fail_for_a_figure_that_cannot_be_told(
    sent, monkeypatch, tmp_path, caplog
):
    monkeypatch.setenv("RAPPORT_HOME", str(tmp_path))
    metrics.built(Settings.from_env())
    assert sent() == {}
    assert "metrics.built: nothing was said: " in caplog.text


def test_a_figure_without_all_its_tags_is_not_sent(sent):
    metrics.gauge("pull.rows", 1, source="shop")
    assert sent() == {}


def test_opentelemetry_gets_the_same_names(monkeypatch):
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
        ExportMetricsServiceRequest,
    )

    came = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            length = int(self.headers["Content-Length"])
            came.append(ExportMetricsServiceRequest.FromString(self.rfile.read(length)))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    receiver = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    Thread(target=receiver.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{receiver.server_port}/v1/metrics"
    monkeypatch.setenv("AIRFLOW__METRICS__OTEL_ON", "True")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/protobuf")
    try:
        stats.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=False)
        metrics.pulled("shop", {"orders": 7})
        from airflow.sdk._shared.observability.metrics import otel_logger
        from opentelemetry.metrics import get_meter_provider

        get_meter_provider().shutdown()  # as the end of a task's process does
        atexit.unregister(otel_logger.flush_otel_metrics)
    finally:
        monkeypatch.undo()
        stats.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=False)
        receiver.shutdown()
    [figure] = [
        each
        for request in came
        for resource in request.resource_metrics
        for scope in resource.scope_metrics
        for each in scope.metrics
    ]
    [point] = figure.gauge.data_points
    assert figure.name == "airflow.rapport.pull.rows"
    assert {tag.key: tag.value.string_value for tag in point.attributes} == {
        "source": "shop",
        "stream": "orders",
    }
    assert (point.as_int or point.as_double) == 7


def test_the_page_lists_what_is_sent():
    rows = re.findall(
        r"^\| `(rapport\.[\w.]+)` \| (.+?) \| (.*?) \| (.+?) \|$", PAGE.read_text(), re.M
    )
    assert rows == [
        (
            f"{metrics.PREFIX}.{each.name}",
            each.unit,
            ", ".join(f"`{tag}`" for tag in each.tags),
            each.sentence,
        )
        for each in metrics.METRICS.values()
    ]


def test_the_dashboard_asks_for_every_figure_and_for_no_other():
    asked = set(re.findall(r"airflow_rapport_(\w+)", DASHBOARD.read_text()))
    assert asked == {name.replace(".", "_") for name in metrics.METRICS}
