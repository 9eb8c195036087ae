"""Segments brought to a destination: who is sent, who never is, and what is written of it."""

from contextlib import contextmanager
from datetime import timedelta

import pytest

from rapport.activation import run
from rapport.activation.account import opened
from rapport.activation.destination import BatchRefused, Outcome, Remark
from rapport.errors import ActivationError, OutcomeUnknown
from tests.activating import NIGHT, Home, Told

WIN_BACK, LOYAL, REST, CALLS = (
    "win_back_dormant",
    "loyal_high_value",
    "over_contacted_rest",
    "complaint_recovery",
)
LIST = f"list-{WIN_BACK}"
NAMES = [f"c{number:02d}" for number in range(60)]


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Sixty people with a profile each, some of them on the win-back list."""
    made = Home(tmp_path / "home", monkeypatch)
    for name in NAMES:
        made.person(name, klaviyo=[f"p-{name}"], hubspot=[f"h-{name}"])
    return made.on(WIN_BACK, *NAMES[:10])


def started(home):
    """Publish, and have a destination in which the first night is confirmed."""
    home.publish()
    to = Told()
    home.activate(to)
    home.activate(to)
    return to


def of(ran, segment=WIN_BACK):
    return next(each for each in ran.segments if each.segment == segment)


def keys(*names):
    return {f"p-{name}" for name in names}


def test_only_changes_are_sent_and_a_second_run_sends_nothing(home):
    home.publish()
    to = Told()
    ran = home.activate(to)
    assert to.lists[LIST] == keys(*NAMES[:10])
    assert of(ran).counts.sent == 10
    assert home.activate(to).summary()["sent"] == 0
    assert len(to.sent) == 1
    home.on(WIN_BACK, NAMES[10]).off(WIN_BACK, NAMES[0]).publish(NIGHT + timedelta(days=1))
    home.activate(to)
    assert to.lists[LIST] == keys(*NAMES[1:11])
    assert [len(batch) for batch in to.sent] == [10, 1, 1]


def test_every_row_of_a_run_is_in_the_account(home):
    home.publish()
    ran = home.activate(Told())
    rows = home.told("select key, operation, why, state, release_id, batch_key from rows")
    assert {row[0] for row in rows} == keys(*NAMES[:10])
    assert {row[1:5] for row in rows} == {("add", "joined", "accepted", ran.release_id)}
    assert {row[5] for row in rows} == {f"{ran.run_id}-1"}
    assert home.told("select state from runs") == [("done",)]


def test_the_account_holds_ids_and_nothing_else_of_anybody(home):
    home.publish()
    home.activate(Told())
    (row,) = home.told("select * from rows limit 1")
    known = {"c00", "p-c00"} | {f"c{n:02d}" for n in range(10)} | {f"p-c{n:02d}" for n in range(10)}
    assert {
        each for each in row if isinstance(each, str) and each.startswith(("c0", "p-"))
    } <= known


def test_what_was_accepted_is_confirmed_by_the_next_read(home):
    home.publish()
    to = Told()
    home.activate(to)
    home.activate(to)
    assert set(home.told("select distinct state from rows")) == {("confirmed",)}


def test_somebody_who_was_accepted_and_does_not_show_yet_is_no_drift_and_not_sent_again(home):
    home.publish()
    to = Told()
    home.activate(to)
    to.lists[LIST] -= keys(NAMES[3])
    ran = home.activate(to)
    assert (of(ran).counts.drift_gone, ran.summary()["sent"]) == (0, 0)


def test_somebody_who_was_accepted_and_never_showed_is_sent_again(home, monkeypatch):
    monkeypatch.setattr("rapport.activation.run.PATIENCE", timedelta(0))
    home.publish()
    to = Told()
    home.activate(to)
    to.lists[LIST] -= keys(NAMES[3])
    assert home.activate(to).summary()["sent"] == 1
    assert to.lists[LIST] == keys(*NAMES[:10])
    assert home.told("select attempt from rows order by row_id desc limit 1") == [(2,)]


# --- guard 1: who says nothing takes nobody off


def test_an_empty_segment_takes_nobody_off_and_asks(home):
    home.on(LOYAL, NAMES[20]).publish()
    to = Told()
    home.activate(to)
    home.off(WIN_BACK, *NAMES[:10]).publish(NIGHT + timedelta(days=1))
    ran = home.activate(to)
    assert to.lists[LIST] == keys(*NAMES[:10])
    assert [each.segment for each in ran.stopped] == [WIN_BACK]
    assert "empty segment takes nobody off" in ran.stopped[0].reason
    home.activate(to, confirmed={WIN_BACK})
    assert to.lists[LIST] == set()


def test_an_empty_segment_still_loses_who_said_no(home):
    home.on(LOYAL, NAMES[20]).publish()
    to = Told()
    home.activate(to)
    home.off(WIN_BACK, *NAMES[:10]).says(NAMES[2], "opted_out").publish(NIGHT + timedelta(days=1))
    home.activate(to)
    assert to.lists[LIST] == keys(*NAMES[:10]) - keys(NAMES[2])


def test_a_segment_that_was_switched_off_keeps_its_list_but_for_who_said_no(home):
    home.on(LOYAL, NAMES[20]).publish()
    to = Told()
    home.activate(to)
    policy = home.settings.home / "policy.yml"
    policy.write_text(f"segments:\n  {WIN_BACK}: null\n")
    home.says(NAMES[2], "opted_out").publish(NIGHT + timedelta(days=1))
    ran = home.activate(to)
    assert to.lists[LIST] == keys(*NAMES[:10]) - keys(NAMES[2])
    assert {each.segment: each.verdict for each in ran.segments}[WIN_BACK] == "kept"


def test_a_release_with_nobody_at_all_is_a_fault_and_no_order(home):
    home.publish()
    to = Told()
    home.activate(to)
    home.off(WIN_BACK, *NAMES[:10]).publish(NIGHT + timedelta(days=1))
    with pytest.raises(ActivationError, match="has nobody in segments"):
        home.activate(to)
    assert to.lists[LIST] == keys(*NAMES[:10])


def test_without_a_release_nothing_is_sent(home):
    with pytest.raises(ActivationError, match="there is no release yet"):
        home.activate(Told())


def bounded(home, **bounds):
    said = "".join(f"  {name}: {value}\n" for name, value in bounds.items())
    with (home.settings.home / "policy.yml").open("a") as policy:
        policy.write(f"activation_bounds:\n{said}")


@pytest.mark.parametrize("bounds", [
    {"fall_share": 0.3, "least_customers": 5},
    {"fall_customers": 3},
], ids=["by share", "by number"])  # fmt: skip
def test_a_large_fall_stops_the_list_and_asks_and_who_said_no_leaves(home, bounds):
    bounded(home, **bounds)
    home.publish()
    to = Told()
    home.activate(to)
    home.off(WIN_BACK, *NAMES[:4]).says(NAMES[9], "opted_out").on(WIN_BACK, NAMES[20])
    home.publish(NIGHT + timedelta(days=1))
    ran = home.activate(to)
    assert to.lists[LIST] == keys(*NAMES[:9])
    assert "4 would leave" in ran.stopped[0].reason
    assert of(ran).counts.stopped == 5
    home.activate(to, confirmed={WIN_BACK})
    assert to.lists[LIST] == keys(*NAMES[4:9], NAMES[20])


@pytest.mark.parametrize("bounds", [
    {"rise_share": 0.5, "least_customers": 5},
    {"rise_customers": 5},
], ids=["by share", "by number"])  # fmt: skip
def test_a_large_rise_stops_the_list_and_asks_but_for_its_first_fill(home, bounds):
    bounded(home, **bounds)
    home.publish()
    to = Told()
    home.activate(to)
    assert len(to.lists[LIST]) == 10
    home.on(WIN_BACK, *NAMES[10:16]).publish(NIGHT + timedelta(days=1))
    said = home.activate(to).stopped[0].reason
    assert "6 would join" in said
    assert said.endswith(f"if it is meant: `rapport activate --confirm {WIN_BACK}`")
    assert len(to.lists[LIST]) == 10
    home.activate(to, confirmed={WIN_BACK})
    assert len(to.lists[LIST]) == 16


def test_an_emptied_list_is_not_filled_again_unasked(home):
    """A rise from nobody has no share; it is taken of the least that shares say anything of."""
    bounded(home, least_customers=5)
    home.publish()
    to = Told()
    home.activate(to)
    home.off(WIN_BACK, *NAMES[:10]).on(LOYAL, NAMES[20]).publish(NIGHT + timedelta(days=1))
    home.activate(to, confirmed={WIN_BACK})
    assert to.lists[LIST] == set()
    home.on(WIN_BACK, *NAMES[:6]).publish(NIGHT + timedelta(days=2))
    assert "6 would join, of 0 who are there" in home.activate(to).stopped[0].reason
    assert to.lists[LIST] == set()
    home.off(WIN_BACK, NAMES[5]).publish(NIGHT + timedelta(days=3))
    home.activate(to)
    assert to.lists[LIST] == keys(*NAMES[:5])


# --- guard 2: only whom our account added


def test_whom_somebody_else_put_there_is_told_and_stays(home):
    home.publish()
    to = Told()
    home.activate(to)
    to.lists[LIST] |= {"p-c50", "stranger"}
    ran = home.activate(to)
    assert of(ran).counts.drift_foreign == 2
    assert {"p-c50", "stranger"} <= to.lists[LIST]
    assert home.told("select key, kind from drift order by key") == [
        ("p-c50", "foreign"),
        ("stranger", "foreign"),
    ]
    home.activate(to, repairs=True)
    assert to.lists[LIST] == keys(*NAMES[:10])


def test_whom_somebody_else_put_there_before_us_stays_theirs(home):
    home.publish()
    to = Told()
    home.activate(to)
    to.lists[LIST] |= keys(NAMES[10])
    home.on(WIN_BACK, NAMES[10]).publish(NIGHT + timedelta(days=1))
    assert home.activate(to).summary()["sent"] == 0
    home.off(WIN_BACK, NAMES[10]).publish(NIGHT + timedelta(days=2))
    home.activate(to)
    assert keys(NAMES[10]) <= to.lists[LIST]


def test_whom_somebody_else_took_off_is_told_and_not_put_back_unasked(home):
    home.publish()
    to = Told()
    home.activate(to)
    home.activate(to)  # confirmed
    to.lists[LIST] -= keys(NAMES[4])
    ran = home.activate(to)
    assert (of(ran).counts.drift_gone, ran.summary()["sent"]) == (1, 0)
    home.activate(to, repairs=True)
    assert to.lists[LIST] == keys(*NAMES[:10])


def test_a_repair_makes_whoever_is_meant_to_be_there_ours_and_takes_nobody_off_for_it(home):
    """As of all where the account was lost: to take them off and bring them again starts flows."""
    to = started(home)
    for file in home.settings.activation_dir.glob("account.sqlite*"):
        file.unlink()
    sent = len(to.sent)
    assert of(home.activate(to)).counts.drift_foreign == 10
    home.activate(to, repairs=True)
    assert len(to.sent) == sent
    home.off(WIN_BACK, NAMES[0]).publish(NIGHT + timedelta(days=1))
    assert of(home.activate(to)).counts.drift_foreign == 0
    assert to.lists[LIST] == keys(*NAMES[1:10])


# --- guard 3: asked again, immediately before


def test_who_said_no_after_the_release_is_not_sent(home):
    home.publish()
    home.says(NAMES[0], "opted_out").says(NAMES[1], "wants_no_relationship")
    home.says(NAMES[2], "no_consent").erased(NAMES[3])
    to = Told()
    ran = home.activate(to)
    assert to.lists[LIST] == keys(*NAMES[4:10])
    assert (of(ran).counts.source, of(ran).counts.wanted) == (10, 6)


@pytest.mark.parametrize("code", ["archived", "opted_out", "no_record", "other_record"])
def test_whom_the_destination_says_no_about_is_withheld_with_the_reason(home, code):
    home.publish()
    to = Told(remarks={"p-c00": Remark(code, "It is so.")})
    ran = home.activate(to)
    assert to.lists[LIST] == keys(*NAMES[1:10])
    assert ran.summary()["invalid"] == 1
    assert home.told("select key, state, code, reason from dead_letter") == [
        ("p-c00", "withheld", code, "It is so.")
    ]
    to.remarks = {}
    home.activate(to)
    assert keys(NAMES[0]) <= to.lists[LIST]
    assert home.told("select * from dead_letter") == []


@pytest.mark.parametrize("name", ["klaviyo", "hubspot"])
def test_batches_are_filled_up_where_some_are_withheld(home, name):
    """A tenth of them: without, 5 calls would become 6, at 200,000 rows 200 would become 222."""
    names = [f"d{number:03d}" for number in range(500)]
    segment = WIN_BACK if name == "klaviyo" else "complaint_recovery"
    for each in names:
        home.person(each, **{name: [f"p-{each}"]})
    home.off(WIN_BACK, *NAMES[:10]).on(segment, *names).publish()
    out = {f"p-{each}": Remark("opted_out", "It is so.") for each in names[::10]}
    to = Told(name, remarks=out)
    home.activate(to)
    assert sum(len(batch) for batch in to.sent) == 450
    assert len(to.sent) == 5
    assert min(len(batch) for batch in to.sent[:-1]) >= 98


def test_what_is_only_worth_knowing_is_noted_beside_the_row(home):
    home.publish()
    home.activate(Told(remarks={"p-c00": Remark("not_marketing", "No mail.", refuses=False)}))
    assert home.told("select reason, state from rows where key = 'p-c00'") == [
        ("No mail.", "accepted")
    ]


def test_who_is_there_and_said_no_leaves_though_no_new_release_came(home):
    home.publish()
    to = Told()
    home.activate(to)
    home.says(NAMES[0], "opted_out").erased(NAMES[1])
    home.activate(to)
    assert to.lists[LIST] == keys(*NAMES[2:10])
    whys = home.told("select key, why from rows where operation = 'remove' order by key")
    assert whys == [("p-c00", "opted_out"), ("p-c01", "no_record_in_destination")]


def test_a_reduced_release_takes_off_and_adds_nobody(home):
    home.publish()
    to = Told()
    home.activate(to)
    home.on(WIN_BACK, NAMES[20]).publish(NIGHT + timedelta(days=1))
    home.says(NAMES[0], "opted_out")
    home.reduce(NIGHT + timedelta(days=2))
    ran = home.activate(to)
    assert ran.mode == "removals"
    assert to.lists[LIST] == keys(*NAMES[1:10])


def test_a_release_of_an_earlier_night_than_was_sent_brings_nobody_unless_told_to(home):
    from rapport.release import rollback

    first = home.publish()
    home.off(WIN_BACK, *NAMES[:3]).publish(NIGHT + timedelta(days=1))
    to = Told()
    home.activate(to)
    rollback(home.settings.releases_dir, first.release_id, why="trial")
    assert home.activate(to).mode == "removals"
    assert to.lists[LIST] == keys(*NAMES[3:10])
    home.activate(to, goes_back=True)
    assert to.lists[LIST] == keys(*NAMES[:10])


def test_a_backfill_activates_nothing(home):
    home.publish()
    to = Told()
    home.activate(to)
    info = home.on(WIN_BACK, *NAMES[20:30]).publish(NIGHT - timedelta(days=300))
    assert not info.is_current
    assert home.activate(to).summary()["sent"] == 0


# --- guard 4: persons, not records


def test_a_person_with_two_records_is_sent_once_by_the_oldest(home):
    home.person("c00", klaviyo=["p-b", "p-a"])
    home.publish()
    to = Told()
    home.activate(to)
    assert to.lists[LIST] & {"p-a", "p-b"} == {"p-a"}


def test_two_members_who_turn_out_to_be_one_person_are_one_and_a_no_of_either_is_theirs(home):
    home.publish()
    to = Told()
    home.activate(to)
    home.merged(NAMES[0], into=NAMES[1])
    home.activate(to)
    assert len(to.lists[LIST] & keys(NAMES[0], NAMES[1])) == 1
    home.says(NAMES[1], "opted_out")
    home.activate(to)
    assert to.lists[LIST] == keys(*NAMES[2:10])


def test_a_merged_record_that_kept_the_place_on_the_list_is_ours(home):
    home.publish()
    to = Told()
    home.activate(to)
    home.person("c00", klaviyo=["p-new"])
    to.lists[LIST] = to.lists[LIST] - {"p-c00"} | {"p-new"}
    home.activate(to)
    assert home.told("select key, state, why from rows where key = 'p-new'") == [
        ("p-new", "adopted", "merged")
    ]
    home.off(WIN_BACK, "c00").publish(NIGHT + timedelta(days=1))
    home.activate(to)
    assert "p-new" not in to.lists[LIST]


def test_the_held_out_are_never_sent_and_leave_when_they_become_it(home):
    home.on(WIN_BACK, NAMES[11], arm="holdout").publish()
    to = Told()
    home.activate(to)
    assert not keys(NAMES[11]) & to.lists[LIST]
    home.off(WIN_BACK, NAMES[0]).on(WIN_BACK, NAMES[0], arm="holdout")
    home.publish(NIGHT + timedelta(days=1))
    home.activate(to)
    assert to.lists[LIST] == keys(*NAMES[1:10])


# --- guard 5: no flapping


@pytest.fixture
def patient(tmp_path, monkeypatch):
    """The same people, who stay three nights at the least and stay away five."""
    policy = f"segments:\n  {WIN_BACK}: {{minimum_stay_days: 3, minimum_absence_days: 5}}\n"
    made = Home(tmp_path / "home", monkeypatch, policy)
    for name in NAMES:
        made.person(name, klaviyo=[f"p-{name}"])
    return made.on(WIN_BACK, *NAMES[:10])


def test_who_qualifies_no_more_stays_the_minimum_and_then_leaves(patient):
    patient.publish()
    to = Told()
    patient.activate(to)
    patient.off(WIN_BACK, NAMES[0])
    for nights, stays in ((1, True), (2, True), (3, False)):
        patient.publish(NIGHT + timedelta(days=nights))
        ran = patient.activate(to)
        assert (keys(NAMES[0]) <= to.lists[LIST]) is stays
        assert of(ran).counts.held == int(stays)


def test_who_left_comes_back_only_after_the_minimum(patient):
    patient.publish()
    to = Told()
    patient.activate(to)
    patient.off(WIN_BACK, NAMES[0]).publish(NIGHT + timedelta(days=3))
    patient.activate(to)
    patient.on(WIN_BACK, NAMES[0])
    for nights, is_back in ((4, False), (7, False), (8, True)):
        patient.publish(NIGHT + timedelta(days=nights))
        patient.activate(to)
        assert (keys(NAMES[0]) <= to.lists[LIST]) is is_back


@pytest.mark.parametrize("clause", ["opted_out", "paused", "over_declared_cap", "over_pulse_cap"])
def test_no_minimum_holds_back_their_own_word_or_a_cap(patient, clause):
    patient.publish()
    to = Told()
    patient.activate(to)
    patient.off(WIN_BACK, NAMES[0], clause=clause).publish(NIGHT + timedelta(days=1))
    patient.activate(to)
    assert to.lists[LIST] == keys(*NAMES[1:10])


# --- guard 7: two at once, no answers, refusals


def test_two_runs_of_a_destination_never_run_at_once(home):
    home.publish()
    to = Told()

    def run_within(self, batch):
        with pytest.raises(ActivationError, match="is at it"):
            home.activate(Told())

    to.answer = run_within
    home.activate(to)
    assert to.lists[LIST] == keys(*NAMES[:10])


def test_a_batch_is_written_down_before_it_is_sent(home):
    home.publish()
    seen = []

    def look(self, batch):
        seen.append(home.told(f"select state from rows where batch_key = '{batch.key}'"))

    home.activate(Told(answer=look))
    assert seen == [[("intended",)] * 10]


def test_an_account_that_cannot_be_written_sends_nothing_and_says_so(home, monkeypatch):
    home.on(WIN_BACK, *NAMES[10:]).publish()
    to = Told()

    @contextmanager
    def full(folder, destination):
        with opened(folder, destination) as account:
            (pages,) = account.query("select page_count from pragma_page_count")[0].values()
            account.query(f"pragma max_page_count = {pages}")
            yield account

    monkeypatch.setattr(run, "opened", full)
    with pytest.raises(ActivationError, match=r"disk is full.*make room"):
        home.activate(to)
    assert to.sent == []


def test_a_batch_that_is_refused_for_one_row_is_halved_down_to_it(home):
    home.publish()

    def refuse(self, batch):
        if any(each.key == "p-c07" for each in batch.adds):
            raise BatchRefused("400", "A profile with this id does not exist.")

    to = Told(answer=refuse)
    ran = home.activate(to)
    assert to.lists[LIST] == keys(*NAMES[:10]) - keys(NAMES[7])
    assert ran.summary()["rejected"] == 1
    assert home.told("select key, code, reason, attempt from dead_letter") == [
        ("p-c07", "400", "A profile with this id does not exist.", 3)
    ]
    to.answer = None
    home.activate(to)
    assert keys(NAMES[7]) <= to.lists[LIST]


def test_a_size_that_is_refused_is_halved_once_and_remembered(home):
    home.on(WIN_BACK, *NAMES[10:40]).publish()

    def refuse(self, batch):
        if len(batch) > 5:
            raise BatchRefused("413", "Too large.")

    to = Told(batch_size=20, answer=refuse)
    home.activate(to)
    assert to.lists[LIST] == keys(*NAMES[:40])
    assert [len(batch) for batch in to.sent] == [20, 10, 5, 5, 10, 5, 5, 5, 5, 5, 5]


def test_a_call_that_got_no_answer_but_was_carried_out_does_no_harm(home):
    home.publish()
    calls = []

    def time_out(self, batch):
        calls.append(batch)
        if len(calls) == 1:
            self.apply(batch)
            raise OutcomeUnknown("rapport_activate_klaviyo", "no answer")

    to = Told(answer=time_out)
    ran = home.activate(to)
    assert to.lists[LIST] == keys(*NAMES[:10])
    assert ran.summary()["unknown"] == 0


def test_what_nobody_knows_is_found_by_the_next_read(home):
    home.publish()

    def apply_and_hang(self, batch):
        self.apply(batch)
        raise OutcomeUnknown("rapport_activate_klaviyo", "no answer")

    to = Told(answer=apply_and_hang)
    with pytest.raises(OutcomeUnknown):
        home.activate(to)
    to.answer = None
    home.activate(to)
    assert to.lists[LIST] == keys(*NAMES[:10])
    states = {state for (state,) in home.told("select distinct state from rows")}
    assert states <= {"confirmed", "accepted"}
    home.off(WIN_BACK, NAMES[0]).publish(NIGHT + timedelta(days=1))
    home.activate(to)
    assert to.lists[LIST] == keys(*NAMES[1:10])


def test_a_destination_that_cannot_be_read_is_sent_again_what_it_never_answered(home):
    policy = home.settings.home / "policy.yml"
    policy.write_text(f"segments:\n  {WIN_BACK}: {{also_to: [webhook]}}\n")
    home.publish()

    def hang(self, batch):
        raise OutcomeUnknown("rapport_activate_webhook", "no answer")

    to = Told("webhook", reads=False, batch_size=5, answer=hang)
    assert home.activate(to).unanswered.startswith("10 rows got no answer")
    assert home.told("select distinct state from rows") == [("unknown",)]
    assert [state for (state,) in home.told("select state from runs")] == ["failed"]
    to.answer = None
    home.activate(to)
    assert to.lists[LIST] == set(NAMES[:10])
    assert {name for name, _ in to.finished} == {WIN_BACK}


@pytest.mark.parametrize("carries_out", [True, False], ids=["done", "not done"])
def test_whom_an_unanswered_call_may_have_added_and_who_says_no_is_taken_off(home, carries_out):
    """Where nobody can read whether they are there; and only once."""
    policy = home.settings.home / "policy.yml"
    policy.write_text(f"segments:\n  {WIN_BACK}: {{also_to: [webhook]}}\n")
    home.publish()

    def hang(self, batch):
        if carries_out:
            self.apply(batch)
        raise OutcomeUnknown("rapport_activate_webhook", "no answer")

    to = Told("webhook", reads=False, answer=hang)
    home.activate(to)
    home.says(NAMES[0], "opted_out")
    to.answer = None
    home.activate(to)
    assert [each.key for batch in to.sent for each in batch.removes] == [NAMES[0]]
    assert to.lists[LIST] == set(NAMES[1:10])
    sent = len(to.sent)
    home.activate(to)
    assert len(to.sent) == sent


def test_whom_a_list_shows_late_and_who_said_no_meanwhile_is_taken_off(home):
    """The call got no answer, and the read after it did not show what the call had done."""
    home.publish()

    def hang(self, batch):
        raise OutcomeUnknown("rapport_activate_klaviyo", "no answer")

    to = Told(answer=hang)
    with pytest.raises(OutcomeUnknown):
        home.activate(to)
    home.says(NAMES[0], "opted_out")
    to.answer = None
    home.activate(to)
    assert NAMES[0] in {row for (row,) in home.told(
        "select customer_id from rows where operation = 'remove' and why = 'opted_out'"
    )}  # fmt: skip
    to.lists[LIST] |= keys(NAMES[0])  # what the call did, then what the removal did
    to.apply(next(batch for batch in to.sent if batch.removes))
    assert to.lists[LIST] == keys(*NAMES[1:10])


def test_what_an_unanswered_call_does_after_all_that_came_later_is_found_by_the_next_run(home):
    """Requests may wait on the way: one that adds arrives after the one that takes off."""
    to = started(home)
    late = []

    def hang(self, batch):
        late.append(batch)
        raise OutcomeUnknown("rapport_activate_klaviyo", "no answer")

    home.on(WIN_BACK, NAMES[20]).off(WIN_BACK, NAMES[3]).publish(NIGHT + timedelta(days=1))
    to.answer, to.batch_size = hang, 2
    home.activate(to)
    to.answer = None
    home.says(NAMES[20], "opted_out").on(WIN_BACK, NAMES[3]).publish(NIGHT + timedelta(days=2))
    home.activate(to)
    for batch in late:
        to.apply(batch)
    assert keys(NAMES[20]) <= to.lists[LIST]
    assert not keys(NAMES[3]) & to.lists[LIST]
    ran = home.activate(to)
    assert to.lists[LIST] == keys(*NAMES[:10])
    assert (of(ran).counts.drift_foreign, of(ran).counts.drift_gone) == (0, 0)
    assert home.activate(to).summary()["sent"] == 0


def test_a_list_that_is_gone_stops_itself_alone_and_no_second_one_is_made(home):
    home.on(LOYAL, NAMES[20]).publish()
    to = Told()
    home.activate(to)
    del to.lists[LIST]
    home.on(WIN_BACK, NAMES[11]).on(LOYAL, NAMES[21]).publish(NIGHT + timedelta(days=1))
    ran = home.activate(to)
    assert [(each.segment, each.verdict) for each in ran.stopped] == [(WIN_BACK, "gone")]
    assert LIST not in to.lists
    assert to.lists[f"list-{LOYAL}"] == keys(NAMES[20], NAMES[21])
    home.activate(to, anew={WIN_BACK})
    assert LIST in to.lists


def test_a_list_that_may_not_be_filled_still_loses_who_said_no(home):
    home.publish()
    to = Told()
    home.activate(to)
    to.described = {"refusal": "its flow can be entered again"}
    home.on(WIN_BACK, NAMES[11]).says(NAMES[0], "opted_out").publish(NIGHT + timedelta(days=1))
    ran = home.activate(to)
    assert to.lists[LIST] == keys(*NAMES[1:10])
    assert ran.stopped[0].reason == "its flow can be entered again"


def test_the_first_fill_of_a_list_with_a_live_flow_waits_for_a_person(home):
    home.publish()
    to = Told(described={"asks_before_filling": "it starts Welcome for everybody at once"})
    assert "Welcome" in home.activate(to).stopped[0].reason
    assert to.lists[LIST] == set()
    home.activate(to, confirmed={WIN_BACK})
    home.on(WIN_BACK, NAMES[11]).publish(NIGHT + timedelta(days=1))
    home.activate(to)
    assert to.lists[LIST] == keys(*NAMES[:10], NAMES[11])


def test_the_staffs_list_never_goes_to_a_mailing_tool(home):
    policy = home.settings.home / "policy.yml"
    policy.write_text(f"segments:\n  {CALLS}: {{destination: klaviyo}}\n")
    home.publish()
    with pytest.raises(ActivationError, match="is the staff's"):
        home.activate(Told())


def test_the_staffs_list_goes_to_the_crm_by_the_crms_records(home):
    home.on(CALLS, NAMES[0]).publish()
    to = Told("hubspot")
    home.activate(to)
    assert to.lists == {f"list-{CALLS}": {"h-c00"}}


def test_a_dry_run_sends_nothing_and_notes_nothing(home):
    home.publish()
    to = Told()
    ran = home.activate(to, is_dry=True)
    assert [(each.segment, each.adds) for each in ran.segments if each.adds] == [(WIN_BACK, 10)]
    assert (to.sent, to.lists) == ([], {})
    assert home.told("select * from runs") == []


def test_removals_go_first(home):
    home.publish()
    to = Told("klaviyo", batch_size=4)
    home.activate(to)
    del to.sent[:]
    home.off(WIN_BACK, NAMES[0]).on(WIN_BACK, NAMES[11]).publish(NIGHT + timedelta(days=1))
    home.activate(to)
    assert [(len(batch.removes), len(batch.adds)) for batch in to.sent] == [(1, 0), (0, 1)]


def test_a_row_that_an_answer_leaves_out_is_a_fault(home):
    home.publish()
    to = Told(answer=lambda self, batch: [Outcome("p-c00", "add", "added")])
    with pytest.raises(AssertionError, match="10 rows were sent and 1 accounted for"):
        home.activate(to)
