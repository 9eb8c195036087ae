"""A CRM that nobody here wrote, pulled by a declaration alone: what changes in it is found.

BottleCRM 1.35.0 with its own API: an organisation is filled, pulled and built; then records are
added, changed, merged and deleted, and the next night has it all.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest

from rapport.build.run import built_aside
from rapport.settings import Settings
from rapport.sources.connection import Connection
from rapport.sources.declared import Declared
from rapport.sources.mapped import read_source
from rapport.sources.pull import pull
from tests.bottlecrm import crm as bottlecrm

# Its 200 migrations alone take two minutes of a machine that does nothing else.
pytestmark = [pytest.mark.bottlecrm, pytest.mark.timeout(3600)]

DECLARATION = Path(__file__).parents[1] / "fixtures" / "bottlecrm" / "sources" / "bottle.yml"
MORE_THAN_A_PAGE = 101
MARTS = ("dim_customers", "dim_companies", "fct_deals", "fct_tickets", "int_identity__contact_map")


@dataclass
class Night:
    """What a night has, by the ids of the CRM."""

    customer_of: dict
    records: dict
    customers: dict
    companies: dict
    deals: dict
    tickets: dict
    landed: dict


@pytest.fixture(scope="module")
def night(tmp_path_factory, monkeypatch_module):
    """Return a function that pulls a running CRM and builds the marts of a night."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch_module.setenv("RAPPORT_HOME", str(home))
    monkeypatch_module.setenv("RAPPORT_COMPANY", "own")
    settings = Settings.from_env()
    source = read_source(DECLARATION, home, settings.dbt_project_dir)
    declared = Declared((), "test").with_mapped(source)

    def run(crm, as_of):
        landed = pull(
            "bottle",
            Connection("rapport_bottle", crm.url, crm.token),
            as_of=as_of,
            landing_dir=settings.landing_dir,
            work_dir=settings.work_dir,
            declared=declared,
        )
        with built_aside(settings, as_of, MARTS, declared=declared) as path:
            return _night(path, landed)

    return run


@pytest.fixture(scope="module")
def monkeypatch_module():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


def _night(path, landed):
    with duckdb.connect(str(path), read_only=True) as built:
        schemas = dict(
            built.execute(
                "select table_name, table_schema from information_schema.tables"
            ).fetchall()
        )

        def by(model, key):
            found = built.sql(f"select * from {schemas[model]}.{model}")
            rows = [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]
            return {row[key].removeprefix("bottle:"): SimpleNamespace(**row) for row in rows}

        people = by("int_identity__contact_map", "source_record_id")
        return Night(
            customer_of={id_: row.customer_id for id_, row in people.items()},
            records=by("int_identity__contacts", "source_record_id"),
            customers=by("dim_customers", "customer_id"),
            companies=by("dim_companies", "company_id"),
            deals=by("fct_deals", "deal_id"),
            tickets=by("fct_tickets", "ticket_id"),
            landed=landed,
        )


@pytest.fixture(scope="module")
def told(tmp_path_factory, night):
    """Two nights of a CRM, and the ids of what was in it."""
    today = datetime.now(UTC).date()
    with bottlecrm.running(tmp_path_factory.mktemp("bottlecrm")) as crm:
        ids = _filled(crm)
        before = night(crm, today)
        _changed(crm, ids)
        after = night(crm, today + timedelta(days=1))
    return SimpleNamespace(ids=ids, before=before, after=after)


def _filled(crm):
    def person(name, **more):
        return crm.make(
            "contacts/",
            first_name=name,
            last_name="Test",
            email=f"{name.lower()}@example.com",
            **more,
        )

    ids = SimpleNamespace()
    ids.acme = crm.make("accounts/", name="Acme", industry="SOFTWARE", country="DE")
    ids.closed_down = crm.make("accounts/", name="Closed down")
    ids.ann = person("Ann", country="DE", account=ids.acme)
    ids.bob = person("Bob", phone="+49 30 901820")
    ids.bob_again = person("Bobby")
    ids.cy = person("Cy")
    ids.crowd = [person(f"P{number}") for number in range(MORE_THAN_A_PAGE)]
    ids.lea = crm.make(
        "leads/",
        title="A lead",
        first_name="Lea",
        last_name="Test",
        email="lea@example.com",
        company_name="Lea & Co",
        status="assigned",
    )
    ids.lost_lead = crm.make(
        "leads/",
        title="Lost",
        first_name="Leo",
        last_name="Test",
        email="leo@example.com",
        status="closed",
    )

    def deal(name, contact, account=ids.acme):
        return crm.make(
            "opportunities/",
            name=name,
            account=account,
            contacts=[contact],
            amount="1500.75",
            currency="EUR",
            stage="PROSPECTING",
            closed_on="2030-01-31",
        )

    ids.to_win = deal("To win", ids.ann)
    ids.to_drop = deal("To drop", ids.ann)

    def case(name, contact):
        return crm.make(
            "cases/",
            name=name,
            status="New",
            priority="High",
            case_type="Question",
            account=ids.acme,
            contacts=[contact],
        )

    ids.to_close = case("To close", ids.ann)
    ids.to_delete = case("To delete", ids.ann)
    ids.kept_case = case("Kept", ids.ann)
    ids.merged_case = case("Merged into it", ids.ann)
    ids.of_bob_again = case("Of the second Bob", ids.bob_again)
    crm.post("tasks/", title="Call back", status="New", priority="Medium", due_date="2030-01-31")
    return ids


