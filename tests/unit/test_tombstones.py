"""Tombstones: who is known again, by what, and what they give away."""

import json
from datetime import UTC, date, datetime

import pytest

from rapport import tombstones
from rapport.errors import ErasureError
from rapport.identity.addresses import email_key
from rapport.tombstones import FOLDER, KEY_FILE, Hashing, Tombstone, Tombstones
from sandbox import canary

ERASED_AT = datetime(2018, 1, 3, tzinfo=UTC)


def buried(folder, **known) -> Tombstones:
    """Put a tombstone of the canary, or of what is said of them, and load it again."""
    hashing = tombstones.hashing_of(folder, make=True)
    tombstones.put(
        folder,
        Tombstone(
            request=known.get("request", "first"),
            erased_at=known.get("erased_at", ERASED_AT),
            key=hashing.name,
            records={
                stream: [hashing.record(stream, id_) for id_ in ids]
                for stream, ids in known.get("records", {}).items()
            },
            emails=[hashing.email(e) for e in known.get("emails", [canary.EMAIL])],
            phones=[hashing.phone(p) for p in known.get("phones", [canary.PHONE])],
            phone_endings=[hashing.phone_ending(p) for p in known.get("phones", [canary.PHONE])],
            phone_regions=["US"],
            customers=[
                (hashing.customer(id_), since, until)
                for id_, since, until in known.get("customers", [])
            ],
        ),
    )
    return Tombstones.load(folder)


def test_a_landing_without_tombstones_knows_nobody_and_has_no_key(tmp_path):
    assert not Tombstones.load(tmp_path)
    assert tombstones.hashing_of(tmp_path, make=False) is None
    assert not (tmp_path / FOLDER).exists()


@pytest.mark.parametrize(
    "spelling",
    [
        "Zyxanthe.Qanarivand+CANARY@Example.Test",
        " <mailto:zyxanthe.qanarivand+canary@example.test>; ",
        "zyxanthe\u200b.qanarivand+canary@example.test",
        "zyxanthe.qanarivand+canary@\uff45\uff58ample.test",
    ],
)
def test_an_address_is_known_in_any_spelling(tmp_path, spelling):
    assert buried(tmp_path).email_until(spelling) == ERASED_AT


def test_another_address_is_not_theirs(tmp_path):
    known = buried(tmp_path)
    assert known.email_until("zyxanthe@example.test") is None
    assert known.email_until("no address") is None
    assert known.email_until(None) is None


@pytest.mark.parametrize(
    "spelling",
    [
        canary.PHONE,
        canary.PHONE_AS_TYPED,
        "1-907-555-0199",
        "001 907 555 0199",
        "\u0669\u0660\u0667 \u0665\u0665\u0665 \u0660\u0661\u0669\u0669",
    ],
)
def test_a_number_is_known_as_people_type_it(tmp_path, spelling):
    expected = None if spelling.startswith("001") else ERASED_AT  # no prefix of the United States
    assert buried(tmp_path).phone_until(spelling) == expected


def test_a_number_with_the_same_last_digits_is_another(tmp_path):
    assert buried(tmp_path).phone_until("(212) 555-0199") is None


def test_a_record_is_known_by_its_id_in_its_own_stream_alone(tmp_path):
    known = buried(tmp_path, records={"hubspot.contacts": ["11"]})
    assert known.has_record("hubspot.contacts", "11")
    assert not known.has_record("shop.customers", "11")
    assert not known.has_record("hubspot.contacts", "12")
    assert not known.has_record("hubspot.contacts", None)


def test_an_id_that_was_theirs_for_a_while_is_theirs_on_those_nights_only(tmp_path):
    spans = [("own", None, None), ("shared", date(2017, 5, 1), date(2017, 6, 1))]
    known = buried(tmp_path, customers=spans)
    assert known.has_customer("own", date(2018, 1, 1))
    assert known.has_customer("own")
    assert known.has_customer("shared", date(2017, 5, 31))
    assert not known.has_customer("shared", date(2017, 6, 1))
    assert not known.has_customer("shared")


def test_a_tombstone_says_nothing_of_who_it_was(tmp_path):
    buried(
        tmp_path,
        records={"hubspot.contacts": ["20001466077"]},
        customers=[("16fd42af1bb4dae66255453fa6d2463f", None, None)],
    )
    for path in (tmp_path / FOLDER).iterdir():
        text = path.read_text().lower()
        found = [*canary.TRACES, "20001466077", "16fd42af1bb4dae66255453fa6d2463f"]
        assert not [trace for trace in found if trace in text], path
        assert path.stat().st_mode & 0o077 == 0


def test_another_key_gives_other_hashes():
    assert Hashing(b"a" * 32).email(canary.EMAIL) != Hashing(b"b" * 32).email(canary.EMAIL)


def test_without_the_key_nobody_is_pulled(tmp_path):
    buried(tmp_path)
    (tmp_path / FOLDER / KEY_FILE).unlink()
    with pytest.raises(ErasureError, match="erased people would come back"):
        Tombstones.load(tmp_path)
    with pytest.raises(ErasureError, match="erased people would come back"):
        tombstones.hashing_of(tmp_path, make=True)


def test_a_tombstone_of_another_key_is_refused(tmp_path):
    buried(tmp_path)
    (tmp_path / FOLDER / KEY_FILE).write_text("ab" * 32)
    with pytest.raises(ErasureError, match="another key"):
        Tombstones.load(tmp_path)


def test_a_torn_tombstone_is_refused(tmp_path):
    buried(tmp_path)
    (tmp_path / FOLDER / "second.json").write_text('{"format": 1')
    with pytest.raises(ErasureError, match="cannot be read"):
        Tombstones.load(tmp_path)


def test_several_requests_are_asked_together_and_one_by_one(tmp_path):
    buried(tmp_path)
    later = datetime(2019, 1, 1, tzinfo=UTC)
    known = buried(tmp_path, request="second", erased_at=later, phones=[])
    assert known.email_until(canary.EMAIL) == later
    assert known.of("first").email_until(canary.EMAIL) == ERASED_AT
    assert tombstones.requests_in(tmp_path) == {"first", "second"}


def test_the_same_people_make_the_same_request():
    hashing = Hashing(b"a" * 32)
    assert tombstones.request_of(hashing, ["b", "a"]) == tombstones.request_of(hashing, ["a", "b"])
    assert tombstones.request_of(hashing, ["a"]) != tombstones.request_of(hashing, ["b"])


def test_a_tombstone_reads_as_it_was_written(tmp_path):
    known = buried(tmp_path, customers=[("a", None, date(2017, 1, 1)), ("a", None, None)])
    (path,) = (tmp_path / FOLDER).glob("*.json")
    assert json.loads(path.read_text()) == known.all[0].as_json()


def test_an_address_is_compared_as_the_models_compare_it():
    assert email_key("A@B\u00fccher.example") == "a@xn--bcher-kva.example"
    assert email_key("e\u0301@example.test") == "\u00e9@example.test"
    assert email_key("@") is None
