"""The night's report: what it says, that nothing breaks it, and where it lies."""

import base64
import json
import re
from datetime import date
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import duckdb
import jinja2
import pytest
import yaml
from typer.testing import CliRunner

from rapport.errors import ReportError
from rapport.release.store import remove_leftovers, remove_older, report_path
from rapport.release_commands import releases_app
from rapport.report import (
    campaigns,
    customers,
    known,
    pressure,
    relationship,
    segments,
    trade,
    write_report,
)
from rapport.report.night import opened
from rapport.report.page import page_of
from rapport.report.pictures import NARROW, WIDE
from rapport.report.tiles import tiles
from rapport.report.words import REASONS, signed
from tests.disk import full_disk

DBT = Path(__file__).parents[2] / "dbt_project"
AS_OF = date(2018, 1, 2)
RELEASE_ID = "2018-01-02-0123456789ab"
EARLIER = "2017-12-31-0123456789ab"
HELD_BACK = "Held back, by the first clause that says so"
ARABIC = "عروض الخريف للعملاء المميزين"
PERSIAN = "جشنوارهٔ نوروز: ۲۰٪ تخفیف"
HEBREW = "מבצע סוף שנה"
CHINESE = "双十一购物节"
HOSTILE = '<script>alert("1 & 2")</script></td></table>'
CONTROLS = "bell\x07 nul\x00 override\u202eabc"
LONG = "Autumn" * 40
WARNING = "Who is hurt comes first <b>. (marts.x: expect_y(z): 1 of 2 rows (id 7))"


# What the report reads; whether the marts still have it so, their contracts say.
READ = {
    "customer_aliases",
    "dim_contact_pressure",
    "dim_customer_relationships",
    "dim_customer_value",
    "dim_unexpressed_needs",
    "fct_customer_months",
    "fct_journey_steps",
    "fct_journeys",
    "fct_relationship_evidence",
    "key_figures",
    "monthly_figures",
    "policies",
    "rpt_campaign_attribution",
    "rpt_campaign_overload",
    "rpt_campaign_performance",
    "rpt_campaign_uplift",
    "rpt_channel_attribution",
    "rpt_cohort_retention",
    "rpt_contact_response_curve",
    "rpt_emotion_coverage",
    "rpt_emotion_journey",
    "rpt_flow_performance",
    "rpt_journey_friction",
    "rpt_message_variations",
    "rpt_page_signals",
    "rpt_partner_relationships",
    "rpt_programme_health",
    "rpt_public_voice",
    "rpt_public_voice_leads",
    "rpt_relationship_portfolio",
    "rpt_relationship_transitions",
    "rpt_service_journeys",
    "rpt_signal_coverage",
    "rpt_silence_savings",
    "rpt_store_relationships",
    "rpt_value_calibration",
    "rpt_value_model",
    "segment_changes",
    "segment_members",
    "segment_suppressions",
    "segments",
}
# What the figures among them are made of, as dbt makes them.
BEHIND = {"dim_preferences", "fct_orders", "rpt_channel_months"}
FIGURES = ("key_figures", "monthly_figures")


def test_what_the_report_reads_is_told_to_whoever_changes_a_table():
    [report] = [
        exposure
        for exposure in yaml.safe_load((DBT / "models" / "_exposures.yml").read_text())["exposures"]
        if exposure["name"] == "report"
    ]
    assert report["depends_on"] == [f"ref('{name}')" for name in sorted({*READ, "source_streams"})]


@cache
def contracts(read: frozenset[str] = frozenset(READ)) -> dict[str, dict[str, str]]:
    """The marts as their contracts have them: type per column, by table."""
    models = [
        model
        for path in sorted(DBT.glob("models/**/_*__models.yml"))
        if path.parent.parent.name == "marts" or path.parent.name in ("segments", "metrics")
        for model in yaml.load(path.read_text(), yaml.CSafeLoader).get("models", [])
    ]
    return {
        model["name"]: {column["name"]: column["data_type"] for column in model["columns"]}
        for model in models
        if model["name"] in read
    }


def made(
    releases: Path,
    tables: dict[str, list[dict]],
    release_id: str = RELEASE_ID,
    warnings: tuple[str, ...] = (WARNING,),
    read: frozenset[str] = frozenset(READ),
    **more,
) -> Path:
    """A release with these rows; columns that a row leaves out are 0 or empty."""
    folder = releases / release_id
    folder.mkdir(parents=True)
    blank = {"varchar": "", "string": "", "date": AS_OF, "bigint": 0, "integer": 0, "double": 0.0}
    blank |= {"boolean": True}
    with duckdb.connect() as connection:
        for name, columns in contracts(read | BEHIND).items():
            shape = ", ".join(f"{column} {kind}" for column, kind in columns.items())
            connection.execute(f"create table {name} ({shape})")
            for row in tables.get(name, ()):
                assert row.keys() <= columns.keys(), name
                values = {
                    column: 0 if kind.startswith("decimal") else blank.get(kind)
                    for column, kind in columns.items()
                } | row
                places = ", ".join("?" for _ in values)
                connection.execute(f"insert into {name} values ({places})", list(values.values()))
        last_day = more.get("clock", {}).get("last_complete_date", release_id[:10])
        for name in FIGURES if read >= set(FIGURES) else ():
            connection.execute(f"insert into {name} {model(name, release_id[:10], last_day)}")
        for name in contracts(read):
            connection.execute(f"copy {name} to '{folder / name}.parquet'")
    manifest = {
        "release_id": release_id,
        "as_of": release_id[:10],
        "gate": {"evaluated": 9, "warnings": list(warnings)},
        "tables": [
            {"schema": "marts", "name": name, "file": f"{name}.parquet", "rows": 0}
            for name in contracts(read)
        ],
    } | more
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def model(name: str, as_of: str, last_day: str) -> str:
    """The SQL of a model of the figures, as dbt would compile it for these tables."""
    text = (DBT / "models" / "metrics" / f"{name}.sql").read_text()
    return jinja2.Template(text).render(
        ref=str,
        is_told=lambda streams: True,
        as_of_date=lambda: f"date '{as_of}'",
        last_complete_day=lambda: f"date '{last_day}'",
    )


