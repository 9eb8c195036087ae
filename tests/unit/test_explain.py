"""One customer's story: what a release says of them, and which records are theirs."""

import re
from datetime import date
from pathlib import Path

import duckdb
import pytest
import yaml
from typer.testing import CliRunner

from rapport.errors import ExplainError, SettingsError
from rapport.explain import Tie, customer_of_record, story_of, ties_of
from rapport.explain_commands import page_of
from rapport.orchestration.cli import app
from tests.unit.test_report import HOSTILE, RELEASE_ID, made

DBT = Path(__file__).parents[2] / "dbt_project"
ADA, BO = f"{1:032x}", f"{2:032x}"
FORMER = f"{9:032x}"
EXPLAINED = frozenset(
    {
        "customer_aliases",
        "dim_contact_pressure",
        "dim_customer_habits",
        "dim_customer_relationships",
        "dim_customer_value",
        "dim_customers",
        "dim_preferences",
        "dim_unexpressed_needs",
        "fct_consent_events",
        "fct_journey_steps",
        "fct_journeys",
        "fct_relationship_evidence",
        "rpt_value_model",
        "segment_members",
        "segment_suppressions",
        "segments",
    }
)
TABLES = {
    "dim_customers": [
        {
            "customer_id": ADA,
            "first_seen_date": date(2017, 1, 2),
            "contact_count": 2,
            "owner_id": "o7",
            "lifecycle_stage": None,
            "company_id": None,
            "language_code": None,
            "country_code": None,
        },
        {"customer_id": BO, "first_seen_date": date(2017, 3, 4)},
    ],
    "customer_aliases": [
        {
            "alias_customer_id": FORMER,
            "customer_id": ADA,
            "since_date": date(2017, 12, 24),
            "rule": "email",
        }
    ],
    "dim_preferences": [
        {
            "customer_id": ADA,
            "email_consent": "granted",
            "sms_consent": "withdrawn",
            "whatsapp_consent": "expired",
            "push_consent": "unknown",
            "phone_consent": "unknown",
            "post_consent": "granted",
            "unwanted_topics": ["offers"],
            "max_marketing_messages_30d": 2,
            "is_paused": True,
            "pause_until_date": date(2018, 2, 1),
            "preferences_updated_at": "2017-12-01 09:00",
            "allowed_hours": [18, 9, 10, 11],
            "allowed_weekdays": ["sun", "mon"],
            "is_email_deliverable": False,
        }
    ],
    "fct_consent_events": [
        {
            "consent_event_id": "e1",
            "customer_id": ADA,
            "occurred_at": "2017-12-01 09:30:15",
            "channel": "sms",
            "topic": "*",
            "action": "withdraw",
            "basis": "state_form",
            "source": "hubspot",
        }
    ],
    "dim_customer_relationships": [
        {
            "customer_id": ADA,
            "relationship_type": "buddy",
            "type_basis": "declared",
            "declared_type": "buddy",
            "inferred_type": "fling",
            "wants_relationship": "yes",
            "wants_basis": "declared",
            "polarity": "positive",
            "strain": 0.0,
            "given_type": "fling",
            "mismatch_reason": "more distant than wanted",
            "wanted_closeness": 0.75,
            "given_closeness": 0.25,
            "wanted_commitment": None,
            "given_commitment": None,
            "treatment_contact_count_30d": 4,
            "treatment_channels": ["email", "post"],
            "treatment_tone": "warm",
            "has_offers": False,
        }
    ],
    "fct_relationship_evidence": [
        {"customer_id": ADA, "axis": "closeness", "signal": "letters", "value": 0.9, "weight": 3.0},
        {"customer_id": ADA, "axis": "closeness", "signal": "surveys", "value": 0.3, "weight": 1.0},
    ],
    "dim_contact_pressure": [
        {
            "customer_id": ADA,
            "marketing_contact_count_7d": 1,
            "marketing_contact_count_30d": 3,
            "marketing_contact_count_365d": 20,
            "contact_cap_30d": 2,
            "contact_cap_source": "declared",
            "remaining_30d": 0,
            "saturation": "oversaturated",
            "quiet_hour_contact_count_30d": 1,
            "next_allowed_from_at": "2018-01-03 08:00",
            "next_allowed_until_at": "2018-01-03 20:00",
            "time_zone": "Europe/Vienna",
        }
    ],
    "fct_journeys": [
        {
            "journey_id": f"{ADA}-1",
            "customer_id": ADA,
            "journey_number": 1,
            "status": "converted",
            "started_date": date(2017, 5, 1),
            "ended_date": date(2017, 5, 2),
            "step_count": 2,
            "first_stage": "awareness",
            "last_stage": "purchase",
            "last_channel": "store",
            "has_ticket": False,
        },
        {
            "journey_id": f"{ADA}-2",
            "customer_id": ADA,
            "journey_number": 2,
            "status": "open",
            "started_date": date(2017, 12, 20),
            "ended_date": None,
            "step_count": 1,
            "first_stage": "service",
            "last_stage": "service",
            "last_channel": "phone",
            "has_ticket": True,
        },
    ],
    "fct_journey_steps": [
        {
            "journey_id": f"{ADA}-2",
            "step_number": 1,
            "customer_id": ADA,
            "step_date": date(2017, 12, 20),
            "stage": "service",
            "channel": "phone",
            "event_type": "ticket_opened",
        }
    ],
    "dim_customer_value": [
        {
            "customer_id": ADA,
            "order_count": 2,
            "sales_amount": 1234.5,
            "currency_code": "EUR",
            "first_order_date": date(2017, 5, 2),
            "last_order_date": date(2017, 10, 2),
            "recency_days": 92,
            "value_tier": "high",
            "rfm_cell": "324",
            "p_alive": 0.42,
            "expected_orders_90d": 1.25,
            "expected_orders_90d_low": 0,
            "expected_orders_90d_high": 4,
            "expected_order_value": 617.25,
            "expected_order_value_low": 400,
            "expected_order_value_high": 900,
            "clv_365d": 512.5,
        }
    ],
    "rpt_value_model": [
        {"model": "orders", "verdict": "weak", "reason": "It was off by 30 in 100."},
        {"model": "spend", "verdict": "usable", "reason": "It was off by 8 in 100."},
    ],
    "dim_customer_habits": [
        {
            "customer_id": ADA,
            "median_days_between_orders": 30.0,
            "favourite_categories": ["TEA", "HONEY"],
            "interests": None,
        }
    ],
    "dim_unexpressed_needs": [
        {
            "customer_id": ADA,
            "product_category": "CUPS",
            "rank": 1,
            "score": 0.5,
            "evidence": HOSTILE,
        }
    ],
    "segments": [{"segment": name} for name in ("loyal", "rest", "welcome", "win_back")],
    "segment_members": [
        {
            "customer_id": ADA,
            "segment": "rest",
            "reason": "3 contacts where they want 2.",
            "treatment": "leave_alone",
            "channel": None,
            "arm": "treatment",
        },
        {
            "customer_id": ADA,
            "segment": "welcome",
            "reason": "New.",
            "treatment": "greeting",
            "channel": "post",
            "arm": "holdout",
        },
    ],
    "segment_suppressions": [
        {
            "customer_id": ADA,
            "segment": "loyal",
            "reason": "Ordered twice.",
            "clause": "over_declared_cap",
            "clause_reason": "3 contacts in 30 days, where they want 2.",
        }
    ],
}
TIE = Tie("hubspot", "2031", "the same e-mail address", False, "2017-01-02")


