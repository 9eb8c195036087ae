"""The source gate over a landing as dlt leaves it: what stops before anything is built."""

import json
import shutil
import time
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from rapport.errors import DamagedLanding, GateFailed
from rapport.gate import run_checkpoint
from rapport.landing import declare
from rapport.landing.damage import set_aside_damaged
from rapport.sources.hubspot.types import OBJECT_TYPES
from rapport.sources.streams import GROUPS, OF_CONSENT, STREAMS

EXPECTATIONS = Path(__file__).parents[2] / "expectations"
NIGHT = date(2018, 1, 2)
CANARY = "hopper.canary@example.com"
DOCUMENTS = {
    "properties": {"email": CANARY, "dealstage": "closedwon", "hs_pipeline_stage": "1"},
    "attributes": {
        "email": CANARY,
        "name": "x",
        "send_time": "2018-01-01T08:00:00Z",
        "subscriptions": {},
        "event_properties": {},
        "definition": {},
    },
    "properties_with_history": {"dealstage": [], "hs_pipeline_stage": []},
}
TIMES = {
    *("created", "created_at", "updated", "updated_at", "datetime", "ordered_at"),
    *("checked_on", "joined_group_at", "noticed_on", "read_on"),
}
COUNTED = {
    "hubspot": [kind.name for kind in OBJECT_TYPES.values()],
    "klaviyo": ["profiles", "events"],
    "shop": ["customers", "orders", "order_lines", "products", "coupons"],
}


ANSWERED_BY_SOME = """case
    when i % 3 = 0 then '{"email": "x", "wanted_topics": "x"}' else '{"email": "x"}'
end"""


class Landing:
    """A landing with thirty good rows per stream and night."""

    def __init__(self, folder):
        self.docs = folder / "docs"
        self.landing = folder / "landing"

    def fill(self):
        for stream in STREAMS:
            declare(self.landing, stream.source, stream.name, stream.declared)
        for stream in STREAMS:
            self.land(stream.full_name)

    def land(self, full_name, night=NIGHT, *, rows=30, change=None, complete=True, load="1.5"):
        """Land rows of one stream; ``change`` maps a column to text, None or a new name."""
        source, name = full_name.split(".")
        (stream,) = (stream for stream in STREAMS if stream.full_name == full_name)
        if name == "source_totals":
            change, rows = (
                {"stream": f"({COUNTED[source]})[i + 1]"} | (change or {}),
                len(COUNTED[source]),
            )
        load_id = f"{night:%Y%m%d}{load}{STREAMS.index(stream)}"
        values = {column: self.value(column, night) for column in stream.columns} | (change or {})
        selected = ", ".join(
            f"{value} as {column}" for column, value in values.items() if value is not None
        )
        folder = self.landing / source / name / f"load_date={night}"
        folder.mkdir(parents=True, exist_ok=True)
        with duckdb.connect() as connection:
            connection.execute(
                f"copy (select {selected}, '{load_id}' as _dlt_load_id "
                f"from range({rows}) as _(i)) to '{folder}/{load_id}.0.parquet'"
            )
        if complete:
            log = self.landing / source / "_dlt_loads" / f"{source}__{load_id}.jsonl"
            log.parent.mkdir(exist_ok=True)
            log.write_text(json.dumps({"load_id": load_id, "status": 0}) + "\n")

    def value(self, column, night):
        if column in DOCUMENTS:
            return f"'{json.dumps(DOCUMENTS[column])}'"
        if column in ("source_total", "landed_total"):
            return "(i + 30)::varchar"
        return f"'{night} 08:00:00'" if column in TIMES else "i::varchar"

    def remove(self, full_name, night=NIGHT):
        source, name = full_name.split(".")
        for path in (self.landing / source / name / f"load_date={night}").iterdir():
            path.unlink()

    def replace(self, full_name, **options):
        self.remove(full_name)
        self.land(full_name, **options)

    def gate(self, declared=None, missing=(), consenting=()):
        return run_checkpoint(
            "sources",
            expectations_dir=EXPECTATIONS,
            data_docs_dir=self.docs,
            as_of=NIGHT,
            landing_dir=self.landing,
            declared=declared,
            missing=missing,
            consenting=consenting,
        )

    def closed_because(self, missing=(), consenting=()):
        with pytest.raises(GateFailed) as failed:
            self.gate(missing=missing, consenting=consenting)
        pages = [path.read_text() for path in self.docs.rglob("*.html")]
        assert not [page for page in pages if CANARY in page]
        assert CANARY not in str(failed.value)
        return "\n".join(failed.value.failures)


