"""The night's report on journeys: what it says of them, in pictures, words and tables."""

import re
from datetime import date, datetime, timedelta

import pytest
from markupsafe import Markup

from rapport.report import attribution, emotion, examples, journeys, needs
from rapport.report.drawing import label, svg
from rapport.report.night import opened
from rapport.report.page import page_of
from rapport.report.pictures import NARROW, WIDE
from tests.unit.test_report import (
    AS_OF,
    CLOCK,
    COMPANY,
    HOSTILE,
    PERSIAN,
    Seen,
    cells,
    customer,
    made,
)

NOTHING = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
READ_OF_JOURNEYS = (
    journeys.flow,
    journeys.friction,
    attribution.attribution,
    emotion.emotion,
    examples.examples,
    needs.needs,
)


def journey(number: int, status: str, *steps: tuple, **columns) -> tuple[dict, list[dict]]:
    """A journey and its steps, each (day, stage, channel, event); `in` and `out` by the event."""
    begins = date(2017, 11, 1)
    journey_id = f"{number:032x}-1"
    rows = [
        {
            "journey_id": journey_id,
            "step_number": place,
            "customer_id": f"{number:032x}",
            "touchpoint_id": f"{number}-{place}",
            "occurred_at": datetime.combine(begins, datetime.min.time()) + timedelta(days=day),
            "step_date": begins + timedelta(days=day),
            "stage": stage,
            "channel": channel,
            "event_type": event,
            "is_impression": event == "delivered",
            "is_conversion": event == "ordered",
            "is_direct": False,
        }
        for place, (day, stage, channel, event) in enumerate(steps, start=1)
    ]
    return {
        "journey_id": journey_id,
        "customer_id": f"{number:032x}",
        "journey_number": 1,
        "status": status,
        "started_at": rows[0]["occurred_at"],
        "started_date": rows[0]["step_date"],
        "ended_at": rows[-1]["occurred_at"],
        "duration_hours": 24.0 * steps[-1][0],
        "step_count": len(steps),
        "last_stage": rows[-1]["stage"],
        "is_left_censored": False,
        "is_right_censored": status == "open",
        "has_ticket": False,
    } | columns, rows


MAIL = (0, "awareness", "email", "delivered")
READ = (1, "awareness", "email", "opened")
VISIT = (2, "consideration", "web", "visited")
AGAIN = (3, "awareness", "email", "opened")
ORDER = (5, "purchase", "store", "ordered")


def company(*there: tuple[dict, list[dict]]) -> dict[str, list[dict]]:
    return {
        "fct_journeys": [one for one, _ in there],
        "fct_journey_steps": [step for _, steps in there for step in steps],
    }


TRAVELLERS = company(
    *(journey(number, "converted", ORDER) for number in range(1, 5)),
    *(journey(number, "converted", MAIL, READ, VISIT, AGAIN, ORDER) for number in range(5, 35)),
    *(journey(number, "abandoned", MAIL, READ) for number in range(35, 41)),
    *(journey(number, "open", MAIL, VISIT) for number in range(41, 45)),
    journey(45, "converted", MAIL, ORDER, is_left_censored=True),
)


def place(stage: str, channel: str, rank: int | None, **columns) -> dict:
    return {
        "breakdown": "all",
        "breakdown_value": "all",
        "stage": stage,
        "channel": channel,
        "exit_count": 1000,
        "drop_off_count": 100,
        "drop_off_probability": 0.1,
        "drop_off_probability_low": 0.08,
        "drop_off_probability_high": 0.12,
        "usual_drop_off_probability": 0.04,
        "conversion_probability": 0.5,
        "extra_visits": 0.25,
        "expected_steps": 2.5,
        "expected_hours": 36.0,
        "recovered_conversions": 40.0,
        "recovered_conversions_low": 20.0,
        "recovered_conversions_high": 60.0,
        "friction_rank": rank,
    } | columns