def told(folder, customer_id=ADA, records=lambda _: [TIE]):
    return {part.title: part for part in story_of(folder, customer_id, records=records).parts}


@pytest.fixture
def release(tmp_path):
    return made(tmp_path / "home" / "releases", TABLES, read=EXPLAINED)


@pytest.fixture
def warehouse(tmp_path):
    path = tmp_path / "home" / "warehouse" / "rapport_build.duckdb"
    path.parent.mkdir(parents=True)
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema intermediate")
        connection.execute(
            "create table intermediate.int_identity__contact_map as select * from (values "
            "('hubspot', '2031', $ada, 'email'), ('shop', '7', $ada, 'crm_merge'), "
            "('shop', '8', $bo, 'none')) as _ (source, source_record_id, customer_id, matched_by)",
            {"ada": ADA, "bo": BO},
        )
        connection.execute(
            "create table intermediate.int_identity__contacts as select * from (values "
            "('hubspot', '2031', true, false, date '2017-01-02'), "
            "('shop', '7', false, false, date '2017-01-03')) "
            "as _ (source, source_record_id, is_archived, is_removed, first_load_date)"
        )
    return path


def test_what_the_story_reads_is_told_to_whoever_changes_a_table():
    [exposure] = [
        exposure
        for exposure in yaml.safe_load((DBT / "models" / "_exposures.yml").read_text())["exposures"]
        if exposure["name"] == "explain"
    ]
    assert exposure["depends_on"] == [f"ref('{name}')" for name in sorted(EXPLAINED)]


