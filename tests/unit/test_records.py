"""From a record to a row: what has a column goes there, and nothing is dropped."""

import json

import pytest

from rapport.errors import SourceError
from rapport.sources.records import as_text, to_row
from rapport.sources.streams import CONTACTS, OWNERS


def row(stream, **record):
    return to_row(stream, {"id": "1", **record}, connection="rapport_hubspot")


def test_a_member_without_a_column_is_kept_as_json():
    assert json.loads(row(CONTACTS, url="u", objectWriteTraceId=None)["extra"]) == {
        "url": "u",
        "objectWriteTraceId": None,
    }


def test_a_member_that_is_a_column_of_another_stream_only_is_kept_too():
    assert json.loads(row(CONTACTS, teams=[1])["extra"]) == {"teams": [1]}
    assert row(OWNERS, teams=[1])["extra"] is None


def test_a_record_without_an_id_is_refused():
    with pytest.raises(SourceError, match=r"hubspot\.contacts: a record came without an id"):
        to_row(CONTACTS, {"id": ""}, connection="rapport_hubspot")


def test_letters_of_any_script_stay_letters():
    assert as_text({"name": "Nguyễn ی"}) == '{"name":"Nguyễn ی"}'