def owed(channel: str, model: str, count: float, way: str = "counted", **columns) -> dict:
    return {
        "month_date": date(2017, 12, 1),
        "impressions": way,
        "channel": channel,
        "model": model,
        "journey_count": 100,
        "converted_journey_count": 60,
        "credit_count": count,
        "credit_count_low": count - 5,
        "credit_count_high": count + 5,
        "currency_code": "EUR",
        "credit_amount": 10 * count,
        "credit_amount_low": 9 * count,
        "credit_amount_high": 11 * count,
    } | columns


OWED = [
    owed(channel, model, count, way)
    for channel, by_model in {
        "email": {"first": 40, "linear": 30},
        "web": {"first": 10, "linear": 20},
        "none": {"first": 150, "linear": 150},
    }.items()
    for model, count in by_model.items()
    for way in ("counted", "ignored")
]


def lot(number: int, name: str, caused: float, spread: float, credit: float) -> dict:
    return owed("", "linear", credit) | {
        "campaign_id": f"c{number}",
        "campaign_name": name,
        "treated_count": 1000,
        "treated_ordered_count": 100,
        "control_count": 200,
        "control_ordered_count": 10,
        **{
            f"{of}incremental_count{end}": caused + shift
            for of in ("", "campaign_")
            for end, shift in (("", 0), ("_low", -spread), ("_high", spread))
        },
    }


def as_campaigns(rows: list[dict]) -> list[dict]:
    return [{key: value for key, value in row.items() if key != "channel"} for row in rows]


def covered(what: str, total: int, told: int, subject: str = "all") -> dict:
    return {
        "what": what,
        "subject": subject,
        "total_count": total,
        "signal_count": told,
        "signal_share": told / total,
        "survey_count": told,
    }


def felt(position: int, mean: float, view: str = "signals_from_worst", **columns) -> dict:
    return {
        "view": view,
        "stage": "all",
        "position": position,
        "is_open_ended": False,
        "step_count": 400,
        "signal_count": 40,
        "customer_count": 40,
        "is_few": False,
        "mean_emotion": mean,
        "mean_emotion_low": mean - 0.1,
        "mean_emotion_high": mean + 0.1,
        "median_hours_from_worst": 48.0 * position,
    } | columns


def case(handling: str, silent: float, **columns) -> dict:
    return {
        "handling": handling,
        "split_by": "all",
        "split_value": "all",
        "journey_count": 200,
        "compared_count": 150,
        "is_few": False,
        "mean_wait_days": 9.0,
        "usual_wait_days": 6.0,
        "again_share": 0.7,
        "silent_count": round(150 * silent),
        "silent_share": silent,
        "silent_share_low": silent - 0.04,
        "silent_share_high": silent + 0.04,
        "usual_again_share": 0.9,
    } | columns


FELT = {
    "rpt_emotion_coverage": [
        covered("customers", 45, 20),
        covered("journeys", 1000, 15),
        covered("acts", 2000, 15),
        covered("stage", 500, 15, "service"),
    ],
    "rpt_emotion_journey": [
        felt(-1, 0.2),
        felt(0, -0.8),
        felt(1, -0.3),
        felt(2, 0.0, is_few=True),
        felt(1, 0.1, "position"),
        felt(2, -0.1, "position", is_open_ended=True),
    ],
    "rpt_service_journeys": [case("handled", 0.05), case("mishandled", 0.25)],
}


