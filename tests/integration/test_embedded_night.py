"""The real thing, small: Airflow under its own scheduler, a night from the command line."""

import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import ExitStack, closing, nullcontext
from datetime import datetime
from pathlib import Path
from uuid import UUID

import duckdb
import httpx
import pytest

from rapport.orchestration import embedded
from rapport.orchestration.metrics import METRICS
from rapport.orchestration.night import BUILD, DAG_ID, Airflow
from rapport.settings import WAREHOUSE_FILE, Settings
from rapport.sources.streams import GROUPS
from tests import postgresql
from tests.mailbox import taking

ROOT = Path(__file__).parents[2]
RAPPORT = [sys.executable, "-m", "rapport.orchestration.cli"]
TELLING_SECONDS = 90


def free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [s.getsockname()[1] for s in sockets]


class Installation:
    """One embedded installation, used through its command line."""

    def __init__(self, home: Path, **environment: str):
        ui, sandbox = free_ports(2)
        self.ports = embedded.Ports(ui, sandbox)
        self.home = home
        self.env = os.environ | {
            "RAPPORT_HOME": str(home),
            "RAPPORT_UI_PORT": str(ui),
            "RAPPORT_SANDBOX_PORT": str(sandbox),
            "RAPPORT_SANDBOX_HOUSEHOLDS": "60",
            "PYTHONPATH": f"{ROOT / 'plugins'}{os.pathsep}{ROOT}",
            "COLUMNS": "200",
            **environment,
        }

    def rapport(self, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [*RAPPORT, *arguments],
            env=self.env,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=800,
        )

    def login(self) -> tuple[str, str]:
        os.environ["RAPPORT_HOME"] = str(self.home)
        try:
            return embedded.login(Settings.from_env())
        finally:
            del os.environ["RAPPORT_HOME"]

    def airflow(self) -> Airflow:
        return Airflow(self.ports.airflow_url, self.login())

    def faults(self, *rules: dict) -> None:
        httpx.put(
            f"{self.ports.sandbox_url}/sandbox/faults", json={"rules": list(rules)}
        ).raise_for_status()

    def unsubscribe(self, profile: str) -> None:
        """Have somebody leave the mailing list on the last day of the year."""
        said = {"consent": "UNSUBSCRIBED", "consent_timestamp": "2017-12-31T11:59:00+00:00"}
        change = {"change": "modify", "collection": "klaviyo/profile", "id": profile}
        change |= {"values": {"subscriptions": {"email": {"marketing": said}}}}
        sandbox = f"{self.ports.sandbox_url}/sandbox"
        httpx.put(f"{sandbox}/clock", json={"now": "2017-12-31T12:00:00Z"}).raise_for_status()
        httpx.post(f"{sandbox}/changes", json=[change]).raise_for_status()

    def member(self) -> tuple[str, str]:
        """Return somebody who gets an e-mail, as a customer and as a profile."""
        path = self.home / "warehouse" / WAREHOUSE_FILE
        with duckdb.connect(str(path), read_only=True) as built:
            return built.sql(
                "select members.customer_id, contact_map.source_record_id "
                "from segments.segment_members as members "
                "inner join intermediate.int_identity__contact_map as contact_map "
                "using (customer_id) "
                "where members.channel = 'email' and contact_map.source = 'klaviyo' "
                "order by all limit 1"
            ).fetchone()

    def ask(self, sql: str) -> list[tuple]:
        """Ask the current release."""
        folder = self.home / "releases" / self.current()
        with duckdb.connect(str(folder / "rapport.duckdb"), read_only=True) as release:
            return release.sql(sql).fetchall()

    def current(self) -> str:
        return (self.home / "releases" / "current").resolve().name


@pytest.fixture(scope="module")
def mailbox():
    with taking() as (made, _):
        yield made


@pytest.fixture(scope="module")
def receiver():
    """Takes lineage."""
    with taking() as (_, made):
        yield made


@pytest.fixture(scope="module")
def postgres():
    """A server for BI tools, and its database; None where no PostgreSQL is installed."""
    with postgresql.running() if postgresql.programs() else nullcontext() as server:
        yield server and (server, server.empty_database())


@pytest.fixture
def bi_tools(postgres):
    """The same, for what is asked of it."""
    return postgres or pytest.skip("no PostgreSQL is installed")