@pytest.fixture(scope="module")
def good_night(tmp_path_factory):
    folder = tmp_path_factory.mktemp("good-night")
    Landing(folder).fill()
    return folder


@pytest.fixture
def landing(tmp_path, good_night):
    shutil.copytree(good_night / "landing", tmp_path / "landing")
    return Landing(tmp_path)


def test_a_good_night_passes_without_a_word(landing):
    result = landing.gate()
    assert (result.critical, result.warnings) == ([], [])
    assert result.tables == 8


class TestAGroupWhosePullFailed:
    def test_is_left_out_and_told(self, landing):
        (warning,) = landing.gate(missing=["shop_orders"]).warnings
        assert "landing.groups" in warning
        assert "group_name shop_orders" in warning

    @pytest.mark.parametrize("group", sorted(OF_CONSENT))
    def test_stops_where_somebody_may_have_said_no(self, landing, group):
        reason = landing.closed_because(missing=[group])
        assert "People may have said no" in reason
        assert f"group_name {group}" in reason

    def test_of_a_source_of_the_firms_own_is_told_too(self, landing):
        (warning,) = landing.gate(missing=["web_shop"]).warnings
        assert "group_name web_shop" in warning

    def test_of_a_source_of_the_firms_own_stops_where_it_has_consents(self, landing):
        reason = landing.closed_because(missing=["web_shop"], consenting=["web_shop"])
        assert "People may have said no" in reason

    def test_is_one_that_the_gate_knows(self, landing):
        with duckdb.connect() as connection:
            connection.execute("set variable missing = ?::varchar[]", [list(GROUPS)])
            connection.execute("set variable consenting = []::varchar[]")
            query = (EXPECTATIONS / "audits" / "landing" / "groups.sql").read_text()
            rows = connection.execute(query).fetchall()
        assert {row[0] for row in rows} == set(GROUPS)
        assert {row[0] for row in rows if row[1]} == OF_CONSENT
        assert all(is_missing for _, _, is_missing in rows)


class TestAFileThatCouldNotBeReadAnyMore:
    def damage(self, landing, night):
        listed = (path for path in (landing.landing / "klaviyo" / "events").rglob("*.parquet"))
        file = next(path for path in listed if path.parent.name == f"load_date={night}")
        file.write_bytes(file.read_bytes()[:100])
        with pytest.raises(DamagedLanding):
            set_aside_damaged(landing.landing, "klaviyo", NIGHT, thorough=True)

    def test_is_told_though_it_was_fetched_again(self, landing):
        self.damage(landing, NIGHT)
        landing.land("klaviyo.events", load="9.5")
        (warning,) = landing.gate().warnings
        assert "is_damaged): 1 of 2 rows (damage klaviyo: events of load " in warning

    def test_is_told_in_the_night_that_found_it_and_in_no_later_one(self, landing):
        self.damage(landing, NIGHT)
        landing.land("klaviyo.events", load="9.5")
        moment = f"{time.time() + 1:.6f}"
        row = {"load_id": moment, "status": 0, "load_date": str(NIGHT - timedelta(days=1))}
        (landing.landing / "klaviyo" / "_dlt_loads" / f"klaviyo__{moment}.jsonl").write_text(
            json.dumps(row) + "\n"
        )
        assert landing.gate().warnings == []