class TestTheStory:
    """Each part says what the release has, in sentences with that customer's own figures."""

    def test_it_tells_who_they_are_and_why_their_records_are_theirs(self, release):
        part = told(release)["Who they are"]
        assert part.said == [
            "A customer that we know since 2 January 2017.",
            "Their owner on the staff is o7.",
            f"{FORMER} is the same person since 24 December 2017 (rule: email).",
            "The release counts 2 records; the warehouse is of another night.",
        ]
        assert part.rows == [("hubspot", "2031", "the same e-mail address", "2 Jan 2017", "")]

    def test_it_tells_what_they_said_and_where(self, release):
        part = told(release)["What they said about being written to"]
        assert part.said == [
            "They allow email and post.",
            "They said no to sms.",
            "What they allowed is too old to count: whatsapp.",
            "They never said anything of push and phone.",
            "E-mail does not reach them.",
            "They want to hear nothing of offers.",
            "They want at most 2 messages of marketing in 30 days.",
            "They may be written to from 9:00 to 12:00 and from 18:00 to 19:00 on their clock.",
            "They may be written to on Monday and Sunday.",
            "They paused everything until 1 February 2018.",
            "What they declared is of 1 December 2017.",
        ]
        assert part.rows == [
            ("2017-12-01 09:30", "sms", "all", "withdraw", "state form", "hubspot")
        ]

    def test_hours_that_cannot_be_read_leave_none(self, tmp_path):
        shut = {"allowed_hours": [], "allowed_weekdays": []}
        tables = TABLES | {"dim_preferences": [TABLES["dim_preferences"][0] | shut]}
        said = told(made(tmp_path, tables, read=EXPLAINED))[
            "What they said about being written to"
        ].said
        assert "They may be written to at no hour on their clock." in said
        assert "They may be written to on no day." in said

    def test_it_tells_the_relationship_and_what_it_rests_on(self, release):
        part = told(release)["The relationship they want, and the one we give"]
        assert part.said[:3] == [
            "The type of their relationship is buddy: they said so themselves.",
            "What they do looks like fling.",
            "They want a relationship with a brand: they said so.",
        ]
        assert part.said[-2:] == [
            "We treat them as fling: more distant than wanted.",
            "The treatment of this type, within what they allow: at most 4 contacts in 30 days by "
            "email and post, in a tone that is warm, without offers.",
        ]
        assert part.rows[0] == ("closeness", "75%", "25%", "letters 90% (75%), surveys 30% (25%)")
        assert "commitment" not in [row[0] for row in part.rows]

    def test_it_tells_how_much_they_hear_and_who_set_the_cap(self, release):
        assert told(release)["How much they hear from us"].said == [
            "Marketing reached them 1 time in 7 days, 3 in 30, 20 in 365.",
            "At most 2 in 30 days, which they set themselves; tonight 0 of them are left.",
            "They hear more from us than they may.",
            "They were disturbed in their quiet hours 1 time in 30 days.",
        ]

    def test_where_no_source_tells_of_mail_it_does_not_say_that_there_was_none(self, tmp_path):
        unknown = (
            *(f"marketing_contact_count_{days}d" for days in (7, 30, 365)),
            *("saturation", "quiet_hour_contact_count_30d"),
        )
        silent = TABLES["dim_contact_pressure"][0] | dict.fromkeys(unknown)
        tables = TABLES | {"dim_contact_pressure": [silent]}
        assert told(made(tmp_path, tables, read=EXPLAINED))["How much they hear from us"].said == [
            "No source says what marketing sent them.",
            "At most 2 in 30 days, which they set themselves; tonight 0 of them are left.",
        ]

    def test_who_may_hear_more_is_told_when_on_their_own_clock(self, tmp_path):
        some = TABLES["dim_contact_pressure"][0] | {"remaining_30d": 1}
        tables = TABLES | {"dim_contact_pressure": [some]}
        part = told(made(tmp_path, tables, read=EXPLAINED))["How much they hear from us"]
        assert part.said[-1] == (
            "The next hours in which they may be written to, on their clock (Europe/Vienna): "
            "2018-01-03 09:00 to 2018-01-03 21:00."
        )

    def test_who_is_to_be_left_alone_has_no_treatment_of_nought_contacts(self, tmp_path):
        alone = TABLES["dim_customer_relationships"][0] | {"treatment_contact_count_30d": 0}
        tables = TABLES | {"dim_customer_relationships": [alone]}
        part = told(made(tmp_path, tables, read=EXPLAINED))[
            "The relationship they want, and the one we give"
        ]
        assert "no contact in 30 days, in a tone that is warm" in part.said[-1]

    def test_it_tells_their_journeys_the_latest_first(self, release):
        part = told(release)["Their journey so far"]
        assert part.said == [
            "2 journeys: 1 ended in a purchase and 1 goes on.",
            "The latest one: 20 Dec 2017 ticket opened (phone, service).",
        ]
        assert [row[0] for row in part.rows] == ["20 Dec 2017", "1 May 2017"]
        assert [row[-1] for row in part.rows] == ["with a case", ""]

    def test_it_tells_value_rhythm_and_needs(self, release):
        part = told(release)["What they buy, and what they may need"]
        assert part.said == [
            "2 orders for 1,234.50 EUR, the first on 2 May 2017, the last on 2 October 2017.",
            "By value they are in tier high, RFM cell 324: of five classes, 5 the best, 3 by how "
            "lately they bought, 2 by how often and 4 by how much.",
            "They usually order again after 30 days; the last time was 92 days before.",
            "With a likelihood of 42% they will order again; 1.2 purchases are expected in the "
            "next 90 days (0 to 4), of 617.25 EUR each (400.00 to 900.00); in a year they bring "
            "512.50 EUR.",
            "Of how they order this is weak: It was off by 30 in 100.",
            "They buy most of tea and honey.",
        ]
        assert part.rows == [("CUPS", "0.50", HOSTILE)]

    def test_where_the_model_is_refused_it_says_why_and_where_spend_is_nothing_of_it(
        self, tmp_path
    ):
        [known] = TABLES["dim_customer_value"]
        spend = {key: None for key in known if key.startswith("expected_order_value")}
        once = known | spend | {"clv_365d": None}
        refused = once | {"p_alive": None, "expected_orders_90d": None}
        for folder, row, words in (
            ("spend", once, "90 days (0 to 4)."),
            ("both", refused, "Nothing is foretold of them: It was off by 30 in 100."),
        ):
            tables = TABLES | {"dim_customer_value": [row]}
            said = told(made(tmp_path / folder, tables, read=EXPLAINED))[
                "What they buy, and what they may need"
            ].said
            assert said[3].endswith(words)

    def test_it_tells_each_list_they_are_on_held_back_from_or_outside_of(self, release):
        part = told(release)["Which lists they are on, and which not"]
        assert part.said == [
            "They are in 2 segments and held back from 1.",
            "They do not qualify for win back.",
        ]
        assert part.rows == [
            ("rest", "in", "3 contacts where they want 2.", "leave alone"),
            ("welcome", "in, held out to compare", "New.", "greeting by post"),
            (
                "loyal",
                "held back",
                "Ordered twice.",
                "over declared cap: 3 contacts in 30 days, where they want 2.",
            ),
        ]

    def test_of_whom_nothing_but_their_name_is_known_it_says_so(self, release):
        parts = told(release, BO, lambda _: [])
        assert parts["Their journey so far"].said == [
            "Nothing that they did is part of a journey yet."
        ]
        assert parts["Which lists they are on, and which not"].said == [
            "They qualify for no segment.",
            "They do not qualify for loyal, rest, welcome and win back.",
        ]
        assert "How much they hear from us" not in parts