@pytest.fixture(scope="module")
def figures():
    """Receive the night's metrics as StatsD: the last value by name and tags."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        receiver.bind(("127.0.0.1", 0))
        found = Figures(receiver.getsockname()[1])
        threading.Thread(target=found.hear, args=(receiver,), daemon=True).start()
        yield found


class Figures(dict):
    """Gauges of the night's own."""

    def __init__(self, port: int):
        super().__init__()
        self.port = port

    def hear(self, receiver: socket.socket) -> None:
        while True:
            try:
                name, _, value = receiver.recv(65535).decode().rpartition(":")
            except OSError:
                return
            if name.startswith("airflow.rapport."):
                assert value.endswith("|g")
                self[name.removeprefix("airflow.rapport.")] = float(value.removesuffix("|g"))


@pytest.fixture(scope="module")
def installation(tmp_path_factory, figures, mailbox, receiver, postgres):
    url = f"http://127.0.0.1:{receiver.port}"
    lineage = {"type": "http", "url": url, "timeout": 60, "retry": {"total": 0}}
    bi = {}
    if postgres:
        server, database = postgres
        bi["AIRFLOW_CONN_RAPPORT_BI"] = server.variable(database)
    made = Installation(
        tmp_path_factory.mktemp("embedded"),
        AIRFLOW_CONN_RAPPORT_ALERTS_SMTP=mailbox.connection(),
        **bi,
        AIRFLOW__METRICS__STATSD_ON="True",
        AIRFLOW__METRICS__STATSD_HOST="127.0.0.1",
        AIRFLOW__METRICS__STATSD_PORT=str(figures.port),
        AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED="True",
        AIRFLOW__OPENLINEAGE__TRANSPORT=json.dumps(lineage),
        # However busy the machine is: time is what a real night runs out of, not this test.
        AIRFLOW__OPENLINEAGE__EXECUTION_TIMEOUT="100",
        AIRFLOW__CORE__TASK_SUCCESS_OVERTIME="120",
    )
    yield made
    made.rapport("down")


@pytest.fixture(scope="module")
def first_night(installation):
    done = installation.rapport("run", "--as-of", "2017-12-30")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    return done.stdout


def test_a_night_runs_to_a_release_and_says_so(installation, first_night):
    release_id = installation.current()
    assert release_id.startswith("2017-12-30-")
    for told in (
        release_id,
        "dim_contact_pressure",
        "loyal_high_value",
        "What came in:",
        "What goes out:",
        "data_docs/index.html",
        installation.ports.airflow_url,
        "login admin, password ",
    ):
        assert told in first_night
    for step in (
        "extract.shop_orders",
        "check_sources",
        "dbt.marts.fct_orders",
        "publish_release",
        "report_night",
    ):
        assert re.search(rf"{step}\s+\d+\.\d s\s+ok", first_night), step


def test_the_pages_that_the_summary_names_are_there(installation, first_night):
    index = installation.home / "data_docs" / "index.html"
    links = re.findall(r'href="([^"]*)"', index.read_text())
    assert {link.split("/")[0] for link in links} == {"sources", "publish"}
    assert all((index.parent / link).is_file() for link in links)
    assert httpx.get(installation.ports.airflow_url, follow_redirects=True).is_success


def test_the_report_lies_beside_the_release_and_the_summary_links_it(installation, first_night):
    page = installation.home / "releases" / f"{installation.current()}.html"
    assert re.search(rf"Report\s+{re.escape(str(page))}\n", first_night)
    assert page.read_text().count("<table") > 5
    told = installation.airflow().returned("night_2017-12-30", "report_night")
    assert told == {"release_id": installation.current(), "bytes": page.stat().st_size}


def test_xcom_holds_counts_and_names_only(installation, first_night):
    airflow = installation.airflow()
    run = "night_2017-12-30"
    counts = airflow.returned(run, "extract.hubspot_contacts")
    assert set(counts) == {"contacts", "companies", "owners"}
    assert all(isinstance(count, int) for count in counts.values())


def test_every_pull_shows_how_many_rows_it_landed(installation, first_night):
    airflow = installation.airflow()
    for group, streams in GROUPS.items():
        counts = airflow.returned("night_2017-12-30", f"extract.{group}")
        assert {stream.name for stream in streams} <= set(counts)
        for stream, count in counts.items():
            assert re.search(rf"{group} .*\b{stream} {count:,}", first_night), (group, stream)
    log = airflow.log_tail("night_2017-12-30", "extract.hubspot_contacts", 100)
    assert any(re.search(r"contacts: [\d,]+ rows landed", line) for line in log)


def test_no_log_of_the_night_names_the_canary(installation, first_night):
    from sandbox import canary

    logs = [path for path in (installation.home / "logs").rglob("*") if path.is_file()]
    assert len(logs) > 30
    for path in logs:
        text = path.read_text(errors="replace").lower()
        assert not [trace for trace in canary.TRACES if trace in text], path


