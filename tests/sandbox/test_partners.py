"""The procurement tool's export: whom it names, and that an issue is shown as it stands."""

import csv
import sqlite3
from contextlib import closing

from sandbox import exports, partners

OWNERS = ["31", "32"]
ISSUE = partners.Issue("i1", "s1", "us", "contract", "low", "31", 1_000, 5_000, 9_000)


def table(folder, name):
    with (folder / exports.FOLDER / partners.SOURCE / f"{name}.csv").open() as file:
        return list(csv.DictReader(file))


def test_the_stores_among_the_partners_are_those_of_the_orders_and_staff_is_the_crm_s(
    sandbox_server,
):
    sandbox_server.set_clock("2017-12-31T00:00:00Z")
    folder = sandbox_server.company.folder
    with closing(sqlite3.connect(folder / "shop.sqlite")) as shop:
        stores = {str(row[0]) for row in shop.execute("select distinct store_id from _orders")}
    with closing(sqlite3.connect(folder / "crm.sqlite")) as crm:
        owners = {
            row[0]
            for row in crm.execute("select id from records where collection = 'hubspot/owners'")
        }
    listed = table(folder, "partners")
    assert {row["Partner"] for row in listed if row["Kind"] == "store"} == stores
    assert {row["Looked after by"] for row in listed} <= owners
    said = {row["Our colleague"] for row in table(folder, "contacts_2017-12")}
    assert said
    assert said <= owners


def test_an_issue_is_one_line_as_it_stood_at_the_moment():
    shown = [
        (row.shown_from, row.shown_until, *(bool(value) for value in row.values[-3:]))
        for row in partners._versions(ISSUE, 8_000)
    ]
    assert shown == [
        (1_000, 5_000, True, False, False),
        (5_000, partners.FOREVER, True, True, False),
    ]
    assert list(partners._versions(ISSUE, 500)) == []


def test_a_partner_is_the_same_whoever_else_there_is_and_another_of_another_seed():
    fine = partners.HABITS[7]
    once = list(partners.contacts(fine, 60, OWNERS, seed=1))
    assert once
    assert once == list(partners.contacts(fine, 60, OWNERS, seed=1))
    assert once != list(partners.contacts(fine, 60, OWNERS, seed=2))
