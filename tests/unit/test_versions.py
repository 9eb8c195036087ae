"""Which versions of the vendors' APIs are called, and when that is told to end."""

import ast
import re
from datetime import date, timedelta
from pathlib import Path

import pytest

from rapport.sources import versions
from rapport.sources.declared import Declared
from rapport.sources.streams import STREAMS
from rapport.sources.versions import DEFAULTS, ENDPOINTS, VERSIONS, WARNING_DAYS, chosen, ending

SOURCES = Path(versions.__file__).parent
CHOSE = {source: version.name for source, version in DEFAULTS.items()}
EVERYTHING = Declared().names
ASKS = {"pages", "post", "post_unless"}
V1_ENDS = versions.HUBSPOT_V1.ends_on


def test_nothing_is_told_while_every_version_has_long_to_live():
    first = min(version.ends_on for version in (versions.HUBSPOT_V1, *DEFAULTS.values()))
    assert ending(first - timedelta(days=WARNING_DAYS + 1), EVERYTHING, CHOSE) == []


@pytest.mark.parametrize(("days", "told"), [(180, "ends on"), (1, "ends on"), (0, "has ended on")])
def test_a_version_is_told_of_from_half_a_year_before_its_end(days, told):
    (line,) = ending(V1_ENDS - timedelta(days=days), EVERYTHING, CHOSE)
    assert "hubspot's version v1 (/email/public/v1/events)" in line
    assert f"{told} {V1_ENDS}" in line


def test_a_version_that_many_calls_share_is_told_of_once():
    klaviyo = tuple(name for name in EVERYTHING if name.startswith("klaviyo."))
    (line,) = ending(DEFAULTS["klaviyo"].ends_on, klaviyo, CHOSE)
    assert f"({len(ENDPOINTS['klaviyo'])} paths) has ended" in line


@pytest.mark.parametrize("without", ["hubspot.email_events", "hubspot"])
def test_what_a_firm_does_not_pull_is_not_told_of(without):
    names = [s.full_name for s in STREAMS if without not in (s.full_name, s.source)]
    assert ending(V1_ENDS, names, CHOSE) == []


def test_a_version_that_a_connection_chooses_is_judged_instead():
    chose = CHOSE | {"klaviyo": chosen("klaviyo", {"revision": "2026-07-15"})}
    day = versions.KLAVIYO_2026_07.ends_on - timedelta(days=WARNING_DAYS)
    assert ending(day, ("klaviyo.events",), CHOSE) == []
    (line,) = ending(day, ("klaviyo.events",), chose)
    assert "2026-07-15" in line


def test_of_a_version_that_rapport_does_not_know_that_is_told():
    chose = CHOSE | {"hubspot": chosen("hubspot", {"version": "2031-03"})}
    (line,) = ending(date(2026, 12, 1), ("hubspot.contacts",), chose)
    assert "version 2031-03" in line
    assert "take version out of the connection's extra" in line


def test_every_version_says_where_its_end_is_told():
    assert all(version.told_in.startswith("https://") for version in VERSIONS)
    assert set(DEFAULTS.values()) <= set(VERSIONS)


@pytest.mark.parametrize("vendor", list(ENDPOINTS))
def test_no_path_and_no_version_stands_elsewhere(vendor):
    for path in sorted((SOURCES / vendor).glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not re.match(r"/[a-z]|\d{4}-\d{2}(-\d{2})?$", node.value), (path, node.value)
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ASKS:
                first = node.args[0].values[0] if _is_text(node.args[0]) else node.args[0]
                assert not isinstance(first, ast.Constant), (path, node.lineno)


def _is_text(node):
    return isinstance(node, ast.JoinedStr)