def test_the_nights_figures_are_those_of_its_release(installation, first_night, figures):
    [(segments,)] = installation.ask("select count(*) from segments.segments")
    [(members,)] = installation.ask("select sum(size) from segments.segments")
    sizes = [value for name, value in figures.items() if name.startswith("segment.members,")]
    assert (len(sizes), sum(sizes)) == (segments, members)
    [(orders,)] = installation.ask("select count(*) from marts.fct_orders")
    assert figures["release.rows,table=marts.fct_orders"] == orders
    landed = installation.airflow().returned("night_2017-12-30", "extract.shop_orders")
    assert figures["pull.rows,source=shop,stream=orders"] == landed["orders"]
    assert figures["stream.rows,source=shop,stream=orders"] == landed["orders"]
    assert figures["gate.critical,gate=publish"] == figures["gate.critical,gate=sources"] == 0
    assert figures["gate.checks,gate=publish"] > 50
    assert figures["step.seconds,step=dbt.build"] > figures["build.seconds,part=marts.fct_orders"]
    # What is sent to a destination, whoever has one tells.
    of_a_night = {name for name in METRICS if not name.startswith("activation.")}
    assert {name.partition(",")[0] for name in figures} == of_a_night


@pytest.fixture(scope="module")
def events(first_night, receiver):
    """Every event of the night, as it was received."""
    end = time.monotonic() + TELLING_SECONDS  # nobody waits for what tells that a task is over
    while not any(told(event) == (DAG_ID, "COMPLETE") for event in receiver.bodies):
        assert time.monotonic() < end
        time.sleep(0.5)
    # Beside them those of what a release sets off.
    return [each for each in receiver.bodies if told(each)[0].partition(".")[0] == DAG_ID]


def told(event) -> tuple[str, str]:
    return event["job"]["name"], event["eventType"]


def test_every_task_that_ran_tells_when_it_began_and_when_it_ended(installation, events):
    _, steps = next(installation.airflow().follow("night_2017-12-30"))
    # What shows a part of the build runs in no process of its own, and what is skipped nowhere.
    ran = {step.task_id for step in steps if step.state == "success" and step.part is None}
    tasks = [event for event in events if ".dbt.build." not in event["job"]["name"]]
    assert {"extract.shop_orders", "dbt.build", "publish_release", "report_night"} < ran
    assert Counter(map(told, tasks)) == {
        (name, kind): 1
        for name in (DAG_ID, *(f"{DAG_ID}.{task_id}" for task_id in ran))
        for kind in ("START", "COMPLETE")
    }


def test_lineage_leads_from_the_source_to_the_release_and_to_bi_tools(
    installation, events, bi_tools
):
    """Walked backwards from a dashboard's table, by the events of the runs that ended well."""
    server, database = bi_tools
    made_of: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for event in events:
        if event["eventType"] == "COMPLETE":
            read = {(each["namespace"], each["name"]) for each in event.get("inputs", [])}
            for made in event.get("outputs", []):
                made_of.setdefault((made["namespace"], made["name"]), set()).update(read)
    there = f"postgres://127.0.0.1:{server.port}"
    waiting, seen = [(there, f"{database}.rapport.fct_orders")], set()
    while waiting:
        each = waiting.pop()
        if each not in seen:
            seen.add(each)
            waiting += made_of.get(each, ())
    current = f"duckdb://{installation.home}/releases/current/rapport.duckdb"
    assert (current, "rapport.marts.fct_orders") in seen
    assert ("file", f"{installation.home}/landing/shop/orders") in seen
    assert (f"sqlite://{installation.home}/sandbox/shop.sqlite", "orders") in seen


def test_every_event_is_one_by_openlineages_rules(installation, events):
    """Runs begin and end once, models belong to the build, each facet says by which schema."""
    runs: dict[str, list[str]] = {}
    for event in events:
        runs.setdefault(str(UUID(event["run"]["runId"])), []).append(event["eventType"])
        assert datetime.fromisoformat(event["eventTime"]).tzinfo
        assert event["job"]["namespace"]
        assert event["producer"].startswith("https://")
        assert event["schemaURL"].endswith("OpenLineage.json#/$defs/RunEvent")
        for each in (*event.get("inputs", []), *event.get("outputs", [])):
            assert each["namespace"]
            assert each["name"]
        told = [event["run"], event["job"], *event.get("inputs", []), *event.get("outputs", [])]
        for kind in ("facets", "inputFacets", "outputFacets"):
            for facets in told:
                for facet in (facets.get(kind) or {}).values():
                    assert facet["_producer"].startswith("https://")
                    assert facet["_schemaURL"].startswith("https://")
    assert set(map(tuple, runs.values())) == {("START", "COMPLETE")}
    [build] = [
        event["run"]["runId"]
        for event in events
        if event["job"]["name"] == f"{DAG_ID}.{BUILD}" and event["eventType"] == "COMPLETE"
    ]
    [mart] = [
        event
        for event in events
        if event["job"]["name"] == f"{DAG_ID}.{BUILD}.fct_orders"
        and event["eventType"] == "COMPLETE"
    ]
    assert mart["run"]["facets"]["parent"]["run"]["runId"] == build
    [orders] = mart["outputs"]
    [(rows,)] = installation.ask("select count(*) from marts.fct_orders")
    assert orders["outputFacets"]["outputStatistics"]["rowCount"] == rows