def _changed(crm, ids):
    ids.new = crm.make("contacts/", first_name="New", last_name="Test", email="new@example.com")
    ids.case_of_new = crm.make(
        "cases/",
        name="Hello",
        status="New",
        priority="Low",
        case_type="Incident",
        contacts=[ids.new],
    )
    crm.change("contacts/", ids.ann, country="AT")
    crm.change("accounts/", ids.acme, industry="BANKING")
    crm.merge("contacts/", ids.bob, ids.bob_again)
    crm.delete("contacts/", ids.cy)
    crm.delete("accounts/", ids.closed_down)
    ids.lea_contact = crm.convert(ids.lea)
    crm.change(
        "opportunities/", ids.to_win, stage="CLOSED_WON", closed_on=str(datetime.now(UTC).date())
    )
    crm.delete("opportunities/", ids.to_drop)
    crm.change("cases/", ids.to_close, status="Closed", closed_on=str(datetime.now(UTC).date()))
    crm.delete("cases/", ids.to_delete)
    crm.merge_cases(ids.kept_case, ids.merged_case)


def test_all_that_it_has_is_in_the_marts(told):
    people = 4 + MORE_THAN_A_PAGE + 2
    assert told.before.landed["contacts"] + told.before.landed["leads"] == people
    assert len(told.before.customers) == people
    assert told.before.companies.keys() == {told.ids.acme, told.ids.closed_down}
    assert told.before.deals.keys() == {told.ids.to_win, told.ids.to_drop}
    assert len(told.before.tickets) == 5
    assert told.before.landed["refusals"] == 0


def test_who_was_added_is_a_customer_and_has_their_ticket(told):
    customer = told.after.customer_of[told.ids.new]
    assert customer in told.after.customers
    assert told.after.tickets[told.ids.case_of_new].customer_id == customer


def test_what_was_changed_is_as_it_is_now(told):
    ids, before, after = told.ids, told.before, told.after
    ann = before.customer_of[ids.ann]
    assert after.customer_of[ids.ann] == ann
    assert (before.customers[ann].country_code, after.customers[ann].country_code) == ("DE", "AT")
    industries = (before.companies[ids.acme].industry, after.companies[ids.acme].industry)
    assert industries == ("SOFTWARE", "BANKING")
    assert (before.deals[ids.to_win].outcome, after.deals[ids.to_win].outcome) == ("open", "won")
    assert not before.tickets[ids.to_close].is_closed
    assert after.tickets[ids.to_close].is_closed


def test_a_contact_that_was_merged_into_another_is_gone_and_its_ticket_is_the_others(told):
    ids, before, after = told.ids, told.before, told.after
    away = before.customer_of[ids.bob_again]
    assert before.tickets[ids.of_bob_again].customer_id == away
    assert after.records[ids.bob_again].is_removed
    assert after.tickets[ids.of_bob_again].customer_id == after.customer_of[ids.bob] != away


def test_what_was_deleted_is_gone_and_nothing_names_who_it_was(told):
    ids, before, after = told.ids, told.before, told.after
    was, is_ = before.records[ids.cy], after.records[ids.cy]
    assert (was.is_removed, was.email) == (False, "cy@example.com")
    assert (is_.is_removed, is_.email, is_.first_name) == (True, None, None)
    gone = {id_ for id_, each in after.records.items() if each.is_removed}
    assert gone == {ids.cy, ids.bob_again, ids.lea}
    assert ids.closed_down in before.companies
    assert ids.closed_down not in after.companies
    assert ids.to_drop not in after.deals
    assert ids.to_delete not in after.tickets


def test_a_ticket_that_was_merged_into_another_is_gone_and_the_other_stays(told):
    ids, before, after = told.ids, told.before, told.after
    assert ids.merged_case in before.tickets
    assert ids.merged_case not in after.tickets
    assert ids.kept_case in after.tickets


def test_a_lead_that_was_converted_is_the_same_customer_as_a_contact(told):
    ids, before, after = told.ids, told.before, told.after
    lea = before.customer_of[ids.lea]
    assert before.customers[lea].lifecycle_stage == "lead"
    assert after.customer_of[ids.lea_contact] == lea
    assert lea in after.customers
