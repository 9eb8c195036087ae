"""The night's report: what it says, that nothing breaks it, and where it lies."""

import base64
import json
import re
from datetime import date
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import pytest
import yaml
from typer.testing import CliRunner

from rapport.errors import ReportError
from rapport.release.store import remove_leftovers, remove_older, report_path
from rapport.release_commands import releases_app
from rapport.report import customers, pressure, write_report
from rapport.report.night import opened
from rapport.report.page import page_of
from rapport.report.pictures import NARROW, WIDE

MARTS = Path(__file__).parents[2] / "dbt_project" / "models" / "marts"
AS_OF = date(2018, 1, 2)
RELEASE_ID = "2018-01-02-0123456789ab"
ARABIC = "عروض الخريف للعملاء المميزين"
PERSIAN = "جشنوارهٔ نوروز: ۲۰٪ تخفیف"
HEBREW = "מבצע סוף שנה"
CHINESE = "双十一购物节"
HOSTILE = '<script>alert("1 & 2")</script></td></table>'
CONTROLS = "bell\x07 nul\x00 override\u202eabc"
LONG = "Autumn" * 40


# What the report reads; whether the marts still have it so, their contracts say.
READ = {
    "dim_contact_pressure",
    "dim_customer_relationships",
    "fct_customer_months",
    "fct_relationship_evidence",
    "rpt_campaign_overload",
    "rpt_contact_response_curve",
    "rpt_relationship_portfolio",
    "rpt_relationship_transitions",
}


@cache
def contracts() -> dict[str, dict[str, str]]:
    """The marts as their contracts have them: type per column, by table."""
    models = [
        model
        for domain in ("core", "pressure", "relationship")
        for path in MARTS.glob(f"{domain}/_*__models.yml")
        for model in yaml.load(path.read_text(), yaml.CSafeLoader).get("models", [])
    ]
    return {
        model["name"]: {column["name"]: column["data_type"] for column in model["columns"]}
        for model in models
        if model["name"] in READ
    }