def test_neither_lineage_nor_a_figure_names_the_canary(events, figures):
    from sandbox import canary

    told = json.dumps(events, ensure_ascii=False).lower() + " ".join(figures)
    assert not [trace for trace in canary.TRACES if trace in told]


def test_bi_tools_have_the_nights_release(installation, first_night, bi_tools):
    server, database = bi_tools
    assert re.search(rf"Postgres\s+{installation.current()}\n", first_night)
    asked = "select count(*), count(distinct customer_id), max(order_date)"
    with server.session(database) as session:
        [(release_id,)] = session.execute("select release_id from rapport.release").fetchall()
        there = session.execute(f"{asked} from rapport.fct_orders").fetchall()
    assert release_id == installation.current()
    assert installation.ask(f"{asked} from marts.fct_orders") == there


def test_a_refused_token_turns_the_night_red_and_who_said_no_elsewhere_is_taken_out(
    installation, first_night, mailbox
):
    """It says at once what to check; the mailing tool's news subtract all the same."""
    assert mailbox.mails == []  # a night that ends well tells nobody
    assert re.search(r"subtract_opt_outs\s+skipped", first_night)
    before = installation.current()
    customer, profile = installation.member()
    installation.faults(
        {"match": {"path": "/hubspot/"}, "times": None, "do": {"kind": "status", "code": 401}}
    )
    try:
        installation.unsubscribe(profile)
        done = installation.rapport("run", "--as-of", "2017-12-31")
    finally:
        installation.faults()
    assert done.returncode == 1
    assert "extract.hubspot_contacts failed" in done.stdout
    assert "connection 'rapport_hubspot'" in done.stdout
    assert "service key" in done.stdout
    told = installation.airflow().returned("night_2017-12-31", "subtract_opt_outs")
    assert told["release_id"] == installation.current()
    assert told["reduced_from"] == before
    assert "but for" in done.stderr.splitlines()[-1]
    assert (installation.home / "releases" / f"{installation.current()}.html").is_file()
    assert installation.ask(
        f"select clause from segments.segment_suppressions where customer_id = '{customer}' "
        f"and clause_reason like '%{before}%'"
    ) == [("opted_out",)]
    task = installation.airflow()._get(
        f"/api/v2/dags/{DAG_ID}/dagRuns/night_2017-12-31/taskInstances/extract.hubspot_contacts"
    )
    assert (task["state"], task["try_number"]) == ("failed", 1)


def test_bi_tools_follow_a_release_that_was_reduced(installation, first_night, bi_tools):
    told = installation.airflow().returned("night_2017-12-31", "load_bi")
    assert told == {"release_id": installation.current()}


def test_a_night_that_failed_is_one_mail_whatever_of_it_failed(installation, first_night, mailbox):
    """Eight pulls and a gate failed, and all that shows the build was left out."""
    end = time.monotonic() + TELLING_SECONDS
    while not mailbox.mails and time.monotonic() < end:
        time.sleep(0.5)
    assert mailbox.subjects == [
        "Rapport, night of 31 December 2017: the pull of hubspot_associations, "
        "hubspot_contacts, hubspot_deals and 5 more failed"
    ]
    told = mailbox.mails[0].get_body(("plain",)).get_content()
    assert re.search(r"hubspot_contacts: connection 'rapport_hubspot': .* answered 401", told)
    assert "People may have said no in what did not arrive" in told
    assert "Opt-outs    1 customer who said no since" in told
    assert f"have release {installation.current()}" in told
    status = installation.rapport("status").stdout
    assert "Alerts    by mail (rapport_alerts_smtp); last extract failed at 20" in status


def test_down_leaves_no_process_behind(installation, first_night):
    groups = [
        json.loads(path.read_text())["group"] for path in (installation.home / "run").glob("*.json")
    ]
    assert len(groups) == 5
    assert installation.rapport("down").returncode == 0
    assert [pid for group in groups for pid in embedded._members(group)] == []