class TestWhoIsMeant:
    """Any id that ever was theirs finds them; whoever is not there is said to be missing."""

    def test_a_former_id_is_followed(self, release):
        asked = []
        story = story_of(release, FORMER, records=lambda known: asked.append(known) or [])
        assert (story.customer_id, story.asked_for, asked) == (ADA, FORMER, [ADA])

    @pytest.mark.parametrize("customer_id", ["", "nobody", "'; drop table dim_customers; --"])
    def test_nobody_is_said_to_be_missing(self, release, customer_id):
        with pytest.raises(ExplainError, match="knows no customer"):
            story_of(release, customer_id, records=lambda _: [])

    def test_records_that_cannot_be_told_do_not_keep_the_story_back(self, release):
        def being_built(_):
            raise ExplainError("it is being built")

        parts = told(release, records=being_built)
        assert parts["Who they are"].said[-1] == (
            "Which records are theirs is not shown: it is being built."
        )
        assert len(parts) == 7


class TestRecords:
    """Only the build warehouse knows which records are whose."""

    def test_each_record_says_why_it_is_theirs(self, warehouse):
        assert ties_of(warehouse, ADA) == [
            Tie("hubspot", "2031", "the same e-mail address", True, "2017-01-02"),
            Tie("shop", "7", "merged in the CRM", False, "2017-01-03"),
        ]

    def test_a_record_leads_to_its_customer(self, warehouse):
        assert customer_of_record(warehouse, "shop", "8") == BO
        with pytest.raises(ExplainError, match="there are records of hubspot, shop"):
            customer_of_record(warehouse, "klaviyo", "8")

    def test_a_warehouse_that_is_missing_being_built_or_unfinished_is_said(self, tmp_path):
        with pytest.raises(ExplainError, match="no night was built here"):
            ties_of(tmp_path / "none.duckdb", ADA)
        with duckdb.connect(str(tmp_path / "empty.duckdb")):
            pass
        with pytest.raises(ExplainError, match="no finished build"):
            ties_of(tmp_path / "empty.duckdb", ADA)
        (tmp_path / "text.duckdb").write_text("no database")
        with pytest.raises(ExplainError, match="cannot be opened"):
            ties_of(tmp_path / "text.duckdb", ADA)