class TestTotals:
    def test_what_was_not_compared_is_neither_equal_nor_different(self, landing):
        left_out = """'[{"metric": "M", "why": "answered 400"}]'"""
        change = {"not_compared": f"case when i = 1 then {left_out} end"}
        landing.replace("klaviyo.source_totals", change=change)
        (warning,) = landing.gate().warnings
        assert "could not be compared" in warning
        assert "stream_name klaviyo.events" in warning

    def test_a_night_that_could_compare_nothing_is_not_the_last_comparison(self, landing):
        for name, night in (("1.4", NIGHT - timedelta(days=1)), ("1.5", NIGHT)):
            change = {"checked_on": f"'{night}'"}
            if night == NIGHT:
                landing.remove("klaviyo.source_totals")
                change |= {"source_total": "cast(null as varchar)", "not_compared": "'[{}]'"}
            landing.land("klaviyo.source_totals", night, change=change, load=name)
        warnings = "\n".join(landing.gate().warnings)
        assert "overdue_days): 1 of 18 rows (stream_name klaviyo.events)" in warnings
        assert "not_compared_parts" in warnings


class TestWhatStops:
    """The night ends here: nothing is built of it."""

    def test_a_source_from_which_nothing_arrived_for_days(self, landing):
        for stream in STREAMS:
            if stream.source == "klaviyo":
                landing.remove(stream.full_name)
                landing.land(stream.full_name, NIGHT - timedelta(days=4))
        assert "landing.sources" in (reason := landing.closed_because())
        assert "source_name klaviyo" in reason

    def test_a_load_that_is_not_finished_does_not_count(self, landing):
        landing.replace("shop.customers", complete=False, load="9.9")
        assert (
            f"is_empty): 1 of {len(STREAMS)} rows (stream_name shop.customers)"
            in landing.closed_because()
        )

    def test_a_renamed_column(self, landing):
        change = {"updated_at": None, "changed_at": "'2018-01-02 08:00:00'"}
        landing.replace("shop.orders", change=change)
        reason = landing.closed_because()
        assert "is_lost): 1 of" in reason
        assert "field_name shop.orders.updated_at" in reason

    def test_a_renamed_member_of_a_document(self, landing):
        change = {"properties": '\'{"e_mail": "x"}\''}
        landing.replace("hubspot.contacts", change=change)
        assert "field_name hubspot.contacts.properties/email" in landing.closed_because()

    def test_an_answer_that_the_crm_no_longer_sends(self, landing):
        answered = {"email": CANARY, "marketing_pause_until": None, "allowed_hours": "9-17"}
        change = {"properties": f"'{json.dumps(answered)}'"}
        landing.land("hubspot.contacts", NIGHT - timedelta(days=1), change=change, load="1.4")
        landing.replace("hubspot.contacts", rows=1)
        reason = landing.closed_because()
        assert "landing.members" in reason
        assert "is_vanished): 2 of" in reason
        assert "member_name hubspot.contacts.properties/allowed_hours" in reason

    def test_a_renamed_answer_that_not_every_record_had(self, landing):
        for days in (2, 1):
            night = NIGHT - timedelta(days=days)
            landing.land(
                "hubspot.contacts", night, change={"properties": ANSWERED_BY_SOME}, load=f"1.{days}"
            )
        landing.replace("hubspot.contacts", rows=60)
        assert "hubspot.contacts.properties/wanted_topics" in landing.closed_because()

    def test_documents_that_are_none(self, landing):
        landing.replace("klaviyo.events", change={"attributes": "'<html>'"})
        assert "klaviyo.events.attributes/event_properties" in landing.closed_because()

    def test_a_format_of_time_that_nobody_can_read(self, landing):
        landing.replace("shop.order_lines", change={"updated_at": "'02.01.2018 ' || i"})
        reason = landing.closed_because()
        assert f"unusable_share): 1 of {len(STREAMS)} rows (stream_name shop.order_lines)" in reason

    def test_rows_without_a_key(self, landing):
        landing.replace("shop.order_lines", change={"product_id": "null::varchar"})
        assert "unusable_share" in landing.closed_because()

    def test_a_stream_whose_folder_is_gone(self, landing):
        for folder in (landing.landing / "shop" / "orders").iterdir():
            for path in folder.iterdir():
                path.unlink()
        assert "shop/orders" in landing.closed_because()

    def test_a_damaged_file_is_named_and_counts_no_more(self, landing):
        (file,) = (landing.landing / "shop" / "orders" / f"load_date={NIGHT}").iterdir()
        file.write_bytes(b"PAR1 and no more")
        reason = landing.closed_because()
        assert f"damaged in the landing: shop/orders/load_date={NIGHT}/{file.name}" in reason
        assert "damaged" not in landing.closed_because()

    def test_a_source_that_has_far_more_than_was_landed(self, landing):
        landing.replace("shop.source_totals", change={"source_total": "'900'"})
        assert "different_share): 5 of 18 rows" in landing.closed_because()

    def test_people_who_are_landed_but_gone_from_the_source(self, landing):
        landing.replace("klaviyo.source_totals", change={"landed_total": "'900'"})
        assert "different_share): 2 of 18 rows" in landing.closed_because()

    def test_a_total_that_nobody_took(self, landing):
        landing.replace("hubspot.source_totals", change={"source_total": "'many'"})
        assert "is_unknown): 11 of 18 rows" in landing.closed_because()

    def test_a_total_of_the_night_before(self, landing):
        landing.replace("shop.source_totals", change={"checked_on": "'2017-12-25'"})
        assert "overdue_days): 5 of 18 rows" in landing.closed_because()

    def test_a_file_that_is_no_parquet(self, landing):
        folder = landing.landing / "shop" / "orders" / f"load_date={NIGHT}"
        (folder / "1.0.parquet").write_bytes(b"<html>")
        assert "landing.streams" in landing.closed_because()

    def test_a_stream_that_is_silent_for_the_eighth_night(self, landing):
        for days in range(8, 24):
            landing.land("hubspot.deals", NIGHT - timedelta(days=days))
        for days in range(1, 8):
            landing.land("hubspot.contacts", NIGHT - timedelta(days=days))
        landing.remove("hubspot.deals")
        assert "silent_nights): 1 of" in (reason := landing.closed_because())
        assert "(stream_name hubspot.deals): 8" in reason

    def test_a_source_that_stopped_recording_weeks_ago(self, landing):
        old = {"updated_at": "'2017-12-10 08:00:00'"}
        for name in ("customers", "orders", "order_lines"):
            landing.replace(f"shop.{name}", change=old)
        assert "overdue_days): 1 of 3 rows (source_name shop): 20" in landing.closed_because()


