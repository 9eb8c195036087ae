"""Reduced releases: who said no since is off the lists, and nothing else is different."""

import json
import os
import shutil
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from rapport.errors import ReleaseError
from rapport.gate import stamp_of
from rapport.killpoints import EXIT_CODE
from rapport.release import (
    current_release,
    history,
    list_releases,
    publish_release,
    reduce_release,
    release_before,
    verify_release,
)
from rapport.release_commands import releases_app
from rapport.settings import WAREHOUSE_FILE

NIGHT = date(2018, 1, 1)
NEXT = NIGHT + timedelta(days=1)
PLUGINS = Path(__file__).parents[2] / "plugins"
# Who is on which list, by which channel, in which arm.
MEMBERS = [
    ("ann", "letters", "email", "treatment"),
    ("bo", "letters", "email", "treatment"),
    ("cy", "letters", "email", "holdout"),
    ("dee", "texts", "sms", "treatment"),
    ("ann", "rest", None, "treatment"),
    ("fay", "calls", "phone", "treatment"),
]
NAMES = ("segment", "destination", "takes_slot", "message_class", "topic")
SEGMENTS = [
    ("letters", "klaviyo", True, "marketing", "recipes"),
    ("texts", "hubspot", True, "marketing", None),
    ("rest", "hubspot", False, None, None),
    ("calls", "hubspot", True, "service", None),
]