def customer(number: int, kind: str, **columns) -> dict:
    named = {"customer_id": f"{number:032x}", "relationship_type": kind, "inferred_type": kind}
    axes = ("closeness", "frequency", "reciprocity", "human_share", "price_focus", "commitment")
    scores = {f"wanted_{axis}": 0.25 for axis in axes} | {f"given_{axis}": 0.75 for axis in axes}
    return (
        named
        | scores
        | {
            "type_basis": "inferred",
            "polarity": "neutral",
            "value_tier": "top",
            "wants_relationship": "yes",
            "mismatch": 0.5,
            "mismatch_reason": "more frequent than wanted",
        }
        | columns
    )


def under_pressure(number: int, count: int, cap: int, saturation: str) -> dict:
    return {
        "customer_id": f"{number:032x}",
        "marketing_contact_count_30d": count,
        "contact_cap_30d": cap,
        "contact_cap_source": "treatment",
        "saturation": saturation,
    }


def point(evidence: str, contacts: int, exposures: int = 500, **columns) -> dict:
    return {
        "relationship_type": "buddy",
        "evidence": evidence,
        "contact_count_28d": contacts,
        "exposure_count": exposures,
        "response_rate": 0.2,
        "response_rate_high": 0.3,
        "control_count": 100,
        "control_response_rate": 0.15,
        "currency_code": "EUR",
        "fitted_net_value_per_contact": 1.0 - contacts,
        "fitted_net_value_per_contact_low": 0.8 - contacts,
        "fitted_net_value_per_contact_high": 1.2 - contacts,
        "optimum_contacts_28d": None,
    } | columns


def campaign(number: int, name: str, verdict: str = "ok") -> dict:
    return {
        "campaign_id": f"c{number}",
        "campaign_name": name,
        "channel": "email",
        "first_exposure_date": date(2017, 12, number),
        "recipient_count": 1000,
        "harmed_share": 0.01,
        "usual_harmed_share": 0.005,
        "verdict": verdict,
        "verdict_reason": "A sentence.",
    }


def performance(number: int, name: str, **columns) -> dict:
    return {
        "campaign_id": f"c{number}",
        "campaign_name": name,
        "channel": "email",
        "send_date": date(2017, 12, number),
        "is_window_over": True,
        "sent_count": 1010,
        "delivered_count": 1000,
        "opened_per_delivered": 0.5,
        "attributed_order_count": 20,
        "attributed_sales_amount": 300,
        "cost_amount": 100,
        "currency_code": "EUR",
    } | columns


def member(segment: str, number: int, **columns) -> dict:
    return {"segment": segment, "customer_id": f"{number:032x}", "arm": "treatment"} | columns


def order(number: int, when: date, amount: float, **columns) -> dict:
    return {
        "order_id": f"o{number}",
        "customer_id": f"{number:032x}",
        "order_date": when,
        "currency_code": "EUR",
        "gross_amount": amount + 10,
        "returned_amount": 10,
        "sales_amount": amount,
        "reporting_rate": 1,
        "reporting_sales_amount": amount,
    } | columns