class TestWhatPasses:
    """What looks like a fault and is none."""

    def test_a_quiet_weekday_that_always_is_one(self, landing):
        for days in range(1, 32):
            rows = 30 if days % 7 == 0 else 1_000
            landing.land("shop.orders", NIGHT - timedelta(days=days), rows=rows)
        assert landing.gate().warnings == []

    def test_counts_as_far_apart_as_chance_makes_them(self, landing):
        for days in range(1, 11):
            landing.land("shop.coupons", NIGHT - timedelta(days=days), rows=4 + days % 3)
        landing.replace("shop.coupons", rows=1)
        assert landing.gate().warnings == []

    def test_a_night_after_nights_without_rapport(self, landing):
        for days in range(3, 20):
            landing.land("shop.orders", NIGHT - timedelta(days=days), rows=3)
        assert landing.gate().warnings == []

    def test_a_source_that_often_pauses_for_a_week(self, landing):
        for name in ("customers", "orders", "order_lines"):
            old = {"updated_at": "if(i % 2 = 0, '2017-12-28', '2017-12-20') || ' 08:00:00'"}
            landing.replace(f"shop.{name}", change=old)
        assert not [line for line in landing.gate().warnings if "landing.sources" in line]

    def test_answers_that_a_few_records_of_a_night_happen_not_to_have(self, landing):
        yesterday = NIGHT - timedelta(days=1)
        landing.land(
            "hubspot.contacts", yesterday, change={"properties": ANSWERED_BY_SOME}, load="1.4"
        )
        landing.replace("hubspot.contacts", rows=5)
        assert landing.gate().critical == []

    def test_an_answer_that_was_cleared(self, landing):
        for night, answer in ((NIGHT - timedelta(days=1), "9-17"), (NIGHT, "")):
            document = json.dumps({"email": CANARY, "allowed_hours": answer})
            if night == NIGHT:
                landing.remove("hubspot.contacts")
            landing.land(
                "hubspot.contacts", night, change={"properties": f"'{document}'"}, load="1.4"
            )
        assert landing.gate().critical == []