def made(releases: Path, tables: dict[str, list[dict]], release_id: str = RELEASE_ID) -> Path:
    """A release with these rows; columns that a row leaves out are 0 or empty."""
    folder = releases / release_id
    folder.mkdir(parents=True)
    blank = {"varchar": "", "date": AS_OF, "bigint": 0, "integer": 0, "double": 0.0}
    with duckdb.connect() as connection:
        for name, columns in contracts().items():
            shape = ", ".join(f"{column} {kind}" for column, kind in columns.items())
            connection.execute(f"create table {name} ({shape})")
            for row in tables.get(name, ()):
                assert row.keys() <= columns.keys(), name
                values = {column: blank.get(kind) for column, kind in columns.items()} | row
                places = ", ".join("?" for _ in values)
                connection.execute(f"insert into {name} values ({places})", list(values.values()))
            connection.execute(f"copy {name} to '{folder / name}.parquet'")
    manifest = {
        "release_id": release_id,
        "as_of": AS_OF.isoformat(),
        "gate": {"evaluated": 9, "warnings": ["marts.x: expect_y(<z>)"]},
        "tables": [{"name": name, "file": f"{name}.parquet"} for name in contracts()],
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


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


NAMES = [ARABIC, PERSIAN, HEBREW, CHINESE, HOSTILE, CONTROLS, LONG]
COMPANY = {
    "dim_customer_relationships": [
        customer(1, "buddy"),
        customer(2, "buddy", polarity="negative"),
        customer(3, "unknown", wants_relationship="no"),
        customer(4, "best_friend"),
    ],
    "dim_contact_pressure": [
        under_pressure(1, 5, 4, "oversaturated"),
        under_pressure(2, 1, 0, "oversaturated"),
        under_pressure(3, 0, 0, "saturated"),
        under_pressure(4, 1, 30, "undersaturated"),
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


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    return made(tmp_path_factory.mktemp("releases"), COMPANY)


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


def test_the_same_release_gives_the_same_page(release, page):
    """Again in the same process, with other threads: no clock, no lot, no counter."""
    with opened(release, threads=1) as night:
        assert page_of(night) == page


def test_every_chart_has_a_heading_an_n_a_reading_and_a_text(page, seen):
    figures = page.count("<figure>")
    assert figures == len(seen.all("img")) == len(seen.all("source")) == 12
    assert len(re.findall(r"<figure>\s*<h3>\S.*</h3>\s*<figcaption>\s*<p>n\b.*\.", page)) == figures
    assert all(len(image["alt"]) > 40 for image in seen.all("img"))


def test_charts_fit_a_desktop_and_a_telephone(pictures):
    room = {"wide": 960, "narrow": NARROW.width}
    assert WIDE.width <= room["wide"]
    for place, picture in pictures:
        assert float(re.search(r'width="([\d.]+)"', picture)[1]) <= room[place]


@pytest.mark.parametrize(
    "title",
    [
        "net of twelve months (EUR)",
        "net value (EUR)",
        "axis score (0-1)",
        "contacts in 30 days less the cap",
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
    for name in (ARABIC, PERSIAN, HEBREW, CHINESE, LONG):
        assert told.count(name) == 2, name  # in the list, and whole in the table
    assert all(attributes["dir"] == "auto" for attributes in seen.all("bdi"))


def test_a_name_is_never_markup(seen):
    assert seen.texts["bdi"].count(HOSTILE) == 2
    assert seen.open == []


def test_control_characters_are_shown_and_not_kept(page, seen):
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", page)
    assert seen.texts["bdi"].count("bell\ufffd nul\ufffd override\u202eabc") == 2


def test_names_that_people_gave_stand_in_no_chart(pictures):
    for _, picture in pictures:
        assert not any(name[:6] in picture for name in NAMES)


def test_a_verdict_differs_by_words_and_mark_and_not_by_colour_alone(seen):
    verdicts = [text for text in seen.texts["span"] if text[1:2] == " "]
    assert set(verdicts) == {"● ok", "▲ overloaded", "◆ confusing", "✚ both", "■ too few data"}


def test_only_the_latest_month_end_is_told(page):
    assert "n = 4 customers with a history, month end 31 December 2017" in page
    assert "25% of the customers are unhappy with us; 50% of the net is theirs." in page


def test_who_became_known_did_not_change_her_mind(page):
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
    assert "1 of 7 points rest on fewer than 30 messages" in page
    curves = [picture for _, picture in pictures if "net value (EUR)" in picture]
    # Six points and the legend's two; in a chart without the seventh the numbers end at 3.
    assert curves
    assert all("n 3,000" in picture for picture in curves)


def test_a_cap_of_0_is_told_apart_from_one_that_is_reached(release):
    with opened(release) as night:
        section = pressure.pressure(night)
    assert section.finding == (
        "2 of 4 customers (50%) had more marketing contacts in 30 days than their cap; for 1 of "
        "them the cap is 0. 1 customer with a cap of 0 got none."
    )


def test_facts_that_led_to_a_label_stand_beside_it(release):
    with opened(release) as night:
        section = customers.ten_of_each(night)
    assert [table.title for table in section.tables] == [
        "best friend: 1 of 1",
        "buddy: 2 of 2",
        "unknown: 1 of 1",
    ]
    [row] = [row for row in section.tables[1].rows if row["months"] == "12"]
    assert (row["orders"], row["discounted"], row["turned"]) == ("2.0", "25%", "3 / 0 / 0 / 0")
    assert row["story"] == (
        "Off: more frequent than wanted. "
        "Loudest: store visits 0.00 (9), letters 0.90 (9), surveys 0.50 (9)."
    )
    # Nothing passed between her and the firm: no figure, and not 0.
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


def test_a_customer_is_named_by_the_beginning_of_her_surrogate_only(page):
    assert f"{1:032x}"[:10] in page
    assert f"{1:032x}"[:11] not in page


def test_a_company_without_anything_gets_sentences(tmp_path):
    page = write_report(made(tmp_path, {})).read_text()
    seen = Seen(page)
    assert seen.all("img") == []
    assert seen.all("table") == []
    for sentence in (
        "No month has ended yet",
        "Of no customer both is known",
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
