"""A simulated company stands where the APIs and the warehouse read, and its truth nowhere near."""

import json
import sqlite3
from contextlib import closing

import duckdb
import pytest

from rapport.landing import completed_loads, loads_of_night
from rapport.sources.klaviyo.api import attributed
from rapport.sources.streams import STREAMS
from sandbox import FIRST_NIGHT, LAST_NIGHT, prepare
from sandbox.__main__ import main
from sandbox.simulate import Parameters, to_landing
from sandbox.testing import serve
from tests.sandbox.test_klaviyo import check


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    return prepare(tmp_path_factory.mktemp("simulated"), 120, "simulated", days=120)


@pytest.fixture(scope="module")
def landed(tmp_path_factory):
    home = tmp_path_factory.mktemp("landed")
    return home, to_landing.land(home, Parameters(120, 120), last_nights=2)


def test_the_look_alike_apis_serve_it(simulated):
    with serve(simulated) as server:
        deals = server.hubspot.get(
            "/crm/objects/2026-09/tickets?limit=100&properties=hs_pipeline_stage"
        ).json()["results"]
        assert {deal["properties"]["hs_pipeline_stage"] for deal in deals} <= set("1234")
        events = server.klaviyo.get("/events?page[size]=5").json()["data"]
        assert all(event["attributes"]["event_properties"] is not None for event in events)
        campaigns = server.klaviyo.get(
            "/campaigns?filter=equals(messages.channel,'sms')&include=tags"
        ).json()
        tags = {each["attributes"]["name"] for each in campaigns["included"]}
        assert any(tag.startswith("topic:") for tag in tags)


def test_an_order_s_event_leads_to_the_campaign_that_the_mailing_tool_puts_it_down_to(simulated):
    with serve(simulated) as server:
        metrics = server.klaviyo.get("/metrics").json()["data"]
        (placed,) = (each["id"] for each in metrics if each["attributes"]["name"] == "Placed Order")
        wanted = f"filter=equals(metric_id,'{placed}')&page[size]=1000"
        page = check(server.klaviyo.get(f"/events?include=attributions&{wanted}"), "events")
        campaigns = {
            message: campaign["id"]
            for channel in ("email", "sms")
            for campaign in server.klaviyo.get(
                f"/campaigns?filter=equals(messages.channel,'{channel}')&include=campaign-messages"
            ).json()["data"]
            for message in [campaign["relationships"]["campaign-messages"]["data"][0]["id"]]
        }
        told = attributed(page["data"], page["included"])
        credits = {
            event["id"]: event["relationships"]["attributions"]["data"]
            for event in told
            if event["relationships"]["attributions"]["data"]
        }
        assert 0 < len(credits) < len(told)
        for event in told:
            message = (
                event["attributes"]["event_properties"].get("$attribution", {}).get("$message")
            )
            found = credits.get(event["id"], [])
            assert [each["campaign"] for each in found] == ([campaigns[message]] if message else [])
        one = next(iter(credits))
        shown = server.klaviyo.get(f"/events/{one}?include=attributions").json()
        assert shown["included"][0]["relationships"]["event"]["data"]["id"] == one
        plain = server.klaviyo.get(f"/events?{wanted}").json()
        assert "included" not in plain
        assert "attributions" not in plain["data"][0]["relationships"]


def test_it_is_built_once_and_replaces_another(simulated):
    home = simulated.folder.parent
    again = prepare(home, 120, "simulated", days=120)
    assert again == simulated
    assert simulated.truth_path.exists()


def test_no_company_of_another_name_is_built(tmp_path):
    with pytest.raises(ValueError, match="no company"):
        prepare(tmp_path, company="somebody's")


def test_no_source_knows_the_truth(simulated):
    with closing(sqlite3.connect(simulated.crm_path)) as crm:
        tables = {row[0] for row in crm.execute("select name from sqlite_master")}
        bodies = "".join(row[0] for row in crm.execute("select body from records limit 5000"))
    assert not any(table.startswith("truth") for table in tables)
    assert "own_tolerance" not in bodies
    assert "responsiveness" not in bodies