class TestWhatWarns:
    """The night goes on, and somebody is told."""

    def warning(self, landing):
        (warning,) = landing.gate().warnings
        return warning

    def test_one_record_more_at_the_source(self, landing):
        change = {"source_total": "if(i = 0, '31', '30')", "landed_total": "'30'"}
        landing.replace("hubspot.source_totals", change=change)
        assert "different_rows): 1 of 18 rows (stream_name hubspot.contacts)" in self.warning(
            landing
        )

    def test_a_new_column(self, landing):
        landing.replace("shop.customers", change={"loyalty_card": "'L' || i"})
        assert "field_name shop.customers.loyalty_card" in self.warning(landing)

    def test_one_bad_row_among_many(self, landing):
        change = {"updated_at": "if(i = 7, 'yesterday', '2018-01-02 08:00:00')"}
        landing.replace("shop.orders", change=change)
        assert (
            f"unusable_rows): 1 of {len(STREAMS)} rows (stream_name shop.orders)"
            in self.warning(landing)
        )

    def test_a_record_from_the_future(self, landing):
        change = {"updated_at": "if(i = 7, '2099-01-01', '2018-01-02 08:00:00')"}
        landing.replace("shop.orders", change=change)
        assert "future_rows" in self.warning(landing)

    def test_an_interrupted_load_beside_a_finished_one(self, landing):
        landing.land("shop.orders", complete=False, load="9.9")
        assert "unfinished_rows" in self.warning(landing)

    def test_a_stream_that_fell_silent(self, landing):
        landing.replace("shop.orders", change={"updated_at": "'2017-12-20 08:00:00'"})
        assert "overdue_days" in self.warning(landing)

    def test_far_fewer_rows_than_usual(self, landing):
        for days in range(1, 11):
            landing.land("shop.orders", NIGHT - timedelta(days=days), rows=1_000)
        assert "share_of_usual_night" in self.warning(landing)
        assert "(stream_name shop.orders): 0.03" in self.warning(landing)

    def test_far_fewer_rows_than_on_this_weekday(self, landing):
        for days in range(1, 32):
            rows = 1_000 if days % 7 == 0 else 30
            landing.land("shop.orders", NIGHT - timedelta(days=days), rows=rows)
        assert "share_of_usual_night" in self.warning(landing)

    def test_the_same_told_six_times(self, landing):
        for days in range(1, 11):
            landing.land("shop.orders", NIGHT - timedelta(days=days), rows=30)
        landing.replace("shop.orders", rows=200)
        assert "(stream_name shop.orders): 6.667" in self.warning(landing)

    def test_a_night_without_what_every_such_night_had(self, landing):
        for days in range(1, 11):
            landing.land("hubspot.deals", NIGHT - timedelta(days=days))
        landing.remove("hubspot.deals")
        assert "is_silent): 1 of" in self.warning(landing)

    def test_a_source_in_which_nothing_happens_any_more(self, landing):
        old = {"updated_at": "'2017-12-28 08:00:00'"}
        for name in ("customers", "orders", "order_lines"):
            landing.replace(f"shop.{name}", change=old)
        warnings = [line for line in landing.gate().warnings if "landing.sources" in line]
        assert "overdue_days): 1 of 3 rows (source_name shop): 2" in "".join(warnings)

    def test_a_night_that_brought_nothing_of_one_stream(self, landing):
        landing.remove("hubspot.contacts")
        landing.land("hubspot.contacts", NIGHT - timedelta(days=1))
        assert (
            f"is_silent): 1 of {len(STREAMS)} rows (stream_name hubspot.contacts)"
            in self.warning(landing)
        )


