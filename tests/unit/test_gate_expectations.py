"""The expectations as they stand: nothing unread, nothing unguarded, nothing out of date."""

import re
from pathlib import Path

import pytest

from rapport.gate.declarations import load_checkpoint
from rapport.sources.streams import STREAMS

ROOT = Path(__file__).parents[2]
EXPECTATIONS = ROOT / "expectations"
MODELS = ROOT / "dbt_project" / "models"
CHECKPOINTS = sorted(path.stem for path in (EXPECTATIONS / "checkpoints").glob("*.yml"))


def validations():
    return [
        validation
        for name in CHECKPOINTS
        for validation in load_checkpoint(EXPECTATIONS, name).validations
    ]


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_every_checkpoint_reads_without_a_problem(name):
    assert load_checkpoint(EXPECTATIONS, name).problems == []


def test_the_two_borders_have_their_checkpoints():
    assert CHECKPOINTS == ["publish", "sources"]


def test_every_suite_guards_a_table():
    files = {f"{path.parent.name}.{path.stem}" for path in (EXPECTATIONS / "suites").rglob("*.yml")}
    assert files == {validation.table for validation in validations()}


def test_every_audit_query_is_looked_at():
    queries = {validation.query for validation in validations() if validation.query}
    assert queries == set((EXPECTATIONS / "audits").rglob("*.sql"))


def test_every_audit_model_is_looked_at():
    written = {path.stem: path.read_text() for path in (MODELS / "audit").glob("*.sql")}
    told_by_another = {
        name for text in written.values() for name in re.findall(r"ref\('(\w+)'\)", text)
    }
    models = {f"audit.{name}" for name in written.keys() - told_by_another}
    gated = {v.table for v in validations() if v.table.startswith("audit.")}
    assert models == gated


# A survey asked on another scale says nothing of anybody; a word that nobody knows leaves orders as
# they are. Neither is a reason to hold back what others say.
# A scope that a key lacks is said, and what it would have told is not known. What was damaged was
# laid aside: what is left can be read.
ONLY_WARN = {"audit.order_statuses", "audit.survey_scales", "landing.damage", "landing.scopes"}
# Part of a key, and yet empty in good rows: a span without a beginning, a refused request that was
# about no single record.
MAY_BE_EMPTY = {"source_totals": {"compared_from"}, "refusals": {"id", "part"}}


def test_every_suite_but_those_that_say_why_can_stop_the_night():
    warning = {
        validation.table
        for validation in validations()
        if "critical" not in {e["severity"] for e in validation.suite["expectations"]}
    }
    assert warning == ONLY_WARN


def always_there(stream):
    """The columns of a stream's key that no good row lacks."""
    lacking = MAY_BE_EMPTY.get(stream.name, set())
    return tuple(column for column in stream.key if column not in lacking)


def test_the_audit_of_streams_knows_every_stream_by_its_key():
    text = (EXPECTATIONS / "audits/landing/streams.sql").read_text()
    audited = {
        f"{source}.{stream}": tuple(re.findall(r"'(\w+)'", key))
        for source, stream, key in re.findall(
            r"from stream_figures\(\s*'(\w+)',\s*'(\w+)',\s*\[([^\]]*)\]", text
        )
    }
    assert audited == {stream.full_name: always_there(stream) for stream in STREAMS}


def test_the_audit_of_fields_asks_only_for_declared_columns_of_every_stream():
    text = (EXPECTATIONS / "audits/landing/fields.sql").read_text()
    required = {
        f"{source}.{stream}": set(re.findall(r"'(\w+)'", columns))
        for source, stream, columns in re.findall(
            r"from column_figures\(\s*'(\w+)',\s*'(\w+)',\s*\[([^\]]*)\]", text
        )
    }
    assert required.keys() == {stream.full_name for stream in STREAMS}
    for stream in STREAMS:
        assert set(always_there(stream)) <= required[stream.full_name] <= set(stream.columns)


def test_the_scan_for_identifiers_covers_everything_a_release_shows():
    text = (MODELS.parent / "macros/release/released.sql").read_text()
    (listed,) = re.findall(r"macro released_tables.*?return\(\[(.*?)\]", text, re.DOTALL)
    released = {
        path.stem
        for layer in ("marts", "metrics", "segments")
        for path in (MODELS / layer).rglob("*.sql")
        if not path.stem.startswith(("seg_", "int_"))
    }
    assert set(re.findall(r"'(\w+)'", listed)) == released


@pytest.mark.parametrize(
    "name", ["phone_number", "customer_email", "first_name", "postcode", "city"]
)
def test_no_released_column_may_have_the_name_of_an_identifier(name):
    (suite,) = [v.suite for v in validations() if v.table == "audit.released_columns"]
    (pattern,) = [e["kwargs"]["regex"] for e in suite["expectations"] if "regex" in e["kwargs"]]
    assert re.search(pattern, name)
    assert not re.search(pattern, f"{name}_share")