UNHAPPY = "of those who ever told us are unhappy with us"
NAMES = [ARABIC, PERSIAN, HEBREW, CHINESE, HOSTILE, CONTROLS, LONG]
COMPANY = {
    "dim_customer_relationships": [
        customer(1, "buddy"),
        customer(2, "buddy", polarity="negative"),
        customer(3, "unknown", wants_relationship="no"),
        customer(4, "best_friend"),
        *(
            # Everybody is given the same of the price, so the gap there says nothing of anybody.
            customer(
                number,
                "fling",
                given_closeness=number / 100,
                wanted_closeness=number / 90,
                mismatch_reason="more distant than wanted"
                if number % 2
                else "more about price than wanted",
            )
            for number in range(5, 45)
        ),
    ],
    "dim_contact_pressure": [
        under_pressure(1, 5, 4, "oversaturated"),
        under_pressure(2, 1, 0, "oversaturated"),
        under_pressure(3, 0, 0, "saturated"),
        under_pressure(4, 1, 30, "undersaturated"),
        *(under_pressure(number, 1, 30, "undersaturated") for number in range(5, 45)),
    ],
    "rpt_relationship_portfolio": [
        {
            "month_end_date": month,
            "value_tier": "top",
            "polarity": polarity,
            "relationship_type": "buddy",
            "customer_count": count,
            "currency_code": "EUR",
            "margin_amount": 300,
            "contact_cost_amount": 100,
            "net_amount": 200,
        }
        for month, polarity, count in (
            (date(2017, 11, 30), "positive", 50),
            (date(2017, 12, 31), "positive", 3),
            (date(2017, 12, 31), "negative", 1),
        )
    ],
    "rpt_relationship_transitions": [
        {
            "month_end_date": date(2017, 12, 31),
            "from_type": before,
            "to_type": now,
            "customer_count": count,
            "from_type_share": 0.5,
        }
        for before, now, count in (
            ("buddy", "buddy", 6),
            ("buddy", "best_friend", 2),
            ("unknown", "buddy", 2),
        )
    ],
    "rpt_contact_response_curve": [
        *(point("randomised", contacts, optimum_contacts_28d=2) for contacts in (0, 1, 2, 3)),
        *(point("observational", contacts) for contacts in (0, 1)),
        point("observational", 2, exposures=7),
    ],
    "rpt_campaign_overload": [
        campaign(
            number, name, ("ok", "overloaded", "confusing", "both", "too_few_data")[number % 5]
        )
        for number, name in enumerate(NAMES, start=1)
    ],
    "rpt_campaign_performance": [
        performance(number, name) for number, name in enumerate(NAMES, start=1)
    ]
    + [performance(9, "by post", channel="letter", is_window_over=False)],
    "rpt_flow_performance": [
        {
            "flow_id": "f1",
            "message_id": "m1",
            "flow_name": ARABIC,
            "message_name": "first",
            "message_class": "marketing",
            "channel": "email",
            "sent_count": 10,
            "delivered_count": 9,
            "attributed_order_count": 2,
            "currency_code": "EUR",
        },
        {"flow_id": "f1", "message_id": "m2", "flow_name": "never sent"},
    ],
    "segments": [
        {
            "segment": "loyal_few",
            "description": "Who comes often.",
            "owner": "Loyalty",
            "channel": "email",
            "size": 3,
            "treatment_size": 2,
            "holdout_size": 1,
            "suppressed_count": 2,
            "last_as_of_date": None,
        },
        {
            "segment": "rest_now",
            "description": "Who is left alone.",
            "channel": None,
            "last_as_of_date": None,
        },
    ],
    "segment_members": [
        member("loyal_few", 1),
        member("loyal_few", 2),
        member("loyal_few", 4, arm="holdout"),
    ],
    "segment_suppressions": [
        {"segment": "loyal_few", "customer_id": f"{5:032x}", "clause": "opted_out"},
        {"segment": "loyal_few", "customer_id": f"{6:032x}", "clause": "opted_out"},
        {"segment": "loyal_few", "customer_id": f"{7:032x}", "clause": "of_our_own"},
    ],
    "fct_orders": [
        order(1, date(2017, 10, 31), 1000),
        order(2, date(2017, 11, 30), 200),
        order(3, date(2017, 12, 1), 100),
        order(4, date(2017, 12, 31), 150),
        order(5, date(2018, 1, 1), 70),
        order(6, date(2018, 1, 2), 999),
        order(
            7,
            date(2017, 12, 31),
            5000,
            currency_code="JPY",
            reporting_rate=None,
            reporting_sales_amount=None,
        ),
        order(8, date(2017, 11, 15), 0, is_kept=False),
    ],
    "rpt_channel_months": [
        {"month_date": month, "channel": "store", "currency_code": "EUR", "sales_amount": amount}
        for month, amount in (
            (date(2017, 10, 1), 1000),
            (date(2017, 11, 1), 200),
            (date(2017, 12, 1), 250),
            (date(2018, 1, 1), 1069),
        )
    ],
    "rpt_cohort_retention": [
        {
            "cohort_month_date": month,
            "months_since": since,
            "cohort_customer_count": count,
            "customer_count": count // 2,
            "retained_share": 0.5,
            "currency_code": "EUR",
        }
        for month, count in ((date(2017, 10, 1), 100), (date(2017, 11, 1), 4))
        for since in (0, 1)
    ],
    "rpt_signal_coverage": [
        {
            "signal": signal,
            "side": "wanted",
            "axis": axis,
            "sources": "hubspot",
            "streams": streams,
            "is_present": present,
            "present_from_date": date(2017, 1, 1) if present else None,
            "customer_count": 3 * present,
        }
        for signal, axis, streams, present in (
            ("letters", "closeness", "engagements", True),
            ("meetings_asked", "human_share", "engagements, tickets", False),
        )
    ],
    "policies": [
        {
            "policy": name,
            "value": value,
            "default_value": '"UTC"',
            "source": source,
            "is_changed": source != "default",
            "sentence": "Whose clock it is.",
        }
        for name, value, source in (
            ("reporting_time_zone", '"America/New_York"', "policy.yml"),
            ("another", '"UTC"', "default"),
        )
    ],
    "fct_customer_months": [
        {
            "customer_id": f"{1:032x}",
            "first_evidence_date": date(2017, 1, 2),
            "order_count": 24,
            "discounted_order_count": 6,
            "letter_count": 3,
        }
    ],
    "fct_relationship_evidence": [
        {
            "customer_id": f"{1:032x}",
            "signal": signal,
            "value": value,
            "weight": 2,
            "observation_count": 9,
        }
        for signal, value in (("letters", 0.9), ("surveys", 0.5), ("store_visits", 0.0))
    ],
}


class Seen(HTMLParser):
    """What a browser would make of a page: its elements, and the text in each `bdi`."""

    def __init__(self, page: str):
        super().__init__()
        self.elements: list[tuple[str, dict]] = []
        self.open: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in {"meta", "img", "source", "input", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)

    def all(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.elements if name == tag]


def svg(uri: str) -> str:
    return base64.b64decode(uri.removeprefix("data:image/svg+xml;base64,")).decode()


# West of UTC the as-of date is not over when the night looks.
CLOCK = {"reporting_time_zone": "America/New_York", "last_complete_date": "2018-01-01"}


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    return made(tmp_path_factory.mktemp("releases"), COMPANY, clock=CLOCK)


@pytest.fixture(scope="module")
def page(release):
    return write_report(release).read_text()


@pytest.fixture(scope="module")
def seen(page):
    return Seen(page)


@pytest.fixture(scope="module")
def pictures(seen):
    """The charts of the page as (place, SVG)."""
    return [("narrow", svg(source["srcset"])) for source in seen.all("source")] + [
        ("wide", svg(image["src"])) for image in seen.all("img")
    ]


def test_a_reduced_release_says_who_was_taken_off_its_lists_since(tmp_path):
    def said(customers: int, name: str) -> str:
        reduction = {"reduced_from": RELEASE_ID, "night": "2018-01-04"}
        reduction |= {"customers": customers, "taken_out": {}}
        with opened(made(tmp_path / name, {}, reduction=reduction)) as night:
            return page_of(night)

    assert (
        "3 customers who said no by the end of 4 January 2018, or whose record is gone, were taken "
        "off the lists since."
    ) in said(3, "three")
    assert "1 customer who said no by the end of 4 January 2018" in said(1, "one")
    assert "record is gone, was taken off" in said(1, "one_again")


def test_the_same_release_gives_the_same_page(release, page):
    """Again in the same process, with other threads: no clock, no lot, no counter."""
    with opened(release, threads=1) as night:
        assert page_of(night) == page


def test_every_chart_has_a_heading_an_n_a_reading_and_a_text(page, seen):
    figures = page.count("<figure>")
    drawn = [image for image in seen.all("img") if image.get("width") != "120"]
    assert figures == len(drawn) == len(seen.all("source")) == 6
    caption = r'<figure>\s*<h3>\S.*</h3>\s*<figcaption>\s*<p class="reading">n\b.*\.'
    assert len(re.findall(caption, page)) == figures
    assert all(len(image["alt"]) > 40 for image in drawn)