@pytest.mark.parametrize("full_name", ["hubspot.tickets", "hubspot.removals", "klaviyo.lists"])
def test_what_a_firm_need_not_have_may_be_empty(landing, full_name):
    landing.remove(full_name)
    assert landing.gate().warnings == []


def test_profiles_are_counted_once_a_week(landing):
    landing.replace("klaviyo.source_totals", change={"stream": "(['?', 'events'])[i + 1]"})
    landing.land(
        "klaviyo.source_totals",
        NIGHT - timedelta(days=6),
        change={"stream": "(['profiles', '?'])[i + 1]"},
    )
    assert landing.gate().warnings == []


def test_later_nights_are_not_seen(landing):
    landing.land("shop.orders", NIGHT + timedelta(days=1), change={"updated_at": "'never'"})
    assert landing.gate().warnings == []


class TestWhatAFirmHas:
    """Only what is declared is expected, and of that only what there is."""

    @pytest.fixture
    def shop(self, tmp_path):
        """A firm that has a shop and nothing else; what it has not is declared and empty."""
        landing = Landing(tmp_path)
        for stream in STREAMS:
            declare(landing.landing, stream.source, stream.name, stream.declared)
        landing.names = [stream.full_name for stream in STREAMS if stream.source == "shop"]
        for name in landing.names:
            landing.land(name)
        return landing

    def test_a_shop_alone_passes_without_a_word(self, shop):
        result = shop.gate(shop.names)
        assert (result.critical, result.warnings) == ([], [])
        assert result.left_out == ["landing.members: needs hubspot.contacts"]

    def test_the_same_landing_does_not_pass_for_a_firm_that_has_all(self, shop):
        with pytest.raises(GateFailed, match="Nothing arrived from this source"):
            shop.gate()

    def test_an_empty_account_is_no_wrong_one(self, shop):
        for name in ("orders", "order_lines", "coupons"):
            shop.remove(f"shop.{name}")
        nothing = "case when {} in ('orders', 'order_lines', 'coupons') then '0' else '30' end"
        counted = nothing.format(f"({COUNTED['shop']})[i + 1]")
        shop.replace(
            "shop.source_totals", change={"source_total": counted, "landed_total": counted}
        )
        assert shop.gate(shop.names).warnings == []

    def test_a_stream_that_has_nothing_where_its_source_has_some_stops(self, shop):
        shop.remove("shop.orders")
        with pytest.raises(GateFailed, match=r"is_empty\): 1 of .* shop.orders"):
            shop.gate(shop.names)

    def test_a_stream_that_the_key_may_not_read_warns_and_names_the_scope(self, landing):
        landing.remove("hubspot.tickets")
        landing.replace("hubspot.source_totals", change={"stream": self.without("tickets")})
        landing.land(
            "hubspot.source_totals",
            load="1.7",
            change={
                "stream": "'tickets'",
                "source_total": "null",
                "landed_total": "null",
                "method": "'refused: tickets'",
            },
        )
        (warning,) = [line for line in landing.gate().warnings if "scopes" in line]
        assert "hubspot.tickets lacks the scope tickets" in warning

    def test_a_refusal_of_the_night_before_is_none_of_tonight(self, landing):
        landing.replace("hubspot.source_totals", change={"stream": self.without("tickets")})
        landing.land(
            "hubspot.source_totals",
            NIGHT - timedelta(days=1),
            change={"stream": "'tickets'", "method": "'refused: tickets'", "source_total": "null"},
        )
        assert "is_unknown): 1 of 18 rows (stream_name hubspot.tickets)" in landing.closed_because()

    @staticmethod
    def without(stream):
        """The streams that HubSpot counts, but for one."""
        return f"nullif(({COUNTED['hubspot']})[i + 1], '{stream}')"