def test_the_truth_has_its_tables(simulated):
    with duckdb.connect(str(simulated.truth_path), read_only=True) as truth:
        tables = {row[0] for row in truth.execute("show tables").fetchall()}
        people = truth.execute("select count(*) from truth_customers").fetchone()
    assert people == (120,)
    assert tables == {
        "truth_campaigns",
        "truth_caused_orders",
        "truth_contact_records",
        "truth_customers",
        "truth_journey_transitions",
        "truth_optimum",
        "truth_parameters",
        "truth_permissions",
        "truth_response_curves",
        "truth_said",
        "truth_staff",
        "truth_type_months",
    }


def test_a_landing_holds_complete_loads_of_every_declared_stream(landed):
    home, counts = landed
    landing = home / "landing"
    for source in ("hubspot", "klaviyo", "shop"):
        assert len(completed_loads(landing, source)) == 3
        assert loads_of_night(landing, source, LAST_NIGHT) == completed_loads(landing, source)
        assert not loads_of_night(landing, source, FIRST_NIGHT)
    for stream in STREAMS:
        files = sorted((landing / stream.source / stream.name).glob("*/*.parquet"))
        with duckdb.connect() as reader:
            for path in files:
                columns = reader.execute(
                    f"describe from read_parquet('{path}', hive_partitioning = false)"
                ).fetchall()
                assert [row[0] for row in columns] == [*stream.declared, "_dlt_load_id"]
                assert {row[1] for row in columns} == {"VARCHAR"}
        assert counts[stream.full_name] or stream.name in {"removals", "refusals"}


def test_the_landing_tells_what_the_apis_would(landed, simulated):
    home, _ = landed
    with duckdb.connect() as reader, closing(sqlite3.connect(simulated.crm_path)) as crm:

        def last_versions(stream):
            pattern = home / "landing" / stream.replace(".", "/") / "*" / "*.parquet"
            return dict(
                reader.execute(
                    f"select id, arg_max(properties, _dlt_load_id) from '{pattern}' group by id"
                ).fetchall()
            )

        for kind in ("contacts", "tickets", "deals"):
            told = dict(
                crm.execute(
                    "select id, body from records where collection = ? and valid_until > ?",
                    [f"hubspot/{kind}", 2**61],
                )
            )
            standing = last_versions(f"hubspot.{kind}")
            assert {id_: json.loads(body) for id_, body in told.items()} == {
                id_: json.loads(standing[id_]) for id_ in told
            }


def test_stages_have_a_history_newest_first(landed):
    home, _ = landed
    with duckdb.connect() as reader:
        rows = reader.execute(
            "select properties ->> '$.hs_pipeline_stage', properties_with_history "
            f"from '{home}/landing/hubspot/tickets/*/*.parquet'"
        ).fetchall()
    for stage, text in rows:
        past = json.loads(text)["hs_pipeline_stage"]
        assert past[0]["value"] == stage
        assert past[-1]["value"] == "1"
        assert [each["timestamp"] for each in past] == sorted(
            (each["timestamp"] for each in past), reverse=True
        )


@pytest.mark.parametrize(
    ("stream", "changed_at"),
    [
        ("klaviyo/events", "datetime"),
        ("hubspot/emails", "updated_at"),
        ("shop/orders", "updated_at"),
        ("shop/order_lines", "updated_at"),
    ],
)
def test_what_landed_lies_in_the_order_in_which_a_pull_asks_for_it(landed, stream, changed_at):
    """What is made of it lies by day then, and a night reads its days and little else."""
    home, _ = landed
    files = home / "landing" / stream / "*" / "*.parquet"
    rows, out_of_order = duckdb.execute(
        f"""
        select count(*), count(*) filter (changed_at < before)
        from (
            select
                {changed_at} as changed_at,
                lag({changed_at}) over (partition by filename order by file_row_number) as before
            from read_parquet('{files}', filename = true, file_row_number = true)
        )
        """
    ).fetchone()
    assert rows > 100
    assert out_of_order == 0


def test_a_landing_that_holds_something_is_left_alone(landed):
    home, _ = landed
    with pytest.raises(ValueError, match="not empty"):
        to_landing.land(home, Parameters(60, 60))


def test_the_command_simulates(tmp_path, capsys):
    arguments = ["simulate", "--home", str(tmp_path), "--customers", "60", "--days", "60"]
    assert main([*arguments, "--to", "landing"]) == 0
    assert "klaviyo.events" in capsys.readouterr().out