# --- firms that have not everything


@pytest.mark.slow
@pytest.mark.parametrize("source", ["shop", "hubspot", "klaviyo"])
def test_one_source_alone_gives_a_release_and_a_report_and_so_it_does_again(tmp_path, source):
    (tmp_path / "sources.yml").write_text(f"{source}: true\n")
    one = Installation(tmp_path)
    try:
        done = one.rapport("run")
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
        assert (tmp_path / "releases" / f"{one.current()}.html").is_file()
        others = {"shop", "hubspot", "klaviyo"} - {source}
        assert f"the firm has no {', '.join(sorted(others))}" in done.stdout
        assert not re.search(rf"extract\.({'|'.join(others)})", done.stdout)
        release = one.current()
        again = one.rapport("run")
        assert again.returncode == 0, again.stdout[-4000:]
        assert one.current() == release
    finally:
        one.rapport("down")


@pytest.mark.slow
def test_another_sources_yml_is_read_by_the_next_run_and_a_faulty_one_is_told_at_once(tmp_path):
    (tmp_path / "sources.yml").write_text("shop: {without: [products, coupons]}\n")
    firm = Installation(tmp_path)
    try:
        done = firm.rapport("run", "--as-of", "2017-12-30")
        assert done.returncode == 0, done.stdout[-4000:]
        assert "switched off in sources.yml: shop.coupons, shop.products" in done.stdout
        (tmp_path / "sources.yml").write_text("shop: true\nklaviyo: {without: [flows]}\n")
        done = firm.rapport("run", "--as-of", "2017-12-31")
        assert done.returncode == 0, done.stdout[-4000:]
        assert "sources.yml changed: starting again what reads it" in done.stdout
        assert re.search(r"extract\.klaviyo_events\s+\d+\.\d s\s+ok", done.stdout)
        assert "extract.klaviyo_flows" not in done.stdout
        (tmp_path / "sources.yml").write_text("shop: true\nklavio: true\n")
        done = firm.rapport("run")
        assert done.returncode == 1
        assert "sources.yml, line 2: klavio is no source; the nearest is klaviyo" in done.stderr
    finally:
        firm.rapport("down")


@pytest.mark.slow
@pytest.mark.parametrize("year", [1996, 1961])
def test_a_firm_of_its_own_runs_a_night_of_any_year_by_its_connection_alone(tmp_path, year):
    shop = tmp_path / "old.sqlite"
    sell(shop, year)
    (tmp_path / "policy.yml").write_text('earliest_plausible_date: "1950-01-01"\n')
    connection = json.dumps({"conn_type": "sqlite", "host": str(shop)})
    old = Installation(tmp_path, RAPPORT_COMPANY="own", AIRFLOW_CONN_RAPPORT_SHOP=connection)
    try:
        done = old.rapport("run", "--as-of", f"{year}-12-30")
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
        assert old.current().startswith(f"{year}-12-30-")
        assert re.search(r"fct_orders\s+300\n", done.stdout)
    finally:
        old.rapport("down")


def sell(path: Path, year: int) -> None:
    """Write a shop of thirty customers and three hundred orders in the last months of a year."""
    with closing(sqlite3.connect(path)) as shop:
        shop.executescript(
            f"""
            create table numbers as
            with recursive n(i) as (select 0 union all select i + 1 from n where i < 299)
            select i, datetime('{year}-06-01', '+' || (i * 17) || ' hours') as moment from n;
            create table customers as
            select 'c' || i as customer_id, 'c' || i || '@example.com' as email,
                '{year}-01-01 00:00:00' as created_at, '{year}-12-01 00:00:00' as updated_at
            from numbers where i < 30;
            create table orders as
            select 'o' || i as order_id, 'c' || (i % 30) as customer_id, '1' as store_id,
                'EUR' as currency_code, moment as ordered_at, moment as updated_at
            from numbers;
            create table order_lines as
            select 'o' || i as order_id, 'p' || (i % 7) as product_id, 1 as quantity,
                9.5 + i % 5 as sales_amount, 0 as retail_discount_amount,
                0 as coupon_discount_amount, 0 as coupon_match_discount_amount,
                moment as updated_at
            from numbers;
            create table products as
            select 'p' || i as product_id, 'm' as manufacturer_id, 'food' as department,
                'house' as brand, 'bread' as product_category, 'loaf' as product_type,
                '1' as package_size, '{year}-01-01 00:00:00' as updated_at
            from numbers where i < 7;
            create table coupons (coupon_upc, product_id, campaign_id, offer_type, valid_from,
                valid_until, updated_at);
            """
        )