def need(number: int, category: str, kind: str, rank: int = 1, **columns) -> dict:
    return {
        "customer_id": f"{number:032x}",
        "product_category": category,
        "rank": rank,
        "score": 0.5,
        "evidence_kind": kind,
        "evidence": f"Looked at {category} and bought none",
        "last_seen_date": AS_OF,
    } | columns


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A release that holds all of it."""
    tables = (
        COMPANY
        | TRAVELLERS
        | FELT
        | {
            "rpt_journey_friction": [place("awareness", "email", 1), place("service", "chat", 2)],
            "rpt_channel_attribution": OWED,
            "rpt_campaign_attribution": as_campaigns(
                [lot(1, HOSTILE, 5, 2, 9), lot(2, "b", 1, 2, 3)]
            ),
            "dim_unexpressed_needs": [need(1, HOSTILE, "looked_at")],
        }
    )
    return made(tmp_path_factory.mktemp("releases"), tables, clock=CLOCK)


@pytest.fixture(scope="module")
def page(whole):
    with opened(whole) as night:
        return page_of(night)


def test_the_same_journeys_give_the_same_page(whole, page):
    with opened(whole, threads=1) as night:
        assert page_of(night) == page


def test_the_page_keeps_its_rules_with_journeys_in_it(page):
    seen = Seen(page)
    assert seen.open == []
    assert len(seen.all("table")) == len([d for d in seen.all("div") if d.get("class") == "scroll"])
    assert not re.search(r"\b(she|her|hers|herself)\b", page, re.IGNORECASE)
    assert "<script" not in page
    figures = re.findall(r"<figure>.*?</figure>", page, re.DOTALL)
    caption = r"<figure>\s*<h3>\S.*</h3>\s*<figcaption>\s*<p class=\"reading\">n\b.*\."
    assert all(re.match(caption, figure) for figure in figures)
    # a chart or a drawing for a desktop, and one for a telephone
    assert all(len(re.findall(r"<source |<img |<svg ", figure)) == 2 for figure in figures)
    assert {"journeys", "friction", "attribution", "emotion", "examples", "needs"} <= {
        section["id"] for section in seen.all("section")
    }


def test_drawings_say_to_who_cannot_see_what_they_show(page):
    drawings = [svg for svg in Seen(page).all("svg") if svg["role"] == "img"]
    assert len(drawings) == 8
    assert all(len(svg["aria-label"]) > 25 for svg in drawings)


def section_of(make, folder, tables, **more):
    with opened(made(folder, tables, clock=CLOCK, **more)) as night:
        return make(night)


@pytest.mark.parametrize("make", READ_OF_JOURNEYS, ids=lambda make: make.__name__)
def test_a_release_that_knows_no_journeys_has_no_such_part(tmp_path, make):
    folder = made(tmp_path, {})
    with opened(folder) as night:
        for table in night.rows("select view_name as name from duckdb_views() where not internal"):
            if re.search("journey|attribution|emotion|needs", table["name"]):
                night.connection.execute(f"drop view {table['name']}")
        assert make(night) is None


@pytest.mark.parametrize("make", READ_OF_JOURNEYS, ids=lambda make: make.__name__)
def test_a_company_without_journeys_gets_a_sentence_and_nothing_else(tmp_path, make):
    section = section_of(make, tmp_path, {})
    assert section.finding.endswith(".")
    assert (section.pictures, section.drawings, section.tables) == ([], [], [])


def test_a_company_of_one_customer_is_told_of_in_the_singular(tmp_path):
    one = company(journey(1, "open", MAIL))
    with opened(made(tmp_path, one | {"dim_customer_relationships": [customer(1, "buddy")]})) as n:
        flow = journeys.flow(n)
        five = examples.examples(n)
        page = page_of(n)
    assert flow.finding.startswith(
        "Of 1 journey 0 converted, 0 were given up and 1 is still open. Of the 1 with a step "
        "before the end, too few are over for a share to mean anything."
    )
    assert flow.drawings == []  # one band says nothing
    assert five.finding == "No journey has more than one step yet: there is nothing to draw."
    assert 'id="journeys"' in page


def test_journeys_are_told_with_what_nothing_came_before(tmp_path):
    section = section_of(journeys.flow, tmp_path, TRAVELLERS)
    assert section.finding == (
        "Of 45 journeys 35 converted, 6 were given up and 4 are still open. 4 converted with "
        "nothing before that anybody recorded: no message, no visit, no question. Of the 40 with a "
        "step before the end, 83.3% of those that are over converted. Most that were given up "
        "ended in awareness: 6 of 6."
    )


def test_where_people_come_by_habit_a_conversion_is_nobodys_success(tmp_path):
    habit = "Most come by habit, so that a journey converts says little of what came before it."
    for alone, is_said in ((3, True), (2, False)):
        tables = company(
            *(journey(number, "converted", ORDER) for number in range(alone)),
            *(journey(number, "converted", MAIL, ORDER) for number in range(10, 12)),
        )
        finding = section_of(journeys.flow, tmp_path / str(alone), tables).finding
        assert (habit in finding) == is_said


def test_a_stage_tells_how_often_a_journey_comes_back_to_it(tmp_path):
    section = section_of(journeys.flow, tmp_path, TRAVELLERS)
    awareness, consideration = cells(section, section.tables[0].title)
    # Of 40 journeys there 30 were there three times, once after another stage.
    assert (awareness["journeys"], awareness["steps"], awareness["back"]) == (
        "40",
        "2.6",
        "0.75 times",
    )
    assert (awareness["there"], consideration["there"]) == ("6 (15.0%)", "0 (0.0%)")
    assert consideration["back"] == "0.00 times"


def drawn(section) -> list[str]:
    return [str(each) for drawing in section.drawings for each in (drawing.wide, drawing.narrow)]


def test_the_flow_is_as_wide_as_its_journeys_and_can_be_read(tmp_path):
    """The page itself says every number: whoever sees a drawing can copy its words."""
    section = section_of(journeys.flow, tmp_path, TRAVELLERS)
    wide, narrow = drawn(section)
    words = re.findall(r">([^<>]+)</text>", wide)
    assert {
        "journeys 40",
        "awareness 40",
        "consideration 34",
        "given up 6",
        "converted 30",
        "still open 4",
    } <= set(words)
    heights = [float(height) for height in re.findall(r'<rect [^>]*height="([\d.]+)"', wide)]
    assert max(heights) / min(heights) == pytest.approx(40 / 4, rel=0.02)
    [first] = re.findall(r'class="band" d="M12 ([\d.]+)C.*?V([\d.]+)C', wide)
    assert float(first[1]) - float(first[0]) == pytest.approx(max(heights), abs=0.2)
    assert "awareness: 40 journeys, 6 given up there" in narrow
    assert 'role="img" aria-label="Flow of 40 journeys' in wide


def test_drawings_fit_a_desktop_and_a_telephone_and_hold_nothing_that_runs(tmp_path):
    for make in (journeys.flow, examples.examples):
        pictures = drawn(section_of(make, tmp_path / make.__name__, TRAVELLERS))
        assert pictures
        for picture in pictures:
            assert not re.search(r"<script|href|\bid=|style=|\bon\w+=", picture)
        for picture, room in zip(pictures, [WIDE.width, NARROW.width] * 9, strict=False):
            assert float(re.search(r'width="([\d.]+)"', picture)[1]) <= room


def test_a_text_in_a_drawing_is_never_markup():
    picture = svg(10, 10, HOSTILE, [label(0, 0, HOSTILE)])
    assert "<script" not in picture
    assert isinstance(picture, Markup)
    assert Seen(str(picture)).open == []


def test_a_stage_or_channel_that_nobody_foresaw_is_drawn_too(tmp_path):
    odd = [(0, "a<b>&", '"fax"', "opened"), ORDER]
    tables = company(*(journey(number, "converted", *odd) for number in range(40)))
    for make in (journeys.flow, examples.examples):
        section = section_of(make, tmp_path / make.__name__, tables)
        for picture in drawn(section):
            assert Seen(picture).open == []
            assert "<b>" not in picture


def test_friction_is_ranked_with_its_interval_and_seldom_places_are_one_line(tmp_path):
    rows = [
        place("awareness", "email", 1),
        place("service", "phone", 2, recovered_conversions=4.0, recovered_conversions_low=0.0),
        place("loyalty", "sms", None, exit_count=3),
    ]
    policies = [{"policy": "journey_least_exits", "value": "100", "source": "default"}]
    tables = {"rpt_journey_friction": rows, "policies": policies}
    section = section_of(journeys.friction, tmp_path, tables)
    assert section.finding == (
        "Most could be won in awareness by email: 100 of 1,000 who left it gave up (10.0%), where "
        "4.0% is usual; at the usual share 40 (20 to 60) more would have converted. In 1 of 2 "
        "places the loss is beyond chance. 1 place was left fewer than 100 times and has no rank: "
        "loyalty by sms."
    )
    first, second = cells(section, section.tables[0].title)
    assert (first["place"], first["drop_off"], first["days"]) == (
        "awareness, email",
        "10.0% (8.0% to 12.0%)",
        "1.5",
    )
    assert second["won"] == "4 (0 to 60)"


def test_where_no_place_loses_more_than_usual_none_is_blamed(tmp_path):
    rows = [place("awareness", "email", 1, recovered_conversions=0.0, recovered_conversions_low=0)]
    section = section_of(journeys.friction, tmp_path, {"rpt_journey_friction": rows})
    assert section.finding == "Nowhere do more journeys end than is usual."
    assert section.pictures == []


def test_places_that_nobody_can_compare_are_not_listed(tmp_path):
    rows = [place("awareness", "email", None, exit_count=2)]
    section = section_of(journeys.friction, tmp_path, {"rpt_journey_friction": rows})
    assert section.finding == (
        "No place was left often enough to be compared. 1 place was left too seldom and has no "
        "rank: awareness by email."
    )
    assert section.tables == []


def test_conversions_that_come_by_themselves_are_nobodys(tmp_path):
    section = section_of(attribution.attribution, tmp_path, {"rpt_channel_attribution": OWED})
    assert section.finding.startswith(
        "In December 2017 there were 200 conversions. 75% had nothing before them that anybody "
        "recorded, 75% no act of the customer's, if messages that merely came do not count: these "
        "are nobody's (none), for most customers come by habit and need no message."
    )
    assert [row["channel"] for row in cells(section, section.tables[0].title)] == [
        "email",
        "web",
        "none: nothing before it",
    ]
    assert "walks detours that nobody walked; order 2 (markov 2)" in section.note


def test_one_conversion_is_told_of_without_shares(tmp_path):
    rows = [
        owed("web", attribution.OWED_BY, 1.0),
        owed(attribution.UNTOUCHED, attribution.OWED_BY, 1.0, "ignored"),
    ]
    section = section_of(attribution.attribution, tmp_path, {"rpt_channel_attribution": rows})
    assert section.finding.startswith(
        "In December 2017 there was 1 conversion. Before it there was something that anybody "
        "recorded, no act of the customer's, if messages that merely came do not count: it is "
        "shared out below."
    )


def test_models_stand_side_by_side_with_their_intervals(tmp_path):
    section = section_of(attribution.attribution, tmp_path, {"rpt_channel_attribution": OWED})
    [email, _, _] = cells(section, section.tables[0].title)
    assert email["counted_range"] == "30 to 40"
    [picture] = section.pictures
    assert "email: messages that came count too 30 to 40" in picture.text
    [table] = [t for t in section.tables if t.title.startswith("All models, messages")]
    assert table.rows[0]["first"] == "40.0 (35.0 to 45.0)"
    assert [column.head for column in table.columns] == ["channel", "first", "linear"]


def test_a_month_that_is_not_over_is_not_shared_out(tmp_path):
    rows = [row | {"month_date": date(2018, 1, 1)} for row in OWED]
    section = section_of(attribution.attribution, tmp_path, {"rpt_channel_attribution": rows})
    assert section.finding == "No month in which anybody converted is over yet."


def test_what_a_campaign_caused_stands_beside_what_it_is_owed(tmp_path):
    tables = {
        "rpt_channel_attribution": OWED,
        "rpt_campaign_attribution": as_campaigns(
            [lot(1, PERSIAN, 50, 20, 90), lot(2, HOSTILE, 3, 20, 10)]
        ),
    }
    section = section_of(attribution.attribution, tmp_path, tables)
    assert section.finding.endswith(
        "2 campaigns kept customers out by lot: of 1 it is sure that it made people order, and "
        "linear owes 1 more than they caused."
    )
    first, second = cells(section, "Campaigns with customers kept out by lot: owed, and caused")
    assert (first["owed"], first["caused"]) == ("90 (85 to 95)", "50 (30 to 70)")
    assert second["caused"] == f"3 ({MINUS}17 to 23)"
    assert {first["name"], second["name"]} == {PERSIAN, HOSTILE}  # escaped by the page
    assert "1: owed 90 (85 to 95), caused 50 (30 to 70)" in section.pictures[-1].text


def test_without_a_lot_nothing_is_said_of_causes(tmp_path):
    section = section_of(attribution.attribution, tmp_path, {"rpt_channel_attribution": OWED})
    assert section.finding.endswith(
        "No campaign of December 2017 kept enough customers out by lot: "
        "what campaigns caused is not known."
    )


def test_feelings_are_told_with_the_share_that_says_anything(tmp_path):
    section = section_of(emotion.emotion, tmp_path, FELT)
    assert section.finding.startswith(
        "How they felt is known of 1.5% of 1,000 journeys and of 44.4% of 45 customers; of the "
        "others nothing is known. After a worst moment"
    )
    coverage = cells(section, "What share says anything")
    assert [row["of"] for row in coverage] == ["customers", "journeys", "what customers did"]
    [part] = cells(section, "What share says anything, by stage and channel")
    assert (part["of"], part["signal"]) == ("stage: service", "15 (3.0%)")


def test_the_worst_moment_is_held_against_what_went_before(tmp_path):
    section = section_of(emotion.emotion, tmp_path, FELT)
    assert (
        f"After a worst moment ({MINUS}0.80 in the mean of 40 journeys) the next that they said "
        f"was {MINUS}0.30 ({MINUS}0.40 to {MINUS}0.20), where the last before it had been 0.20 "
        "(0.10 to 0.30): they do not come back to where they were at once." in section.finding
    )
    around = section.pictures[1]
    assert f"{MINUS}1: 0.20" in around.text
    assert "2: 0.00" not in around.text  # of too few, in the table only
    [table] = [table for table in section.tables if table.title == "All points of the charts"]
    assert len(table.rows) == 6


@pytest.mark.parametrize(
    ("badly", "said"),
    [
        (
            0.25,
            "5.0% stopped ordering, after one handled badly 25.0% (+20.0 points, +14.3 to +25.7)",
        ),
        (0.07, "7.0% (+2.0 points, \N{MINUS SIGN}3.7 to +7.7): chance alone can make that"),
    ],
)
def test_a_case_handled_badly_is_compared_with_what_chance_does(tmp_path, badly, said):
    tables = FELT | {"rpt_service_journeys": [case("handled", 0.05), case("mishandled", badly)]}
    assert said in section_of(emotion.emotion, tmp_path, tables).finding


def test_of_few_cases_nothing_is_said_in_shares(tmp_path):
    few = [
        case("handled", 0.1, is_few=True, compared_count=9, silent_count=1),
        case("mishandled", 0.2),
    ]
    section = section_of(emotion.emotion, tmp_path, FELT | {"rpt_service_journeys": few})
    assert "Of too few journeys with a case it is known" in section.finding
    well, badly = cells(section, "What customers did after a service case")
    assert (well["silent"], well["wait"]) == ("1 of 9", NOTHING)
    assert badly["silent"] == "20.0% (16.0% to 24.0%)"


def test_where_nobody_says_how_they_feel_no_feeling_is_drawn(tmp_path):
    mute = [covered("journeys", 9, 0), covered("customers", 5, 0)]
    section = section_of(emotion.emotion, tmp_path, {"rpt_emotion_coverage": mute})
    assert section.finding.endswith("So nothing can be said of how journeys feel.")
    assert section.pictures == []


def test_five_journeys_of_each_outcome_are_drawn_by_a_lot_that_stays(tmp_path):
    first = section_of(examples.examples, tmp_path / "a", TRAVELLERS)
    backwards = {name: rows[::-1] for name, rows in TRAVELLERS.items()}
    again = section_of(examples.examples, tmp_path / "b", backwards)
    assert [drawing.words for drawing in first.drawings] == [
        drawing.words for drawing in again.drawings
    ]
    assert [drawing.title for drawing in first.drawings] == [
        "Journeys converted: 5 of 35",
        "Journeys given up: 5 of 6",
        "Journeys still open: 4 of 4",
    ]
    assert "9% of 45 journeys are one step alone and not drawn." in first.finding


def test_a_journey_is_told_in_words_and_names_nobody(tmp_path):
    section = section_of(examples.examples, tmp_path, TRAVELLERS)
    converted, abandoned, still_open = section.drawings
    assert re.fullmatch(
        r"[0-9a-f]{10}, day 0: got a message \(email\); day 1: opened \(email\); day 2: visited "
        r"\(web\); day 3: opened \(email\); day 5: ordered \(store\)\.",
        converted.words[0],
    )
    assert abandoned.words[0].endswith("day 1: opened (email); then nothing more.")
    assert still_open.words[0].endswith("; what follows is not known yet.")
    everything = " ".join((*drawn(section), section.note, *converted.words))
    assert not re.search(r"[0-9a-f]{11}", everything)
    assert "Letters: E email, S store, W web." in converted.reading


def test_the_longest_journey_is_no_example(tmp_path):
    long = [(day, "awareness", "email", "opened") for day in range(60)]
    tables = company(
        *(journey(number, "abandoned", MAIL, READ, VISIT) for number in range(1, 20)),
        journey(99, "abandoned", *long),
    )
    [drawing] = section_of(examples.examples, tmp_path, tables).drawings
    assert not any("day 59" in line for line in drawing.words)


def test_acts_are_filled_and_impressions_hollow(tmp_path):
    tables = company(*(journey(number, "abandoned", MAIL, READ) for number in range(5)))
    [drawing] = section_of(examples.examples, tmp_path, tables).drawings
    fills = re.findall(r'<circle [^>]*fill="([^"]+)"', str(drawing.wide))
    assert (fills.count("#fff"), len(fills)) == (5, 10)


def test_needs_are_counted_by_customers_and_told_in_words(tmp_path):
    people = [customer(number, "buddy") for number in range(4)]
    rows = [
        need(1, "coffee", "bought_by_alike", score=0.9, evidence="They buy tea, and they like it"),
        need(2, "coffee", "looked_at"),
        need(2, "tea", "bought_by_alike", rank=2),
    ]
    tables = {"dim_customer_relationships": people, "dim_unexpressed_needs": rows}
    section = section_of(needs.needs, tmp_path, tables)
    assert section.finding == (
        "2 of 4 customers (50%) seem to miss something that they have not bought. For 1 their own "
        "acts say so; for the others what people alike buy. By evidence, in customers: people "
        "alike buy it (2) and looked at it (1)."
    )
    coffee, tea = cells(section, "The commonest needs")
    assert (coffee["category"], coffee["customers"], coffee["first"]) == ("coffee", "2", "2")
    # an own act says more than what others do
    assert coffee["evidence"] == "For example: Looked at coffee and bought none."
    assert tea["acts"] == "0"


def test_one_customer_seems_to_miss_something(tmp_path):
    tables = {
        "dim_customer_relationships": [customer(1, "buddy")],
        "dim_unexpressed_needs": [need(1, HOSTILE, "searched")],
    }
    with opened(made(tmp_path, tables)) as night:
        finding = needs.needs(night).finding
        seen = Seen(page_of(night))
    assert finding.startswith("1 of 1 customer (100%) seems to miss something")
    assert "Their own acts say so. " in finding
    assert HOSTILE in seen.texts["bdi"]
    assert seen.open == []
