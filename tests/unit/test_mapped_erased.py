"""Whose rows of a declared source are, as its mapping says it, and what becomes of them."""

import pytest

from rapport.sources.declared import Declared
from rapport.sources.erased import Erased
from rapport.sources.mapped.erased import record_of
from rapport.sources.records import to_table
from rapport.sources.streams import REFUSALS, REMOVALS
from sandbox import canary
from tests.declaring import Firm
from tests.unit.test_tombstones import buried

BEFORE, AFTER = "2017-12-01T00:00:00Z", "2018-02-01T00:00:00Z"
TABLES = {
    "customers": {
        "contacts": {
            "columns": {
                "contact_id": "id",
                "email": "lower(mail)",
                "phones": "phone",
                "created_at": "made",
            }
        }
    },
    # As shops export them: the buyer stands on the order.
    "orders": {
        "orders": {
            "where": "status <> 'test'",
            "columns": {
                "order_id": "number",
                "contact_id": "mail",
                "currency_code": "currency",
                "ordered_at": "placed",
            },
        },
        "contacts": {"columns": {"contact_id": "mail", "email": "mail", "created_at": "placed"}},
    },
    "calls": {
        "engagements": {
            "columns": {
                "engagement_type": "'calls'",
                "engagement_id": "id",
                "contact_ids": "with_whom",
                "occurred_at": "at_",
            }
        }
    },
    "articles": {"products": {"columns": {"product_id": "sku"}}},
}


class Asked:
    def __init__(self, home):
        self.firm = Firm(home)
        tables = {name: {"files": "*.csv", "streams": of} for name, of in TABLES.items()}
        source = self.firm.declare({"kind": "files", "path": "exports", "tables": tables})
        self.source = Declared(()).with_mapped(source).mapped_source("web_shop")
        buried(self.firm.landing_dir, records={record_of("web_shop"): ["77"]})
        self.erased = Erased.of(self.firm.landing_dir, "web_shop", self.source)

    def __call__(self, name, *rows):
        stream = next((s for s in self.source.streams if s.name == name), None)
        found = self.erased(name, to_table(stream, rows))
        self.rows = found.rows.to_pylist()
        return found.erased, found.altered

    def kept(self, column):
        return [row[column] for row in self.rows]


@pytest.fixture
def asked(tmp_path):
    return Asked(tmp_path)


def test_a_contact_goes_by_its_id_and_by_what_was_theirs(asked):
    assert asked(
        "customers",
        {"id": "77", "mail": "new@example.test", "made": AFTER},
        {"id": "78", "mail": canary.EMAIL.upper(), "made": BEFORE},
        {"id": "79", "mail": canary.EMAIL, "made": AFTER},
        {"id": "80", "mail": canary.EMAIL, "made": "some day"},
        {"id": "81", "phone": canary.PHONE, "made": BEFORE},
        {"id": "82", "mail": "somebody@example.test", "made": BEFORE},
    ) == (4, 0)
    assert asked.kept("id") == ["79", "82"]


def test_an_order_stays_as_a_guests_with_nothing_that_says_whose(asked):
    order = {"number": "1001", "status": "paid", "currency": "EUR", "placed": BEFORE}
    theirs = {"mail": canary.EMAIL, "shipping_name": "Somebody", "note": "ring twice"}
    assert asked(
        "orders", order | theirs, order | {"number": "1002", "mail": "a@example.test"}
    ) == (
        0,
        1,
    )
    assert asked.rows[0] == dict.fromkeys([*asked.rows[0]]) | order
    assert asked.kept("mail") == [None, "a@example.test"]
    assert asked("orders", *asked.rows) == (0, 0), "what was emptied is not emptied again"


def test_an_order_of_whoever_registered_since_is_theirs(asked):
    order = {"number": "1001", "placed": AFTER, "mail": canary.EMAIL}
    assert asked("orders", order) == (0, 0)


def test_what_names_others_too_stays_without_them(asked):
    assert asked(
        "calls", {"id": "1", "with_whom": "77"}, {"id": "2", "with_whom": "77; 78;177"}
    ) == (1, 1)
    assert asked.kept("with_whom") == ["; 78;177"]


def test_what_names_nobody_is_left_alone(asked):
    assert asked("articles", {"sku": "77"}) == (0, 0)


def test_refusals_and_removals_of_theirs_go(asked):
    refused = [
        {"stream": "customers", "id": "a.csv:3", "record": f"78;{canary.EMAIL};x"},
        {"stream": "customers", "id": "a.csv:4", "record": '"77";x'},
        {"stream": "customers", "id": "a.csv:5", "record": "177;x"},
    ]
    assert asked(REFUSALS["web_shop"].name, *refused) == (2, 0)
    removed = [{"object_type": "customers", "id": id_} for id_ in ("77", "78", canary.EMAIL)]
    assert asked(REMOVALS["web_shop"].name, *removed) == (2, 0)


def test_who_was_erased_does_not_land_again(tmp_path):
    asked = Asked(tmp_path)
    firm = asked.firm
    firm.declare(
        {
            "kind": "files",
            "path": "exports",
            "tables": {"customers": {"files": "*.csv", "streams": TABLES["customers"]}},
        }
    )
    firm.send("a.csv", "id,mail,phone,made\n77,a@example.test,,\n78,b@example.test,,\n")
    assert firm.pull()["customers"] == 1
    assert firm.rows("customers", "id") == [("78",)]
