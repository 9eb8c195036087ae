"""What a firm's sources.yml may say, what is pulled by it, and what holds without one."""

import json
import os
from datetime import date

import pytest
import yaml
from typer.testing import CliRunner

from rapport.contract import read_contract
from rapport.errors import SourcesError
from rapport.gate.declarations import load_checkpoint
from rapport.orchestration.cli import app
from rapport.settings import ENVIRONMENT, PROJECT_DIR, Settings
from rapport.sources.connection import Connection
from rapport.sources.declared import SOURCES, declared, dispensable, sources_page
from rapport.sources.pull import pull
from rapport.sources.streams import GROUPS, KEPT_BOOKS, REMOVALS, SOURCE_TOTALS, STREAMS


@pytest.fixture
def firm(monkeypatch, tmp_path):
    """Return a function that gives what a firm of its own has under a text, or under none."""
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RAPPORT_COMPANY", "own")
    monkeypatch.setenv("RAPPORT_HOME", str(tmp_path))

    def of(text=None, connected=()):
        if text is not None:
            (tmp_path / "sources.yml").write_text(text)
        return declared(Settings.from_env(), connected.__contains__)

    return of


@pytest.fixture
def problems(firm, tmp_path):
    """Return a function that gives what is wrong with a text, a line each, without the path."""

    def of(text):
        with pytest.raises(SourcesError) as error:
            firm(text)
        return [line.replace(f"{tmp_path / 'sources.yml'}, ", "") for line in error.value.problems]

    return of


# --- what is pulled


@pytest.mark.parametrize("source", SOURCES)
def test_one_source_is_enough(firm, source):
    there = firm(f"{source}: true")
    assert there.sources == (source,)
    assert set(there.names) == {s.full_name for s in STREAMS if s.source == source}
    assert set(there.groups) == {group for group, of in GROUPS.items() if of[0].source == source}


def test_a_source_that_is_false_is_as_good_as_not_named(firm):
    assert firm("shop: true\nklaviyo: false") == firm("shop: true")


def test_a_stream_can_be_switched_off_by_itself(firm):
    there = firm("hubspot: {without: [tickets]}")
    assert there.left_out["hubspot.tickets"] == "switched off"
    assert there.left_out["shop.orders"] == "not declared"
    assert [stream.name for stream in there.groups["hubspot_tickets"]] == ["feedback_submissions"]


def test_a_part_of_a_stream_goes_with_it_and_a_group_with_its_last_stream(firm):
    there = firm("klaviyo: {without: [flows]}")
    assert {"klaviyo.flows", "klaviyo.flow_actions", "klaviyo.flow_messages"} <= set(there.left_out)
    assert "klaviyo_flows" not in there.groups


def test_no_pull_waits_for_one_that_is_not_there(firm):
    there = firm("hubspot: {without: [deals]}")
    assert "hubspot_deals" in str(GROUPS)
    assert all(set(earlier) <= set(there.groups) for earlier in there.after.values())
    assert set(there.after) <= set(there.groups)


def test_what_is_reconciled_is_reconciled_for_every_source_that_there_is(firm):
    there = firm("klaviyo: true")
    assert REMOVALS["klaviyo"] in there.streams
    assert SOURCE_TOTALS["klaviyo"] in there.streams


# --- what is wrong


def test_every_fault_is_told_at_once_with_its_line(problems):
    assert problems("shop: {without: [orders]}\nhubspt: true\nklaviyo:\n") == [
        'line 1: shop.without.0 "orders" is no stream that can be done without; '
        "there are products, coupons",
        "line 2: hubspt is no source; the nearest is hubspot; there are hubspot, klaviyo, shop",
        "line 3: klaviyo must be true or false or a map, not null",
    ]


@pytest.mark.parametrize("text", ["", "{}", "shop: false", "# nothing yet"])
def test_a_file_that_declares_nothing_is_no_firm(problems, text):
    assert problems(text) == ["line 1: declares no source; there are hubspot, klaviyo, shop"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- shop", "line 1: must be a map (`name: value`)"),
        ("shop: true\nshop: false", "line 2: shop stands here a second time, after line 1"),
        ("shop: yes", 'line 1: shop must be true or false or a map, not "yes"'),
        (
            "shop: {wihtout: []}",
            "line 1: shop.wihtout is no key; the nearest is without; there are without",
        ),
    ],
)
def test_a_file_that_is_otherwise_than_it_should_be_is_refused(problems, text, said):
    assert problems(text) == [said]


# --- without a file


def test_a_company_of_the_sandbox_has_all_sources(firm, monkeypatch, tmp_path):
    monkeypatch.setenv("RAPPORT_COMPANY", "simulated")
    there = firm()
    assert there.streams[: len(STREAMS)] == STREAMS
    assert {each.name for each in there.mapped} == {
        path.stem for path in (PROJECT_DIR / "sandbox" / "sources").glob("*.yml")
    }
    (tmp_path / "sources.yml").write_text("shop: true")
    assert firm().mapped == (), "only what the firm says itself"


def test_a_firm_of_its_own_has_the_sources_that_have_a_connection(firm):
    assert firm(connected={"klaviyo", "shop"}).sources == ("klaviyo", "shop")