class TestTheCommand:
    """``rapport explain`` in the terminal, and as a page for its owner only."""

    @pytest.fixture
    def run(self, release, warehouse, tmp_path, monkeypatch):
        monkeypatch.setenv("RAPPORT_HOME", str(tmp_path / "home"))
        (release.parent / "current").symlink_to(RELEASE_ID)

        def run(*arguments):
            return CliRunner().invoke(app, ["explain", *map(str, arguments)])

        return run

    def test_it_tells_all_of_it(self, run):
        done = run("--record", "hubspot", "2031")
        assert done.exit_code == 0, done.output
        said = " ".join(re.sub(r"[\n│─]+", " ", done.stdout).split())
        for words in (ADA, "2 January 2018", "merged in the CRM", "over declared cap", HOSTILE[:7]):
            assert words in said, words

    def test_the_page_is_escaped_and_its_owners_only(self, run, tmp_path):
        page = tmp_path / "ada.html"
        page.touch(mode=0o644)
        assert run(FORMER, "--html", page).exit_code == 0
        assert page.stat().st_mode & 0o777 == 0o600
        text = page.read_text(encoding="utf-8")
        assert "<script" not in text
        assert "&lt;script&gt;" in text
        assert f"<code>{FORMER}</code> is a former id of theirs" in text

    def test_a_page_that_cannot_be_written_and_nobody_named_are_errors(self, run, tmp_path):
        assert isinstance(run(ADA, "--html", tmp_path / "no" / "a.html").exception, ExplainError)
        assert isinstance(run().exception, SettingsError)
        assert isinstance(run(ADA, "--record", "shop", "7").exception, SettingsError)

    def test_the_page_has_every_part(self, release):
        story = story_of(release, ADA, records=lambda _: [TIE])
        page = page_of(story)
        assert page.count("<section>") == len(story.parts) == 7
