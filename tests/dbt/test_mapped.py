"""What a firm's own declarations make of landed text: types, keys, versions, words of consent."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from rapport import landing
from rapport.places.clocks import clock_changes
from rapport.sources import streams
from rapport.sources.streams import STREAMS

FIRST, SECOND = date(2025, 7, 1), date(2025, 7, 2)
MODELS = (
    *("--select", "+row_conservation", "+quarantined_fields", "+canonical_contacts"),
    *("+canonical_orders", "+canonical_order_lines", "+canonical_tickets", "+canonical_consents"),
    *("+canonical_web_events", "+canonical_products"),
    *("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test"),
)
COMMA = {"1.234,56": "1234.56", "12,5": "12.5", "1.234": "1234", "1 234,50": "1234.5",
         "1'234,50": "1234.5", "€ 3,00": "3", "3,00 EUR": "3", "(4,00)": "-4", "5,00-": "-5",
         "\N{MINUS SIGN}6,00": "-6", "1,234.56": None, "12.5": None, "-": None,
         "?": None}  # fmt: skip
POINT = {"1,234.56": "1234.56", "1234.5": "1234.5", "1,234": "1234", ".5": "0.5", "$7": "7",
         "1.234,56": None, "12,5": None, "10%": None, "seven": None}  # fmt: skip
TIMES = {
    "01.07.2025 12:00": "2025-07-01 10:00:00",
    "2025-07-01 12:00": "2025-07-01 10:00:00",
    "2025-01-01T12:00:00": "2025-01-01 11:00:00",
    "2025-07-01T12:00:00Z": "2025-07-01 12:00:00",
    "2025-06-30 12:00:00 +0300": "2025-06-30 09:00:00",
    "1751328000": "2025-07-01 00:00:00",
    "2025-07-01": "2025-06-30 22:00:00",
    # skipped, and shown twice: the first of the two
    "30.03.2025 02:30": "2025-03-30 01:30:00",
    "27.10.2024 02:30": "2024-10-27 00:30:00",
    "07/13/2025": None,
    "tomorrow": None,
}

# By formats of the firm's own, which go before all others and each by itself.
FORMATS = ["%d.%m.%Y %H:%M", "%a, %d %b %Y %H:%M:%S %z", "%y%m%d%H%M"]
BY_FORMATS = {
    "29.02.2024 12:00": "2024-02-29 11:00:00",
    "29.02.2025 12:00": None,
    "Mon, 16 Jun 2025 11:34:00 +0300": "2025-06-16 08:34:00",
    "2506161134": "2025-06-16 09:34:00",
}


def mapping(source: str, table: str, stream: str, columns: Mapping[str, str], **more: Any):
    said = {"where": None, "each": None, "key": [], "whole_by": [], "whole": False}
    said |= {"time_zone": "UTC", "decimal": ".", "dates": [], "shared": [], "clock_changes": []}
    said |= {"source": source, "table": table, "stream": stream, "columns": columns}
    return said | {"file": f"sources/{source}.yml"} | more


class Firm:
    """A landing of declared sources, and what maps them."""

    def __init__(self, folder):
        self.landing, self.work = folder / "landing", folder / "work"
        self.mapped: list[dict[str, Any]] = []
        for stream in STREAMS:
            landing.declare(self.landing, stream.source, stream.name, stream.declared)

    def land(self, source: str, table: str, rows: Sequence[Mapping[str, str]], night=FIRST):
        numbered = [
            {"_file": f"{table}.csv", "_line": str(n), **row} for n, row in enumerate(rows, 2)
        ]
        columns = list(dict.fromkeys(name for row in numbered for name in row))
        for book in (streams.REMOVALS, streams.SOURCE_TOTALS, streams.REFUSALS):
            landing.declare(self.landing, source, book[source].name, book[source].declared)
        self._add(source, table, columns, numbered, night)

    def remove(self, source: str, table: str, record: str, night):
        stream = streams.REMOVALS[source]
        row = {"object_type": table, "id": record, "noticed_on": str(night)}
        self._add(source, stream.name, stream.declared, [row], night)

    def _add(self, source, table, columns, rows, night):
        landing.declare(self.landing, source, table, columns)
        texts = {name: pa.array([row.get(name) for row in rows], pa.string()) for name in columns}
        group = f"{source}_{table}"
        with landing.Slices(self.landing, self.work, source, group, [table], night) as slices:
            slices.add(table, pa.table(texts))

    def maps(self, *args: Any, **more: Any):
        self.mapped.append(mapping(*args, **more))


@pytest.fixture(scope="module")
def built(tmp_path_factory, warehouse):
    """All that the tests ask about, landed over two nights and built once."""
    folder = tmp_path_factory.mktemp("mapped")
    firm = Firm(folder)
    for source, decimal, numbers in (("comma", ",", COMMA), ("point", ".", POINT)):
        firm.land(source, "lines", [{"n": str(i), "amount": n} for i, n in enumerate(numbers)])
        firm.maps(
            *(source, "lines", "order_lines"),
            {
                "order_id": "n",
                "product_id": "'a'",
                "item_quantity": "1",
                "sales_amount": "amount",
                "retail_discount_amount": "cast(n as integer) * 0.5",
            },
            decimal=decimal,
        )
    firm.land("clock", "tickets", [{"n": t, "opened": t} for t in TIMES])
    berlin = {"time_zone": "Europe/Berlin", "clock_changes": clock_changes("Europe/Berlin")}
    firm.maps(
        *("clock", "tickets", "tickets", {"ticket_id": "n", "opened_at": "opened"}),
        dates=["%d.%m.%Y %H:%M"],
        **berlin,
    )
    firm.land("formats", "tickets", [{"n": t, "opened": t} for t in BY_FORMATS])
    firm.maps(
        *("formats", "tickets", "tickets", {"ticket_id": "n", "opened_at": "opened"}),
        dates=FORMATS,
        **berlin,
    )
    _two_shops(firm)
    _people(firm)
    _odd(firm)
    made = warehouse(folder, firm.landing, mapped_sources=firm.mapped)
    build = made.build(str(SECOND), *MODELS)
    assert build.success, build.failures()
    return made


def _two_shops(firm):
    order = {
        "order_id": "Name",
        "ordered_at": '"at"',
        "currency_code": "'EUR'",
        "contact_id": "buyer",
    }
    line = {"product_id": "item->>'sku'", "item_quantity": "item->>'n'", "sales_amount": "total"}
    bread = '[{"sku": "bread", "n": "1"}, {"sku": "bread", "n": "1"}, {"sku": "milk", "n": "1"}]'
    for source in ("north", "south"):
        firm.land(source, "orders", [
            {"Name": "1001", "at": "2025-07-01", "buyer": "7", "total": "2.50", "items": bread},
            {"Name": "1002", "at": "2025-07-09", "buyer": "", "total": "1", "items": "[]"},
            {"Name": "", "at": "2025-07-01", "buyer": "7", "total": "", "items": "[]"},
            {"Name": "draft", "at": "", "buyer": "", "total": "", "items": None},
        ])  # fmt: skip
        rows = {"key": ["Name"], "shared": ["product_id"]}
        firm.maps(source, "orders", "orders", order, where="\"Name\" <> 'draft'", **rows)
        firm.maps(
            *(source, "orders", "order_lines", {"order_id": "Name", **line}),
            **({"each": "items"} | rows),
        )
    # The order comes again in two files of one night, the newer one by its name.
    for name, total in (("a.csv", "3.00"), ("b.csv", "4.00")):
        row = {"Name": "1001", "at": "2025-07-01", "buyer": "7", "total": total, "items": bread}
        firm.land("south", "orders", [row | {"_file": name}], SECOND)


def _people(firm):
    people = [
        {
            "id": "1",
            "mail": "One@EXAMPLE.com",
            "tags": "c; a|b; c",
            "opt": "yes",
            "bounced": "nein",
        },
        {"id": "2", "mail": "two@example.com", "tags": '["x, y"]', "opt": "no", "bounced": "Ja"},
        {"id": "3", "mail": "nobody", "tags": None, "opt": "left", "bounced": "maybe"},
        {"id": "4", "mail": "four@example.com", "tags": None, "opt": "yes", "bounced": None},
    ]
    firm.land("desk", "people", people)
    firm.land("desk", "people", [people[0] | {"opt": "no"}, people[1]], SECOND)
    firm.remove("desk", "people", "4", SECOND)
    # gone, and back in the same night
    firm.land("desk", "people", [people[0] | {"id": "5", "mail": "five@example.com"}])
    firm.remove("desk", "people", "5", SECOND)
    firm.land("desk", "people", [people[0] | {"id": "5", "mail": "5@example.com"}], SECOND)
    firm.maps(
        *("desk", "people", "contacts"),
        {"contact_id": "id", "email": "mail", "phones": "tags", "has_bounced": "bounced"},
        key=["id"],
        whole=True,
    )
    word = "case opt when 'yes' then 'grant' when 'left' then 'withdraw' else 'unasked' end"
    firm.maps(
        *("desk", "people", "consents"),
        {"contact_id": "id", "channel": "'email'", "action": word},
        key=["id"],
    )
    firm.land("desk", "visits", [{"u": "1", "what": "viewed", "at": "1/0"}])
    firm.maps(
        *("desk", "visits", "web_events"),
        {"event_id": "u", "contact_id": "u", "event_type": "what",
         "occurred_at": 'cast("at" as timestamp)'},
    )  # fmt: skip


def _odd(firm):
    """An older file that comes late, a list that is cut off, a window over a bad cell."""
    for night, file, said, changed in (
        (FIRST, "new.csv", "withdraw", "2025-06-30T08:00:00Z"),
        (SECOND, "old.csv", "grant", "2025-06-20T08:00:00Z"),
        (SECOND, "undated.csv", "withdraw", "1970-01-01T00:00:00Z"),
    ):
        person = "2" if file == "undated.csv" else "1"
        firm.land("late", "people", [{"id": person, "said": said, "_file": file}], night)
        book = streams.FILES_READ["late"]
        row = {"stream": "people", "file": file, "modified_at": changed}
        firm._add("late", book.name, book.declared, [row], night)
    firm.maps(
        *(
            "late",
            "people",
            "consents",
            {"contact_id": "id", "channel": "'email'", "action": "said"},
        ),
        kind="files",
    )
    firm.land("odd", "orders", [
        {"n": "1", "items": '[{"sku": "A"}]', "price": "2"},
        {"n": "2", "items": '[{"sku": "A"}, {"sk', "price": "left over whole"},
        {"n": "3", "items": None, "price": "1"},
    ])  # fmt: skip
    firm.maps(
        *("odd", "orders", "order_lines"),
        {"order_id": "n", "product_id": "item->>'sku'", "item_quantity": "1",
         "sales_amount": "sum(cast(price as decimal(9, 2))) over whole"},
        each="items",
        whole_by=["n"],
    )  # fmt: skip


@pytest.mark.parametrize(("source", "numbers"), [("comma", COMMA), ("point", POINT)])
def test_a_number_is_read_by_its_decimal_sign_or_not_at_all(built, source, numbers):
    found = built.rows(
        f"select order_id, sales_amount, quarantine_reason from staging.base_mapped__order_lines "
        f"where source = '{source}'"
    )
    read = {list(numbers)[int(order.partition(":")[2])]: amount for order, amount, _ in found}
    assert read == {text: value and Decimal(value) for text, value in numbers.items()}
    reasons = {reason for _, amount, reason in found if amount is None}
    assert reasons == {"sales_amount is not a number"}


def test_what_an_expression_works_out_as_a_number_is_one_whatever_the_decimal_sign(built):
    found = built.rows(
        "select distinct source, retail_discount_amount from staging.base_mapped__order_lines "
        "where order_id in ('comma:3', 'point:3')"
    )
    assert sorted(found) == [("comma", Decimal("1.5")), ("point", Decimal("1.5"))]


def test_a_time_without_an_offset_is_of_the_sources_own_clock(built):
    found = built.rows(
        "select ticket_id, opened_at from staging.base_mapped__tickets where source = 'clock'"
    )
    expected = {f"clock:{t}": v and datetime.fromisoformat(v) for t, v in TIMES.items()}
    assert dict(found) == expected


def test_ids_are_told_apart_by_their_source_and_those_of_the_firm_are_not(built):
    lines = built.rows(
        "select order_id, product_id, line_number, sales_amount "
        "from canonical.canonical_order_lines where source in ('north', 'south') order by all"
    )
    north = [("north:1001", sku, n, Decimal("2.5"))
             for sku, n in (("bread", 1), ("bread", 2), ("milk", 1))]  # fmt: skip
    south = [("south:1001", sku, n, Decimal(4)) for _, sku, n, _ in north]
    assert lines == north + south


def test_a_row_is_an_order_once_its_night_has_come_and_if_its_mapping_takes_it(built):
    orders = built.rows(
        "select order_id, contact_id, updated_at from canonical.canonical_orders order by 1"
    )
    placed = datetime(2025, 7, 1)  # noqa: DTZ001  as the warehouse keeps it
    assert orders == [("north:1001", "7", placed), ("south:1001", "7", placed)]


def test_every_landed_row_of_a_mapping_is_accounted_for(built):
    found = built.rows(
        "select source || '.' || entity, landed_count, staged_count, superseded_count, "
        "not_yet_seen_count, quarantined_count, left_out_count, difference "
        "from ops.row_conservation where source in ('north', 'south', 'desk') and landed_count > 0 "
        "order by 1"
    )
    assert found == [
        ("desk.people.consents", 8, 8, 0, 0, 0, 0, 0),
        ("desk.people.contacts", 8, 5, 3, 0, 0, 0, 0),
        ("desk.removals", 2, 2, 0, 0, 0, 0, 0),
        ("desk.visits.web_events", 1, 0, 0, 0, 1, 0, 0),
        ("north.orders", 4, 1, 0, 1, 1, 1, 0),
        ("north.orders.order_lines", 3, 3, 0, 0, 0, 0, 0),
        ("south.orders", 6, 1, 2, 1, 1, 1, 0),
        ("south.orders.order_lines", 9, 3, 6, 0, 0, 0, 0),
    ]
    wrong = built.rows("select source, entity from ops.row_conservation where difference <> 0")
    assert wrong == []


def test_who_was_never_asked_has_not_said_no_and_who_no_longer_grants_has(built):
    words = built.rows(
        "select contact_id, action, evidence, cast(occurred_at as date) "
        "from canonical.canonical_consents where source = 'desk' order by all"
    )
    assert words == [
        ("1", "grant", "record", FIRST),
        ("1", "withdraw", "explicit", SECOND),
        ("3", "withdraw", "explicit", FIRST),
        ("4", "grant", "record", FIRST),
        ("5", "grant", "record", FIRST),
    ]


def test_lists_and_yes_or_no_are_read_as_people_write_them(built):
    contacts = built.rows(
        "select contact_id, email, phones, has_bounced, is_removed, is_erased "
        "from canonical.canonical_contacts where source = 'desk' and is_current order by 1"
    )
    assert contacts == [
        ("1", "One@example.com", ["c", "a", "b"], False, False, False),
        ("2", "two@example.com", ["x, y"], True, False, False),
        ("3", None, [], False, False, False),
        ("4", "four@example.com", [], False, True, True),
        ("5", "5@example.com", ["c", "a", "b"], False, False, False),
    ]


def test_what_cannot_be_worked_out_is_null_and_stops_no_night(built):
    bad = built.rows(
        "select source, entity, record_key, reason from quarantine.quarantined_rows "
        "where source in ('desk', 'north') order by all"
    )
    assert bad == [
        ("desk", "visits.web_events", "visits.csv:2", "occurred_at is missing"),
        ("north", "orders", "", "order_id is missing"),
    ]


def test_a_field_of_a_persons_record_that_nobody_can_read_is_its_own_loss(built):
    fields = built.rows(
        "select record_key, field from quarantine.quarantined_fields where source = 'desk'"
    )
    assert fields == [("3", "has_bounced")]


def test_the_firms_own_formats_go_first_and_no_day_is_moved_into_another_month(built):
    found = built.rows(
        "select ticket_id, opened_at from staging.base_mapped__tickets where source = 'formats'"
    )
    expected = {f"formats:{t}": v and datetime.fromisoformat(v) for t, v in BY_FORMATS.items()}
    assert dict(found) == expected


def test_an_older_file_that_arrives_late_says_nothing_new(built):
    words = built.rows(
        "select contact_id, action, cast(occurred_at as date) "
        "from canonical.canonical_consents where source = 'late' order by 1, 3 desc"
    )
    assert words == [
        ("1", "withdraw", date(2025, 6, 30)),
        ("1", "grant", date(2025, 6, 20)),
        # the zero of a clock is no time of a file
        ("2", "withdraw", SECOND),
    ]


def test_a_list_that_is_cut_off_is_a_row_in_quarantine_and_no_row_less(built):
    lines = built.rows(
        "select record_key, sales_amount, quarantine_reason from staging.base_mapped__order_lines "
        "where source = 'odd' order by 1"
    )
    assert lines == [
        ("orders.csv:2:1", Decimal(2), None),
        ("orders.csv:3:1", None, "product_id is missing"),
    ]