def test_a_source_whose_connection_was_lost_is_still_one(firm, tmp_path):
    """Its opt-outs would be gone otherwise, and nobody would see it."""
    loads = tmp_path / "landing" / "klaviyo" / "_dlt_loads"
    loads.mkdir(parents=True)
    (loads / "klaviyo__1.5.jsonl").touch()
    assert firm(connected={"shop"}).sources == ("klaviyo", "shop")
    (loads / "klaviyo__1.5.jsonl").rename(loads / "declared.jsonl")
    assert firm(connected={"shop"}).sources == ("shop",)


def test_a_firm_without_any_connection_is_told_what_to_do(firm):
    with pytest.raises(SourcesError, match="AIRFLOW_CONN_RAPPORT_SHOP"):
        firm()


# --- what was landed stays known


def test_what_landed_when_the_firm_had_a_source_is_known_for_good(firm, tmp_path):
    there = firm("shop: true")
    folder = tmp_path / "landing" / "klaviyo" / "events"
    (folder / "load_date=1970-01-01").mkdir(parents=True)
    (folder / "load_date=1970-01-01" / "declared.parquet").touch()
    assert "klaviyo.events" not in there.known(tmp_path / "landing")
    (folder / "load_date=2017-01-01").mkdir()
    (folder / "load_date=2017-01-01" / "1.5.0.parquet").touch()
    assert "klaviyo.events" in there.known(tmp_path / "landing")
    assert "klaviyo.events" not in there.names


def test_of_a_stream_that_was_never_read_nothing_is_known_for_want_of_a_scope(firm, tmp_path):
    there = firm("hubspot: true")
    known = there.known(tmp_path / "landing", refused={"hubspot.tickets"})
    assert "hubspot.tickets" not in known
    assert "hubspot.contacts" in known


# --- the command, the page and the other files that name streams


def test_the_command_shows_what_is_pulled_and_what_is_not(firm):
    firm("shop: {without: [coupons]}")
    shown = CliRunner().invoke(app, ["sources", "--json"])
    told = json.loads(shown.output)
    assert "shop.orders" in told["pulled"]
    assert told["left_out"]["shop.coupons"] == "switched off"


def test_the_page_is_as_the_streams_are():
    assert (PROJECT_DIR / "docs" / "sources.md").read_text() == sources_page()


def test_every_stream_of_an_api_says_its_scope_and_what_is_lost_without_it():
    for stream in STREAMS:
        if stream in KEPT_BOOKS:
            continue
        assert bool(stream.scope) == (stream.source != "shop"), stream.full_name
        assert stream.is_dispensable == bool(stream.without or stream.part_of), stream.full_name
        assert not stream.part_of or stream.part_of in dispensable(stream.source)


@pytest.mark.parametrize("gate", ["sources", "publish"])
def test_a_suite_needs_streams_that_there_are(gate):
    names = {stream.full_name for stream in STREAMS}
    checkpoint = load_checkpoint(PROJECT_DIR / "expectations", gate)
    needed = {n for v in checkpoint.validations for need in v.needs for n in need.split(" or ")}
    assert needed
    assert needed <= names


def test_a_column_is_known_by_streams_that_there_are_and_is_there():
    names = {stream.full_name for stream in STREAMS}
    names |= {stream.name for stream in read_contract(PROJECT_DIR / "dbt_project")}
    marts = PROJECT_DIR / "dbt_project" / "models" / "marts"
    told = 0
    for path in marts.rglob("_*.yml"):
        for model in (yaml.safe_load(path.read_text()) or {}).get("models", []):
            columns = {column["name"] for column in model.get("columns", [])}
            by_stream = model.get("config", {}).get("meta", {}).get("known_by", {})
            for streams, known in by_stream.items():
                assert set(streams.split(" or ")) <= names, (model["name"], streams)
                assert set(known) <= columns, (model["name"], streams)
                told += len(known)
    assert told > 200


def test_what_a_source_that_is_declared_no_more_said_still_holds(firm, tmp_path):
    """An opt-out does not end with the file that declared where it was found."""
    path = tmp_path / "sources" / "office.yml"
    path.parent.mkdir()
    path.write_text(
        "kind: files\n"
        "path: exports\n"
        "tables:\n"
        "  people:\n"
        "    files: people.csv\n"
        "    streams:\n"
        "      consents: {columns: {contact_id: id, channel: \"'email'\", action: said}}\n"
    )
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "people.csv").write_text("id,said\n7,withdraw\n")
    os.utime(tmp_path / "exports" / "people.csv", (0, 0))
    there, landing_dir = firm(), tmp_path / "landing"
    pull(
        "office",
        Connection("rapport_office", ""),
        as_of=date(2025, 7, 1),
        landing_dir=landing_dir,
        work_dir=tmp_path / "work",
        declared=there,
    )
    said = there.mapped[0].variables()
    path.unlink()
    after = firm("shop: true")
    assert after.mapped == ()
    assert "office" not in after.groups
    assert [{**each, "file": ""} for each in after.retired[0].variables()] == [
        {**each, "file": ""} for each in said
    ]
    assert "office.people" in after.known(landing_dir)
    assert "office.people" not in after.names