class Night:
    """A release of the first night, and what the landing says of these people later."""

    def __init__(self, folder: Path):
        self.releases = folder / "releases"
        self.warehouse = folder / "warehouse" / WAREHOUSE_FILE
        self.asked = folder / "aside" / WAREHOUSE_FILE
        self.published = None
        people = {name for name, *_ in MEMBERS} | {"eve"}
        self.ids = {(name, name, None, None) for name in people}
        self.records = dict.fromkeys(people, (True, True))
        self.said = {}

    def publish(self, night=NIGHT, without=(), keep=7):
        """Release a night; of these people nobody is on a list."""
        self.warehouse.parent.mkdir(exist_ok=True)
        self.warehouse.unlink(missing_ok=True)
        members = [each for each in MEMBERS if each[0] not in without]
        with duckdb.connect(str(self.warehouse)) as connection:
            connection.execute(
                f"""
                create schema marts; create schema segments; create schema ops;
                create table ops.build_state as
                    select date '{night}' as as_of_date, 'abc' as fingerprint;
                create table marts.dim_preferences as
                    select 'ann' as customer_id, 'granted' as email_consent;
                create table segments.segment_members (customer_id varchar, segment varchar,
                    reason varchar, lane varchar, channel varchar, arm varchar);
                create table segments.segment_suppressions (customer_id varchar not null,
                    segment varchar, reason varchar, lane varchar, clause varchar,
                    clause_reason varchar);
                create table segments.segment_changes (customer_id varchar, segment varchar,
                    change varchar, clause varchar, last_as_of_date date);
                insert into segments.segment_changes values
                    ('gus', 'letters', 'left', 'paused', date '2017-12-31');
                insert into segments.segment_suppressions values
                    ('eve', 'letters', 'Buys.', 'relationship', 'over_cap', 'Had 2.');
                comment on table segments.segment_members is 'One row per member.';
                create table segments.segments (segment varchar, destination varchar,
                    takes_slot boolean, message_class varchar, topic varchar, size bigint,
                    treatment_size bigint, holdout_size bigint, suppressed_count bigint);
                """
            )
            for name, segment, channel, arm in members:
                connection.execute(
                    "insert into segments.segment_members values (?, ?, 'Buys.', 'plain', ?, ?)",
                    [name, segment, channel, arm],
                )
            connection.execute(
                "insert into segments.segment_changes select customer_id, segment, "
                "if(customer_id in ('bo', 'dee'), 'joined', 'stayed'), null, date '2017-12-31' "
                "from segments.segment_members"
            )
            for segment in SEGMENTS:
                connection.execute(
                    """
                    insert into segments.segments
                    select $segment, $destination, $takes_slot, $message_class, $topic, count(*),
                        count(*) filter (where arm = 'treatment'),
                        count(*) filter (where arm = 'holdout'),
                        (select count(*) from segments.segment_suppressions
                         where segment = $segment)
                    from segments.segment_members where segment = $segment
                    """,
                    dict(zip(NAMES, segment, strict=True)),
                )
            connection.execute(
                """
                create schema metrics;
                create table metrics.key_figures as
                    select 'segment_members' as figure, count(distinct customer_id)::double
                        as figure_value, count(distinct customer_id) as counted
                    from segments.segment_members
                    union all select 'customers', 7, 7
                """
            )
        return publish_release(
            warehouse_path=self.warehouse,
            releases_dir=self.releases,
            as_of=night,
            keep=keep,
            gate={
                "as_of": night.isoformat(),
                "evaluated": 9,
                "warnings": [],
                "stamp": stamp_of(self.warehouse),
            },
        )

    def says(self, name, channel="email", clause=None, topics=(), is_paused=False):
        """Note what keeps messages on a channel from somebody by now."""
        self.said[name, channel] = (clause, list(topics), is_paused)
        return self

    def merged(self, former, survivor):
        """Have the records of one customer belong to another by now."""
        self.ids = {(f, survivor if c == former else c, *t) for f, c, *t in self.ids}
        self.records.pop(former)
        return self

    def ask(self):
        """Write the file that dbt would build."""
        self.asked.parent.mkdir(exist_ok=True)
        self.asked.unlink(missing_ok=True)
        with duckdb.connect(str(self.asked)) as connection:
            connection.execute(
                """
                create schema intermediate;
                create table intermediate.int_identity__former_ids (former_customer_id varchar,
                    customer_id varchar, valid_from date, valid_to date);
                create table intermediate.int_identity__customers (customer_id varchar,
                    has_mailing_profile boolean, has_crm_contact boolean);
                create table intermediate.refused (customer_id varchar, channel varchar,
                    clause varchar, service_clause varchar, refused_topics varchar[],
                    is_paused boolean);
                create view intermediate.int_segments__refusals as
                    from rapport_build.intermediate.refused;
                """
            )
            insert = "insert into intermediate.{} values ({})"
            for row in sorted(self.ids, key=str):
                connection.execute(insert.format("int_identity__former_ids", "?, ?, ?, ?"), row)
            for name, has in self.records.items():
                connection.execute(
                    insert.format("int_identity__customers", "?, ?, ?"), [name, *has]
                )
                for channel in ("email", "sms", "phone"):
                    clause, *said = self.said.get((name, channel), (None, [], False))
                    # what no answer of the staff's goes against
                    service = clause if clause in ("opted_out", "channel_not_allowed") else None
                    row = [name, channel, clause, service, *said]
                    connection.execute(insert.format("refused", "?, ?, ?, ?, ?, ?"), row)
        return self

    def reduce(self, night=NEXT):
        self.ask()
        return reduce_release(asked_path=self.asked, releases_dir=self.releases, night=night)

    def current(self, sql):
        folder = (self.releases / "current").resolve()
        with duckdb.connect(str(folder / "rapport.duckdb"), read_only=True) as release:
            return release.sql(sql).fetchall()

    def members(self):
        return set(self.current("select customer_id, segment from segments.segment_members"))


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The release that every test begins with, made once."""
    folder = tmp_path_factory.mktemp("published")
    Night(folder).publish()
    yield folder
    let_go(folder)


@pytest.fixture
def night(published, tmp_path):
    shutil.copytree(published, tmp_path, symlinks=True, dirs_exist_ok=True)
    night = Night(tmp_path)
    (night.published,) = list_releases(night.releases)
    yield night
    let_go(tmp_path)


def let_go(folder: Path):
    """Releases are read-only; whoever cleans up could not."""
    for each in folder.rglob("*/"):
        each.chmod(0o755)


def test_who_said_no_since_is_held_back_and_the_reason_says_since_when(night):
    before = night.published
    info = night.says("bo", clause="opted_out").reduce()
    assert info.is_current
    assert info.built
    assert night.members() == {(name, segment) for name, segment, *_ in MEMBERS} - {
        ("bo", "letters")
    }
    assert night.current("from segments.segment_suppressions where customer_id = 'bo'") == [
        (
            "bo",
            "letters",
            "Buys.",
            "plain",
            "opted_out",
            f"Opted out since release {before.release_id}, by the news of the night of 2018-01-02.",
        )
    ]
    # who was held back before still is
    assert night.current("select clause from segments.segment_suppressions order by all") == [
        ("opted_out",),
        ("over_cap",),
    ]


def test_the_figures_of_the_segment_follow_hold_out_included(night):
    night.says("cy", clause="opted_out").says("bo", clause="no_consent").reduce()
    assert night.current(
        "select segment, size, treatment_size, holdout_size, suppressed_count "
        "from segments.segments order by all"
    ) == [
        ("calls", 1, 1, 0, 0),
        ("letters", 1, 1, 0, 3),
        ("rest", 1, 1, 0, 0),
        ("texts", 1, 1, 0, 0),
    ]


def test_the_changes_follow(night):
    """Who stayed has left; who had joined since never was on the list."""
    night.says("cy", clause="opted_out").says("bo", clause="no_consent").reduce()
    assert night.current(
        "select customer_id, change, clause from segments.segment_changes "
        "where segment = 'letters' order by all"
    ) == [("ann", "stayed", None), ("cy", "left", "opted_out"), ("gus", "left", "paused")]


@pytest.mark.parametrize(("clause", "stays"), [("no_consent", True), ("opted_out", False)])
def test_an_answer_takes_no_consent_and_heeds_a_no(night, clause, stays):
    night.says("fay", "phone", clause=clause).says("bo", clause="opted_out").reduce()
    assert (("fay", "calls") in night.members()) == stays


def test_the_figure_that_counts_the_lists_follows_and_no_other_does(night):
    was = dict(night.current("select figure, counted from metrics.key_figures"))
    night.says("bo", clause="opted_out").reduce()
    now = night.current("select figure, figure_value, counted from metrics.key_figures")
    [[members]] = night.current("select count(distinct customer_id) from segments.segment_members")
    assert members == was["segment_members"] - 1
    assert sorted(now) == [("customers", 7.0, 7), ("segment_members", float(members), members)]


def test_all_other_files_are_those_of_the_release_it_was_made_from(night):
    before = night.published
    info = night.says("bo", clause="opted_out").reduce()
    changed = {
        f"{name}.parquet"
        for name in (
            "key_figures",
            "segment_changes",
            "segment_members",
            "segment_suppressions",
            "segments",
        )
    }
    assert {path.name for path in info.path.iterdir()} == {
        path.name for path in before.path.iterdir()
    }
    for path in before.path.glob("*.parquet"):
        same = (info.path / path.name).read_bytes() == path.read_bytes()
        assert same == (path.name not in changed), path.name
    old, new = (
        json.loads((folder / "manifest.json").read_bytes()) for folder in (before.path, info.path)
    )
    assert {key for key in new if new[key] != old.get(key)} == {
        "release_id",
        "content_hash",
        "reduction",
        "tables",
        "files",
        "signature",
    }
    assert night.current("from marts.dim_preferences") == [("ann", "granted")]
    assert verify_release(info.path) == []
    assert verify_release(before.path) == []


def test_it_says_what_it_was_made_from_by_which_night_and_how_many_left(night):
    before = night.published
    info = night.says("bo", clause="opted_out").says("dee", "sms", "opted_out").reduce()
    manifest = json.loads((info.path / "manifest.json").read_bytes())
    assert manifest["reduction"] == {
        "reduced_from": before.release_id,
        "night": "2018-01-02",
        "customers": 2,
        "taken_out": {"letters": {"opted_out": 1}, "texts": {"opted_out": 1}},
    }
    assert night.current(
        "select release_id, as_of_date, reduced_from, reduced_by_date from release"
    ) == [(info.release_id, NIGHT, before.release_id, NEXT)]
    shown = CliRunner().invoke(releases_app, ["list", "--dir", str(night.releases)]).output
    assert "2 customers taken out" in " ".join(shown.split())
    assert history(night.releases)[-1]["event"] == "reduced"


def test_the_tables_and_parquet_files_of_the_lists_are_sorted_and_described_as_ever(night):
    info = night.says("ann", clause="opted_out").reduce()
    path = str(info.path / "segment_suppressions.parquet")
    rows = duckdb.sql(f"from '{path}'").fetchall()
    assert rows == sorted(rows) == night.current("from segments.segment_suppressions")
    assert night.current(
        "select comment from duckdb_tables() where table_name = 'segment_members'"
    ) == [("One row per member.",)]


@pytest.mark.parametrize(
    ("said", "clause"),
    [
        ({"clause": "wants_no_relationship"}, "wants_no_relationship"),
        ({"clause": "not_deliverable"}, "not_deliverable"),
        ({"topics": ["recipes"]}, "topic_unwanted"),
        ({"is_paused": True}, "paused"),
        ({"topics": ["garden"]}, None),
        ({"channel": "sms", "clause": "opted_out"}, None),
    ],
)
def test_a_list_asks_for_its_own_channel_and_topic(night, said, clause):
    info = night.says("bo", **said).reduce()
    assert (info and info.reduction.taken_out) == (clause and {"letters": {clause: 1}})


def test_leaving_somebody_alone_needs_nobody_s_consent(night):
    night.says("ann", clause="wants_no_relationship").reduce()
    assert ("ann", "rest") in night.members()
    assert ("ann", "letters") not in night.members()


def test_who_was_erased_at_the_destination_is_on_none_of_its_lists(night):
    night.records["ann"] = (False, True)
    night.reduce()
    assert night.members() & {("ann", "letters"), ("ann", "rest")} == {("ann", "rest")}
    night.records["ann"] = (False, False)
    assert night.reduce().reduction.taken_out == {"rest": {"no_record_in_destination": 1}}


def test_whom_the_landing_does_not_know_any_more_is_on_no_list(night):
    night.ids = {row for row in night.ids if row[0] != "ann"}
    night.reduce()
    assert {name for name, _ in night.members()} == {"bo", "cy", "dee", "fay"}


def test_a_channel_that_nobody_is_asked_about_is_consented_to_by_nobody(night):
    night.ask()
    with duckdb.connect(str(night.asked)) as connection:
        connection.execute("delete from intermediate.refused where channel = 'sms'")
    info = reduce_release(asked_path=night.asked, releases_dir=night.releases, night=NEXT)
    assert info.reduction.taken_out == {"texts": {"no_consent": 1}}


class TestWhoIsWhomHasChanged:
    """The release knows who people were on its night; a no reaches them whoever they are by now."""

    def test_a_no_of_either_reaches_both_of_two_who_were_merged(self, night):
        night.merged("bo", "cy").says("cy", clause="opted_out").reduce()
        assert night.members() == {
            ("ann", "letters"),
            ("ann", "rest"),
            ("dee", "texts"),
            ("fay", "calls"),
        }

    def test_a_no_of_either_reaches_one_who_was_split(self, night):
        night.ids.add(("bo", "new", NIGHT - timedelta(days=9), NEXT))
        night.records["new"] = (False, False)
        night.says("new", clause="opted_out").reduce()
        assert ("bo", "letters") not in night.members()

    def test_one_record_that_can_be_addressed_is_enough(self, night):
        night.ids.add(("bo", "new", NIGHT - timedelta(days=9), NEXT))
        night.records["new"] = (False, False)
        assert night.reduce() is None

    @pytest.mark.parametrize(("since", "until"), [(NIGHT - timedelta(days=9), NIGHT), (NEXT, None)])
    def test_whom_they_were_one_with_on_other_nights_does_not_matter(self, night, since, until):
        night.ids.add(("bo", "new", since, until))
        night.records["new"] = (True, True)
        assert night.says("new", clause="opted_out").reduce() is None


class TestOnlyEverLess:
    """Nobody is added and nothing is lifted, however often and in whatever order nights fail."""

    def test_nobody_to_take_out_is_no_new_release(self, night):
        assert night.reduce() is None
        assert current_release(night.releases) == night.published.release_id
        assert len(list_releases(night.releases)) == 1

    def test_no_release_is_none_to_reduce(self, tmp_path, night):
        night.ask()
        elsewhere = tmp_path / "nothing"
        assert reduce_release(asked_path=night.asked, releases_dir=elsewhere, night=NEXT) is None

    def test_the_same_night_again_makes_no_second_one_and_tells_the_first(self, night):
        info = night.says("bo", clause="opted_out").reduce()
        again = night.reduce()
        assert (again.release_id, again.built) == (info.release_id, False)
        assert again.reduction == info.reduction
        assert len(list_releases(night.releases)) == 2

    def test_a_yes_since_brings_nobody_back(self, night):
        night.says("bo", clause="opted_out").reduce()
        assert night.says("bo").reduce(NEXT + timedelta(days=1)) is None
        assert ("bo", "letters") not in night.members()

    def test_a_second_night_that_fails_takes_out_more(self, night):
        first = night.says("bo", clause="opted_out").reduce()
        second = night.says("dee", "sms", "opted_out").reduce(NEXT + timedelta(days=1))
        assert second.reduction.reduced_from == first.release_id
        assert second.as_of == NIGHT
        assert {name for name, _ in night.members()} == {"ann", "cy", "fay"}

    def test_the_night_that_it_shows_brings_nobody_back_when_it_is_run_again(self, night):
        info = night.says("bo", clause="opted_out").reduce()
        again = night.publish()
        assert again.release_id == info.reduction.reduced_from
        assert not again.is_current
        assert "opt-outs of a later night" in again.note
        assert current_release(night.releases) == info.release_id

    def test_the_next_night_is_compared_with_what_was_left(self, night):
        info = night.says("bo", clause="opted_out").reduce()
        assert release_before(night.releases, NEXT).release_id == info.release_id
        assert release_before(night.releases, NIGHT) is None

    def test_a_later_night_that_passes_takes_over(self, night):
        night.says("bo", clause="opted_out").reduce()
        assert night.publish(NEXT, without={"bo"}).is_current

    def test_an_older_night_changes_nothing_of_a_release_that_knows_more(self, night):
        info = night.says("bo", clause="opted_out").reduce()
        assert night.says("ann", clause="opted_out").reduce(NIGHT) is None
        assert current_release(night.releases) == info.release_id

    def test_nights_that_fail_push_out_none_that_one_would_roll_back_to(self, night):
        before = night.publish(NIGHT - timedelta(days=1)).release_id
        for number, name in enumerate(("bo", "ann", "cy")):
            night.says(name, clause="opted_out").reduce(NEXT + timedelta(days=number))
        last = night.publish(NEXT + timedelta(days=9), keep=3).release_id
        left = [info for info in list_releases(night.releases) if not info.reduction]
        assert [info.release_id for info in left] == [last, night.published.release_id, before]
        # these go with the night that they show
        night.publish(NEXT + timedelta(days=10), keep=2)
        assert not [info for info in list_releases(night.releases) if info.reduction]


def test_a_damaged_release_is_not_made_another_of(night):
    path = night.published.path / "segment_members.parquet"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    night.says("bo", clause="opted_out").ask()
    with pytest.raises(ReleaseError, match=r"is damaged: segment_members\.parquet"):
        reduce_release(asked_path=night.asked, releases_dir=night.releases, night=NEXT)
    assert current_release(night.releases) == night.published.release_id


REDUCE = """
import sys
from datetime import date
from pathlib import Path
from rapport.release import reduce_release
asked, releases, night = sys.argv[1:]
reduce_release(asked_path=Path(asked), releases_dir=Path(releases),
               night=date.fromisoformat(night))
"""


@pytest.mark.parametrize(
    "place", ["release_written", "release_renamed", "current_prepared", "current_switched"]
)
def test_killed_anywhere_readers_have_a_whole_release_and_the_next_run_finishes(night, place):
    before = night.published.release_id
    night.says("bo", clause="opted_out").ask()
    killed = subprocess.run(
        [sys.executable, "-c", REDUCE, *map(str, (night.asked, night.releases, NEXT))],
        env=os.environ | {"PYTHONPATH": str(PLUGINS), "RAPPORT_KILLPOINT": place},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert killed.returncode == EXIT_CODE, killed.stderr
    seen = (night.releases / "current").resolve()
    assert verify_release(seen) == []
    assert (seen.name == before) == (place != "current_switched")

    info = night.reduce()
    assert info.is_current
    assert {each.release_id for each in list_releases(night.releases)} == {before, info.release_id}
    assert not list(night.releases.glob(".building-*"))
