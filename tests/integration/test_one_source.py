"""A firm that has one source alone: a green night, a release without made-up zeros, a report.

One build for each source, shared by all tests of it; the sandbox serves all three all the while.
The CRM's key lacks the scope of tickets, which a night can do without.
"""

import json
from dataclasses import replace
from datetime import date

import pytest

from rapport.report import write_report
from rapport.sources.declared import SOURCES, Declared
from rapport.sources.streams import STREAMS
from sandbox.testing import serve
from tests.house import House

NIGHT = date(2018, 1, 2)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    from sandbox import prepare

    with serve(prepare(tmp_path_factory.mktemp("company"), households=60)) as served:
        yield served


class Firm(House):
    """A house that has one source, after its night."""

    def __init__(self, home, server, source):
        streams = tuple(stream for stream in STREAMS if stream.source == source)
        super().__init__(home, server, Declared(streams))
        self.source = source
        crm = self.connections["hubspot"]
        self.connections["hubspot"] = replace(crm, secret=f"{crm.secret}-without-tickets")
        self.extract(NIGHT)
        self.sources_gate = self.check("sources", NIGHT)
        self.build(NIGHT, "--exclude-resource-type", "test")
        self.release = self.publish(NIGHT)
        self.manifest = json.loads((self.release.path / "manifest.json").read_text())

    def nulls(self, mart, *columns):
        """How many rows a mart has, and in how many each column has a value."""
        counts = ", ".join(f"count({column})" for column in columns)
        schema = "metrics" if mart.endswith("_figures") else "marts"
        return self.query(f"select count(*), {counts} from {schema}.{mart}")[0]


@pytest.fixture(
    scope="module",
    # the CRM alone has what the others alone have, and a stream that its key may not read
    params=[s if s == "hubspot" else pytest.param(s, marks=pytest.mark.slow) for s in SOURCES],
)
def firm(request, server, tmp_path_factory):
    return Firm(tmp_path_factory.mktemp(request.param), server, request.param)


def test_one_source_alone_passes_both_gates_and_is_released(firm):
    assert firm.release.is_current
    assert firm.sources_gate.critical == []
    assert firm.query("select count(*) from marts.dim_customers")[0][0] > 50


def test_nothing_of_another_source_landed_or_was_staged(firm):
    assert firm.ask_warehouse(
        f"select sum(landed_count), sum(staged_count) from ops.row_conservation "
        f"where source <> '{firm.source}'"
    ) == [(0, 0)]


def test_the_release_says_what_the_firm_has_and_what_was_not_looked_at(firm):
    assert firm.manifest["sources"]["read"] == [firm.source]
    assert set(firm.manifest["sources"]["not_declared"]) == set(SOURCES) - {firm.source}
    left_out = " ".join(firm.manifest["gate"]["left_out"])
    assert ("audit.order_flow" in left_out) == (firm.source != "shop")
    assert ("audit.mail_metrics" in left_out) == (firm.source != "klaviyo")


def test_what_nothing_tells_of_is_null_and_not_0(firm):
    untold = firm.ask_warehouse("select mart, column_name, known_by from ops.untold_columns")
    assert len(untold) > 50
    by_mart = {}
    for mart, column, known_by in untold:
        told_by = {name for name in known_by.split(" or ") if name != "hubspot.tickets"}
        assert firm.source not in {name.partition(".")[0] for name in told_by}
        by_mart.setdefault(mart, []).append(column)
    for mart, columns in by_mart.items():
        assert set(firm.nulls(mart, *columns)[1:]) == {0}, mart
    rows, orders, is_buyer = firm.nulls("dim_customers", "order_count", "has_shop_account")
    assert (orders == rows, is_buyer == rows) == (firm.source == "shop",) * 2


def test_a_column_that_is_not_known_says_so_where_a_reader_looks(firm):
    by_column = dict(
        firm.query(
            "select column_name, comment from duckdb_columns() where table_name = 'dim_customers'"
        )
    )
    said = by_column["order_count"].endswith("Not known: nothing was ever read of shop.orders.")
    assert said == (firm.source != "shop")


def test_no_count_of_a_mart_is_0_for_everybody_because_its_source_is_absent(firm):
    """Orders, campaigns' orders, messages, calls, tickets and surveys, each with its source."""
    told_by = {
        "shop": {
            "dim_customer_value": ("order_count", "sales_amount", "value_tier"),
            "dim_customer_marketing": ("order_count", "sales_amount"),
            "fct_customer_months": ("order_count",),
        },
        "hubspot": {
            "fct_customer_months": ("call_count", "survey_count"),
            "dim_customers": ("has_crm_contact",),
        },
        "klaviyo": {
            "dim_contact_pressure": ("sms_marketing_contact_count_30d",),
            "dim_customers": ("has_mailing_profile", "has_email_consent"),
            "dim_customer_marketing": ("redeemed_count",),
        },
    }
    for source, marts in told_by.items():
        for mart, columns in marts.items():
            rows, *known = firm.nulls(mart, *columns)
            assert rows > 0
            assert known == [rows if source == firm.source else 0] * len(columns), (source, mart)


def test_a_stream_that_the_key_may_not_read_is_left_out_and_its_scope_named(firm):
    """Its figures are no zeros either: nobody could count."""
    is_crm = firm.source == "hubspot"
    assert firm.manifest["sources"]["refused"] == ({"hubspot.tickets": "tickets"} if is_crm else {})
    warned = "hubspot.tickets lacks the scope tickets" in " ".join(firm.sources_gate.warnings)
    assert warned == is_crm
    assert firm.nulls("fct_customer_months", "ticket_count")[1] == 0
    page = write_report(firm.release.path).read_text()
    assert ("refused the key, which lacks the scope tickets" in page) == is_crm


def test_an_empty_list_is_no_list_that_nobody_may_leave(firm):
    """Without a word of consent nobody is on a list but of those whom we owe an answer."""
    others = firm.query(
        "select preferences.email_consent, count(*) from segments.segment_members as members "
        "inner join segments.segments as segments using (segment) "
        "inner join marts.dim_preferences as preferences using (customer_id) "
        "where segments.message_class is distinct from 'service' and segments.takes_slot "
        "group by preferences.email_consent"
    )
    assert {consent for consent, _ in others} <= {"granted"}
    assert bool(others) == (firm.source != "shop")


def test_a_list_for_a_tool_that_the_firm_has_not_got_goes_into_files(firm):
    there = {"hubspot", "klaviyo"} & {firm.source}
    found = firm.query("select distinct destination from segments.segments")
    assert {name for (name,) in found} == there | {"files"}


def test_the_report_says_in_a_line_what_cannot_be_said(firm):
    page = write_report(firm.release.path).read_text()
    assert ("Nobody knows: it takes shop.orders," in page) == (firm.source != "shop")
    wants_mail = "Nobody knows: it takes klaviyo.events or hubspot.email_events," in page
    assert wants_mail == (firm.source == "shop")
    assert "the firm has not this source" in page