def test_charts_fit_a_desktop_and_a_telephone(pictures):
    room = {"wide": 960, "narrow": NARROW.width}
    assert WIDE.width <= room["wide"]
    for place, picture in pictures:
        assert float(re.search(r'width="([\d.]+)"', picture)[1]) <= room[place]


@pytest.mark.parametrize(
    "title",
    [
        "net sales (EUR)",
        "net value (EUR)",
        "axis score (0-1)",
        "share of the type's customers",
        "share of recipients",
        "response rate",
    ],
)
def test_axes_say_what_they_measure_and_in_which_unit(pictures, title):
    assert sum(title in picture for _, picture in pictures) >= 2


def test_the_page_loads_nothing_and_may_not(page, pictures):
    text = page + "".join(picture for _, picture in pictures)
    assert set(re.findall(r"https?://[^\"' <]+", text)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    assert "default-src 'none'; img-src data:" in page
    assert "<script" not in text
    assert "@import" not in text


def test_names_in_any_script_are_text_in_a_direction_of_their_own(seen):
    told = seen.texts["bdi"]
    # Twice among the results, among those judged, and where something is to be said in a sentence;
    # and the first is a flow's name too.
    times = {ARABIC: 5, PERSIAN: 4, HEBREW: 4, CHINESE: 2, LONG: 4}
    assert {name: told.count(name) for name in times} == times
    assert all(attributes["dir"] == "auto" for attributes in seen.all("bdi"))


def test_a_name_is_never_markup(seen):
    assert seen.texts["bdi"].count(HOSTILE) == 3
    assert seen.open == []


def test_control_characters_are_shown_and_not_kept(page, seen):
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", page)
    assert seen.texts["bdi"].count("bell\ufffd nul\ufffd override\u202eabc") == 4


def test_names_that_people_gave_stand_in_no_chart(pictures):
    for _, picture in pictures:
        assert not any(name[:6] in picture for name in NAMES)


def test_a_verdict_differs_by_words_and_mark_and_not_by_colour_alone(seen):
    verdicts = [text for text in seen.texts["span"] if text[1:2] == " "]
    assert set(verdicts) == {"▲ overloaded", "◆ confusing", "✚ both"}


def test_campaigns_that_cannot_be_judged_are_one_line(page, seen):
    assert (
        "6 campaigns could be judged: 2 overloaded, 2 confusing, 1 both and 1 ok. 1 campaign "
        "reached too few, or too lately, to tell." in page
    )
    assert not [text for text in seen.texts["p"] if "too few data" in text]


def test_only_the_latest_month_end_is_told(page):
    assert "n = 4 customers with a history, month end 31 December 2017" in page
    assert (
        "Of 4 customers who ever told us 25% are unhappy with us; 50% of the net is theirs." in page
    )


def test_who_became_known_did_not_change_their_mind(page):
    assert (
        "20.0% of the customers went from one known type to another; the largest group of them "
        "from buddy to best friend (2). Of 2 more the type has become known." in page
    )


def test_optima_are_told_by_their_evidence(page):
    assert (
        "Where lots decided who got a message, the best number of contacts in 28 days is 2 for "
        "buddy. </p>" in page
    )
    assert "By messages that we chose to send" not in page


def test_points_of_a_handful_are_in_the_table_only(page, pictures):
    assert "what rests on fewer than 30 is in the table only" in page
    curves = [picture for _, picture in pictures if "net value (EUR)" in picture]
    # Four points of 500 messages by lot; those that we chose are other people.
    assert curves
    assert all("n 2,000" in picture for picture in curves)


def test_a_response_is_drawn_only_beside_people_who_were_kept_out(tmp_path, pictures):
    assert sum("kept out by lot" in picture for _, picture in pictures) == 2
    tables = {"rpt_contact_response_curve": [point("observational", number) for number in (0, 1)]}
    with opened(made(tmp_path, tables)) as night:
        section = pressure.response(night)
    assert section.pictures == []
    assert section.finding.endswith("what the messages did is not known.")


def test_a_cap_of_0_is_told_apart_from_one_that_is_reached(release):
    with opened(release) as night:
        section = pressure.pressure(night)
    assert section.finding == (
        "2 of 44 customers (5%) had more marketing contacts in 30 days than their cap; for 1 of "
        "them the cap is 0. 1 customer with a cap of 0 got none."
    )


def test_facts_that_led_to_a_label_stand_beside_it(release):
    with opened(release) as night:
        section = customers.ten_of_each(night)
    assert [table.title for table in section.tables] == [
        "best friend: 1 of 1",
        "buddy: 2 of 2",
        "fling: 10 of 40",
        "unknown: 1 of 1",
    ]
    [row] = [row for row in section.tables[1].rows if row["months"] == "12"]
    assert (row["orders"], row["discounted"], row["turned"]) == ("2.0", "25%", "3 / 0 / 0 / 0")
    assert row["story"] == (
        "Off: more frequent than wanted. "
        "Loudest: store visits 0.00 (9), letters 0.90 (9), surveys 0.50 (9)."
    )
    # Nothing passed between them and the firm: no figure, and not 0.
    assert {row["orders"] for row in section.tables[0].rows} == {"\N{EN DASH}"}


def test_ten_are_drawn_by_a_lot_that_others_do_not_change(tmp_path):
    def drawn(name, tables):
        with opened(made(tmp_path / name, tables)) as night:
            return customers.ten_of_each(night).tables

    many = [customer(number, "buddy") for number in range(40)]
    others = [customer(number, "fling") for number in range(100, 150)]
    [alone] = drawn("a", {"dim_customer_relationships": many})
    beside, flings = drawn("b", {"dim_customer_relationships": [*others, *reversed(many)]})
    assert alone.rows == beside.rows
    assert [len(table.rows) for table in (alone, flings)] == [10, 10]
    assert flings.title == "fling: 10 of 50"


def test_a_customer_is_named_by_the_beginning_of_their_surrogate_only(page):
    assert f"{1:032x}"[:10] in page
    assert f"{1:032x}"[:11] not in page


def cells(section, title: str) -> list[dict[str, str]]:
    """The rows of a table as they are read."""
    [table] = [table for table in section.tables if table.title == title]
    return [{key: str(value) for key, value in row.items()} for row in table.rows]


def test_its_foot_tells_of_an_api_that_was_losing_its_support_that_day(tmp_path, page):
    line = "support of hubspot's version v1 ends on 2027-09-01"
    gate = {"evaluated": 9, "warnings": [], "support_ends": [line]}
    told = Seen(write_report(made(tmp_path, {}, gate=gate)).read_text())
    assert f"To see to in time: {line}." in told.texts["p"]
    assert "To see to in time" not in page


def test_the_page_says_the_last_complete_day_of_the_firms_clock(page):
    assert (
        "The night of 2 January 2018: everything up to the end of 1 January 2018 on the firm's "
        "clock (America/New_York), the last day of which nothing is missing." in page
    )
    assert "last complete day 1 January 2018" in page


def changed(number: int, change: str, clause: str | None = None) -> dict:
    return {
        "segment": "loyal_few",
        "customer_id": f"{number:032x}",
        "change": change,
        "clause": clause,
        "last_as_of_date": date(2017, 12, 31),
    }


def test_a_segment_tells_who_joined_left_and_stayed(tmp_path):
    """One of those who left is held back; of the other segment nothing has changed."""
    moves = {
        "segments": [row | {"last_as_of_date": date(2017, 12, 31)} for row in COMPANY["segments"]],
        "segment_changes": [
            changed(1, "joined"),
            changed(2, "stayed"),
            changed(4, "stayed"),
            changed(5, "left", "opted_out"),
            changed(8, "left"),
        ],
    }
    with opened(made(tmp_path, COMPANY | moves)) as night:
        section = segments.segments(night)
    few, rest = cells(section, "Size of each segment")
    assert (few["size"], few["joined"], few["gone"], few["stayed"]) == (
        "3",
        "+1",
        "2 (1 held back)",
        "2",
    )
    assert (few["treatment"], few["holdout"], few["held_back"]) == ("2", "1", "2")
    assert (rest["joined"], rest["gone"], rest["stayed"]) == ("0", "0", "0")
    assert "Since the release of 31 December 2017, 1 joined and 2 left." in section.finding
    assert [(row["clause"], row["all"]) for row in cells(section, HELD_BACK)] == [
        ("opted out of the channel", "2"),
        ("of our own", "1"),
    ]
    assert [tuple(row.values()) for row in cells(section, "Held back, by segment")] == [
        ("loyal few", "opted out of the channel", "2"),
        ("loyal few", "of our own", "1"),
    ]


def test_a_segment_tells_whose_it_is_who_calls_and_why_one_of_them_is_in(tmp_path):
    calls = {
        "segment": "calls",
        "description": "Who waits.",
        "owner": "Service",
        "channel": "phone",
        "skill": "negotiation",
        "most_per_owner": 10,
    }
    waiting = [
        member("calls", 1, urgency=1.0, reason="Called once."),
        member("calls", 2, urgency=2.0, reason="Called twice."),
    ]
    with opened(made(tmp_path, {"segments": [calls], "segment_members": waiting})) as night:
        [row] = cells(segments.segments(night), "Size of each segment")
    assert row["about"] == (
        "Who waits. For Service, by phone: their owner with the skill negotiation calls, 10 a "
        "night at the most. For instance: Called twice."
    )


def test_without_an_earlier_release_nothing_has_changed(page, tmp_path):
    assert "There is no earlier release to compare them with." in page
    assert "Changes are since" not in page
    later = made(tmp_path, COMPANY, "2018-01-03-0123456789ab")
    with opened(made(tmp_path, COMPANY)) as night:
        assert night.before is None, later  # a later one is none


def test_a_damaged_or_withdrawn_release_is_not_compared_with(tmp_path):
    whole = made(tmp_path, COMPANY, "2017-12-29-0123456789ab")
    damaged = made(tmp_path, COMPANY, "2017-12-30-0123456789ab")
    (damaged / "segments.parquet").write_bytes(b"torn")
    withdrawn = made(tmp_path, COMPANY, EARLIER)
    event = {"event": "rolled back", "before": withdrawn.name, "release_id": whole.name}
    (tmp_path / "history.jsonl").write_text(json.dumps(event) + "\n")
    with opened(made(tmp_path, COMPANY)) as night:
        assert night.before.release_id == whole.name
        assert night.had("segments", "size")
        assert not night.had("segments", "sizes")


def test_a_large_campaign_that_is_left_open_did_not_reach_too_few(tmp_path):
    reason = "The figures leave open whether it was unclear. Of 9,000 recipients 3 left."
    rows = [
        campaign(1, "small", "too_few_data") | {"verdict_reason": "It reached 7 customers."},
        campaign(2, "large", "too_few_data") | {"verdict_reason": reason},
        campaign(3, "large too", "too_few_data") | {"verdict_reason": reason},
    ]
    with opened(made(tmp_path, {"rpt_campaign_overload": rows})) as night:
        finding = campaigns.campaigns(night).finding
    assert finding == (
        "No campaign could be judged yet. 1 campaign reached too few, or too lately, to tell. "
        "Of 2 campaigns that reached enough the figures leave open whether it was too much or "
        "unclear."
    )


def test_the_mart_says_of_a_large_campaign_that_it_is_left_open_as_the_page_reads_it():
    mart = (DBT / "models" / "marts" / "pressure" / "rpt_campaign_overload.sql").read_text()
    assert mart.count(f"'{campaigns.LEFT_OPEN} whether") == 3


def test_tiles_tell_their_change_and_twelve_months_from_zero(tmp_path):
    fewer = COMPANY | {
        "dim_customer_relationships": COMPANY["dim_customer_relationships"][:40],
        "fct_orders": [order(1, date(2017, 12, 30), 100), order(2, date(2017, 12, 31), 7)],
    }
    made(tmp_path, fewer, EARLIER, clock=CLOCK | {"last_complete_date": "2017-12-30"})
    with opened(made(tmp_path, COMPANY, clock=CLOCK)) as night:
        told = {tile.what: tile for tile in tiles(night)}
    assert (told["customers"].figure, told["customers"].change) == ("44", "+4")
    # 28 days to 1 January: neither 1 December nor the day that is not over, and 100 before.
    sales = told["EUR net sales in 28 days"]
    assert (sales.figure, sales.change) == ("220", "+120")
    assert sales.months == "Oct 2017: 1,000 \N{RIGHTWARDS ARROW} Dec 2017: 250"
    line = re.search(r'points="([^"]+)"', svg(sales.line))[1].split()
    assert [point.split(",")[1] for point in line] == ["2.0", "21.2", "20.0"]
    assert told[UNHAPPY].change == "\N{MINUS SIGN}0.2 points"


def test_who_says_nothing_makes_nobody_happier(tmp_path):
    """Ever more customers tell something as the year goes: only those who did are compared."""
    people = [
        customer(1, "buddy", polarity="negative"),
        customer(2, "buddy", polarity="positive"),
        *(customer(number, "buddy", polarity="unknown") for number in range(3, 9)),
    ]
    cells = [
        COMPANY["rpt_relationship_portfolio"][0]
        | {"month_end_date": date(2017, 12, 31), "polarity": polarity, "customer_count": count}
        for polarity, count in (("negative", 1), ("positive", 1), ("unknown", 6))
    ]
    mute = [row | {"polarity": "unknown"} for row in people]
    made(tmp_path, {"dim_customer_relationships": mute}, EARLIER)
    tables = {"dim_customer_relationships": people, "rpt_relationship_portfolio": cells}
    with opened(made(tmp_path, tables)) as night:
        told = {tile.what: tile for tile in tiles(night)}
        section = relationship.portfolio(night)
    assert (told[UNHAPPY].figure, told[UNHAPPY].change) == ("50%", "")
    assert "Of 2 customers who ever told us 50% are unhappy with us" in section.finding
    with opened(made(tmp_path / "mute", {"dim_customer_relationships": mute})) as night:
        assert UNHAPPY not in {tile.what for tile in tiles(night)}


def test_a_release_of_before_there_were_figures_is_not_compared_and_has_none(tmp_path):
    made(tmp_path, COMPANY, EARLIER, read=frozenset(READ - set(FIGURES)))
    with opened(made(tmp_path, COMPANY)) as night:
        told = {tile.what: tile for tile in tiles(night)}
    assert (told[UNHAPPY].figure, told[UNHAPPY].change) == ("2%", "")
    with opened(tmp_path / EARLIER) as night:
        assert tiles(night) == []
        assert trade.sales(night) is None


def test_a_no_that_was_said_and_one_that_seems_are_two_tiles(tmp_path):
    people = [
        customer(number, "fling", wants_relationship="no", wants_basis=basis)
        for number, basis in enumerate(["declared", *["inferred"] * 3])
    ]
    with opened(made(tmp_path, {"dim_customer_relationships": people})) as night:
        told = {tile.what: tile.figure for tile in tiles(night)}
    assert told["said that they want none"] == "25%"
    assert told["want none as it seems, of whichever type: the plain lane"] == "75%"


def test_sales_are_compared_with_whole_months_only(release):
    with opened(release) as night:
        section = trade.sales(night)
    months = {row["month"]: row for row in cells(section, "Sales by month")}
    assert months["Dec 2017"]["on_month"] == "+25%"
    assert months["Nov 2017"]["on_month"] == "\N{EN DASH}"  # October is the first month of all
    assert (months["Dec 2017"]["gross"], months["Dec 2017"]["returned"]) == ("270", "20")
    assert months["Nov 2017"]["orders"] == "1"  # what nobody kept is none
    assert months["Jan 2018 so far"]["net"] == "70"  # nothing of the day that is not over
    assert section.finding.startswith(
        "In December 2017 2 customers ordered for 250 EUR net: +25% on November 2017."
    )
    [table] = [table for table in section.tables if table.title == "Sales by month"]
    assert "1 order in currencies without a rate is not in it." in table.reading


def test_the_first_cohort_of_all_makes_no_headline(tmp_path):
    """It holds who ordered earlier too."""
    cohorts = [
        {
            "cohort_month_date": month,
            "months_since": 3,
            "cohort_customer_count": 100,
            "customer_count": back,
        }
        for month, back in ((date(2017, 8, 1), 90), (date(2017, 9, 1), 10))
    ]
    orders = [order(1, date(2017, 8, 3), 100), order(2, date(2017, 9, 3), 100)]
    for kept, said in (
        (cohorts, "cohorts below, the first of all left out, 10% ordered in the third month"),
        (cohorts[1:], "cohorts below, 10% ordered in the third month"),
    ):
        tables = {"fct_orders": orders, "rpt_cohort_retention": kept}
        with opened(made(tmp_path / str(len(kept)), tables, clock=CLOCK)) as night:
            assert said in trade.sales(night).finding
    tables = {"fct_orders": orders, "rpt_cohort_retention": cohorts[:1]}
    with opened(made(tmp_path / "alone", tables, clock=CLOCK)) as night:
        assert "third month" not in trade.sales(night).finding


def test_a_cohort_of_a_handful_is_not_shaded(release):
    with opened(release) as night:
        [table] = [t for t in trade.sales(night).tables if t.title.startswith("Cohorts")]
    shades = {row["cohort"]: (row["1"].text, row["1"].shade) for row in table.rows}
    assert shades == {"Nov 2017": ("50%", 0), "Oct 2017": ("50%", 2)}


def test_a_move_of_one_customer_is_not_the_darkest(tmp_path):
    moves = [("fling", "fling", 999), ("fling", "buddy", 40), ("full_service", "buddy", 1)]
    rows = [
        {
            "month_end_date": date(2017, 12, 31),
            "from_type": before,
            "to_type": now,
            "customer_count": count,
            "from_type_share": 1.0 if before == "full_service" else count / 1039,
        }
        for before, now, count in moves
    ]
    with opened(made(tmp_path, {"rpt_relationship_transitions": rows})) as night:
        [matrix, _] = relationship.transitions(night).tables
    shades = {row["was"]: row["now buddy"].shade for row in matrix.rows if row["now buddy"]}
    assert shades == {"fling": 5, "full service": 0}


def test_an_axis_on_which_all_are_given_the_same_tells_nothing(release):
    with opened(release) as night:
        section = relationship.wanted_and_given(night)
    assert "price focus and commitment say nothing about anybody" in section.finding
    assert "24 customers whose widest gap is there are left out below" in section.finding
    told = {row["reason"] for row in cells(section, "What is furthest off, by customer")}
    assert "more distant than wanted" in told
    assert "more about price than wanted" not in told
    [table] = [table for table in section.tables if table.title == "Figures by type and axis"]
    assert {row["axis"] for row in table.rows} == {"closeness"}


def test_every_clause_has_words():
    decided = (DBT / "models" / "segments" / "int_segments__decided.sql").read_text()
    macros = (DBT / "macros/people/preferences.sql").read_text()
    refusals = re.findall(r"{% macro (?:service_)?refusals_of.*?endmacro", macros, re.DOTALL)
    clauses = re.findall(r"then '(\w+)'", "".join([decided, *refusals]))
    assert len(refusals) == 2
    assert set(clauses) - {"plain"} == set(segments.CLAUSES)


def test_the_marts_words_for_what_is_off_are_known():
    macro = (DBT / "macros/relationship/mismatch.sql").read_text()
    assert set(re.findall(r"'([a-z ]+ than wanted)'", macro)) == set(REASONS)


def test_what_was_never_seen_says_which_source_would_tell(release):
    with opened(release) as night:
        section = known.unknown(night)
    assert section.finding.startswith("1 signal of 2 has never been seen, of human share.")
    [missing] = cells(section, "Never seen")
    assert (missing["signal"], missing["sources"]) == ("meetings asked", "hubspot")


def test_what_is_no_choice_is_not_called_unseen(tmp_path):
    signal = {"side": "wanted", "axis": "human_share", "sources": "shop", "streams": "orders"}
    orders = signal | {"signal": "orders", "axis": "frequency", "customer_count": 9}
    visits = signal | {"signal": "store_visits", "is_present": False, "present_from_date": None}
    for count, why in (
        (9, "everybody buys in stores, no choice to learn from"),
        (0, "nobody buys in stores, no choice to learn from"),
    ):
        rows = [orders, visits | {"customer_count": count}]
        with opened(made(tmp_path / str(count), {"rpt_signal_coverage": rows})) as night:
            section = known.unknown(night)
        assert section.finding.endswith(f"tells of them. Store visits: {why}.")
        assert section.tables[0].title == "Seen, but no choice to learn from"


def test_the_page_says_under_which_policies_it_was_made(release):
    with opened(release) as night:
        section = known.policies(night)
    assert section.finding == "1 policy of 2 is not the project's own."
    [own] = cells(section, "Decided otherwise")
    assert (own["value"], own["source"]) == ('"America/New_York"', "policy.yml")


def test_a_release_without_these_tables_has_no_such_part(tmp_path):
    """Of an earlier version of the project."""
    folder = made(tmp_path, COMPANY)
    manifest = json.loads((folder / "manifest.json").read_text())
    later = {"policies", "rpt_signal_coverage", "rpt_flow_performance"}
    manifest["tables"] = [table for table in manifest["tables"] if table["name"] not in later]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    page = write_report(folder).read_text()
    assert 'id="segments"' in page
    assert 'id="unknown"' not in page
    assert 'id="policies"' not in page


def test_orders_after_a_campaign_stand_beside_what_comes_without_it(tmp_path):
    """Weekly shoppers order after every message; of a letter nobody learns that it was opened."""
    with opened(made(tmp_path, COMPANY)) as night:
        section = campaigns.results(night)
    [sent, table, flows] = section.tables
    assert [(row["sender"], row["delivered"], row["orders"]) for row in flows.rows] == [
        (ARABIC, "9", "2")
    ]
    by_name = {row["name"]: row for row in sent.rows}
    assert (by_name["by post"]["opened"], by_name[ARABIC]["opened"]) == ("\N{EN DASH}", "50%")
    assert {row["name"]: row["window"] for row in table.rows}["by post"] == "24 days, open"
    has_baseline = campaigns.BASELINE in contracts()["rpt_campaign_performance"]
    assert any(column.head == "without it" for column in table.columns) == has_baseline
    assert any(column.head == "after it" for column in table.columns) == has_baseline


def test_nothing_has_no_sign():
    assert [signed(value, 1) for value in (0.04, -0.04, 0.06, -0.06)] == [
        "0.0",
        "0.0",
        "+0.1",
        "\N{MINUS SIGN}0.1",
    ]


def test_what_would_have_come_anyway_is_said_or_said_to_be_unknown():
    rows = [
        performance(1, "one") | {"currency_code": "EUR"} | counts
        for counts in (
            {"compared_count": 20, "compared_ordered_count": 15, "baseline_ordered_count": 14},
            {"compared_count": 20, "compared_ordered_count": 13, "baseline_ordered_count": 12},
        )
    ]
    assert campaigns.brought(rows).endswith(
        "Of 40 recipients who can be compared with themselves 70% ordered after it, 65% in such "
        "days without a message."
    )
    assert campaigns.brought([performance(1, "one")]).endswith(
        "How many of them would have come without a message is not known."
    )


def test_orders_are_told_with_the_days_in_which_a_campaign_may_claim_them():
    """A coupon of weeks claims what was bought anyway."""
    week, other, coupons = (
        performance(number, "one")
        | {"send_date": "2017-12-01", "window_until_date": until, "is_window_over": True}
        for number, until in ((1, "2017-12-08"), (2, "2017-12-08"), (3, "2018-01-15"))
    )
    assert "are attributed to them, each ordered within 7 days of the sending." in (
        campaigns.brought([week, other])
    )
    assert "7 to 45 days of the sending (half of the campaigns claim up to 7 days; those with" in (
        campaigns.brought([week, other, coupons])
    )
    never_sent = performance(1, "never sent", send_date=None)
    assert "are attributed to them." in campaigns.brought([never_sent])
    shares = {"opened_per_delivered": 0, "clicked_per_delivered": 0, "unsubscribed_count": 0}
    windows = [row["window"] for row in campaigns.orders([week | shares, coupons | shares]).rows]
    assert windows == ["7 days, over", "45 days, over"]


def test_a_lift_is_told_with_its_interval_and_not_of_a_handful():
    compared = {
        "compared_count": 30,
        "compared_ordered_per_delivered": 0.5,
        "baseline_ordered_per_delivered": 0.4,
        "ordered_lift": 0.1,
        "ordered_lift_low": -0.02,
        "ordered_lift_high": 0.22,
    }
    row = performance(1, "one") | compared | {"opened_per_delivered": 0, "clicked_per_delivered": 0}
    row |= {"unsubscribed_count": 0, "send_date": "2017-12-01"}
    few = row | {"campaign_name": "few", "compared_count": 29}
    told, untold = campaigns.orders([row, few]).rows
    assert (told["ordered"], told["baseline"]) == ("50.0%", "40.0%")
    assert told["lift"] == "+10.0 (\N{MINUS SIGN}2.0 to +22.0)"
    assert {untold[key] for key in ("ordered", "baseline", "lift")} == {"\N{EN DASH}"}


def test_a_warning_says_whom_it_concerns_and_then_where(page):
    assert (
        '<li><span dir="auto">Who is hurt comes first &lt;b&gt;.</span> '
        '<span class="muted" dir="auto">marts.x: expect_y(z): 1 of 2 rows (id 7)</span></li>'
        in page
    )


def test_headings_go_down_one_step_at_a_time(seen):
    levels = [int(tag[1]) for tag, _ in seen.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(now <= before + 1 for before, now in pairwise(levels))


def test_a_table_names_its_rows_and_scrolls_by_itself(seen):
    assert len(seen.all("table")) == len([d for d in seen.all("div") if d["class"] == "scroll"])
    assert {cell["scope"] for cell in seen.all("th")} == {"row", "col", "colgroup"}


def test_the_page_speaks_of_customers_as_they(page):
    assert not re.search(r"\b(she|her|hers|herself)\b", page, re.IGNORECASE)


def test_a_company_without_anything_gets_sentences(tmp_path):
    page = write_report(made(tmp_path, {})).read_text()
    seen = Seen(page)
    assert seen.all("img") == []
    assert seen.all("table") == []
    for sentence in (
        "No month has ended yet",
        "Of no customer both is known",
        "No segment is defined",
        "No campaign and no flow has sent anything yet",
        "Nothing has been ordered yet",
        "There are not two month ends yet",
        "There are no customers yet",
        "No marketing message is old enough",
        "No campaign has reached anybody yet",
    ):
        assert sentence in page


def test_types_that_only_a_policy_of_one_s_own_has_are_shown_too(tmp_path):
    tables = {"dim_customer_relationships": [customer(1, "pen_pal"), customer(2, "buddy")]}
    with opened(made(tmp_path, tables)) as night:
        titles = [table.title for table in customers.ten_of_each(night).tables]
    assert titles == ["buddy: 1 of 1", "pen pal: 1 of 1"]


def test_a_report_lies_beside_its_release_and_not_in_it(release, page):
    assert report_path(release) == release.parent / f"{RELEASE_ID}.html"
    assert report_path(release).is_file()
    assert not list(release.glob("*.html"))
    assert not list(release.parent.glob(".building-*"))


def test_a_half_written_report_is_swept_up_with_the_other_leftovers(tmp_path):
    half = tmp_path / ".building-123.html"
    half.write_text("<!doc")
    remove_leftovers(tmp_path)
    assert not half.exists()


def test_a_report_goes_when_its_release_goes(tmp_path):
    old, new = "2018-01-01-0123456789ab", RELEASE_ID
    for release_id in (old, new):
        folder = tmp_path / release_id
        folder.mkdir()
        report_path(folder).write_text("a page")
    remove_older(tmp_path, keep=1, spare=new)
    assert [path.name for path in tmp_path.glob("*.html")] == [f"{new}.html"]


def test_a_release_that_cannot_be_read_keeps_the_report_it_had(tmp_path):
    folder = made(tmp_path, {})
    report_path(folder).write_text("as it was")
    (folder / "rpt_campaign_overload.parquet").write_bytes(b"torn")
    with pytest.raises(ReportError, match=RELEASE_ID):
        write_report(folder)
    assert report_path(folder).read_text() == "as it was"


def test_on_a_full_disk_the_report_that_was_there_stays_and_nothing_half_written(tmp_path):
    folder = made(tmp_path, {})
    report_path(folder).write_text("as it was")
    with pytest.raises(ReportError, match="cannot be written: File too large"), full_disk(10_000):
        write_report(folder)
    assert report_path(folder).read_text() == "as it was"
    assert [path.name for path in tmp_path.glob("*.html")] == [report_path(folder).name]
    assert "</html>" in write_report(folder).read_text()


def test_an_error_quotes_no_value_of_the_data(tmp_path, monkeypatch):
    folder = made(tmp_path, {"dim_customer_relationships": [customer(1, "ada@example.com")]})
    with pytest.raises(ReportError) as failed, opened(folder) as night:
        night.rows("select relationship_type::integer from dim_customer_relationships")
    assert "ada" not in str(failed.value)


def test_the_command_makes_a_report_again_and_says_where_it_is(tmp_path):
    folder = made(tmp_path, {})

    def run(*arguments):
        return CliRunner().invoke(releases_app, ["report", *arguments, "--dir", str(tmp_path)])

    assert run().exit_code == 1  # no release is current
    (tmp_path / "current").symlink_to(folder.name)
    assert run().output.strip() == str(report_path(folder))
    assert run(RELEASE_ID).output.strip() == str(report_path(folder))
    assert run("2018-01-01-0123456789ab").exit_code == 1
