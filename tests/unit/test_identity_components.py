"""Components with conflicts: what ties, what does not, and that order decides nothing."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapport.identity.components import (
    FOREVER,
    Holdings,
    _distinct,
    components,
    resolve,
    timeline,
)
from rapport.identity.nights import POLICY, RULES

# The same examples every time, and no file of past ones.
reproducible = settings(derandomize=True, database=None, deadline=None, max_examples=60)
NOBODY_APART = np.zeros((0, 2), dtype=np.int64)


def holdings(*rows: tuple, since: int = 0, until: int = FOREVER) -> Holdings:
    """Rows are (record, rule, value) or (record, rule, value, since, until)."""
    full = [(*row, since, until)[:5] if len(row) == 3 else row for row in rows]
    numbers = [(r, RULES.index(rule), value, a, b) for r, rule, value, a, b in full]
    record, rule, value, since_, until_ = np.array(numbers, dtype=np.int64).reshape(-1, 5).T
    return Holdings(record, rule, value, since_, until_)


def anchors(size: int, *rows: tuple, apart=NOBODY_APART) -> list[int]:
    return resolve(np.arange(size), holdings(*rows), np.asarray(apart), POLICY).tolist()


def test_a_chain_of_values_is_one_customer_named_after_its_first_record():
    rows = [(3, "email", 1), (1, "email", 1), (1, "phone", 2), (2, "phone", 2)]
    assert anchors(5, *rows) == [0, 1, 1, 1, 4]


def test_a_weak_rule_never_ties_two_customer_numbers():
    rows = [(0, "external_id", 7), (1, "external_id", 8), (0, "email", 1), (1, "email", 1)]
    assert anchors(2, *rows) == [0, 1]


def test_a_crm_merge_ties_two_customer_numbers():
    rows = [(0, "external_id", 7), (1, "external_id", 8), (0, "crm_merge", 1), (1, "crm_merge", 1)]
    assert anchors(2, *rows) == [0, 0]


def test_a_value_that_two_numbers_share_proves_nothing_about_a_third_record():
    rows = [(0, "external_id", 7), (1, "external_id", 8)]
    rows += [(record, "email", 1) for record in (0, 1, 2)]
    assert anchors(3, *rows) == [0, 1, 2]


def test_a_record_that_two_numbers_claim_by_different_addresses_joins_neither():
    rows = [(0, "external_id", 7), (1, "external_id", 8)]
    rows += [(0, "email", 1), (2, "email", 1), (2, "former_email", 2), (1, "email", 2)]
    # its own address is the stronger claim ...
    assert anchors(3, *rows) == [0, 1, 0]
    # ... and of two equal ones neither counts
    rows = [(0, "external_id", 7), (1, "external_id", 8)]
    rows += [(0, "phone", 1), (2, "phone", 1), (2, "phone", 2), (1, "phone", 2)]
    assert anchors(3, *rows) == [0, 1, 2]


def test_a_chain_between_two_numbers_is_cut_where_no_number_is():
    rows = [(0, "external_id", 7), (1, "external_id", 8), (0, "phone", 1), (2, "phone", 1)]
    rows += [(2, "phone", 3), (3, "phone", 3), (3, "phone", 2), (1, "phone", 2)]
    assert anchors(4, *rows) == [0, 1, 0, 1]


def test_the_stronger_rule_decides_who_a_record_is():
    rows = [(0, "external_id", 7), (1, "external_id", 8)]
    rows += [(0, "phone", 1), (2, "phone", 1), (2, "email", 2), (1, "email", 2)]
    assert anchors(3, *rows) == [0, 1, 1]


def test_whom_a_person_told_apart_nothing_ties():
    rows = [(0, "external_id", 7), (1, "external_id", 7), (0, "email", 1), (1, "email", 1)]
    assert anchors(2, *rows) == [0, 0]
    assert anchors(2, *rows, apart=[(0, 1)]) == [0, 1]


def test_telling_two_apart_concerns_nobody_else():
    rows = [(0, "email", 1), (1, "email", 1), (2, "email", 2), (3, "email", 2)]
    assert anchors(4, *rows, apart=[(0, 1)]) == [0, 1, 2, 2]


def test_a_person_may_tie_what_no_rule_would():
    rows = [(0, "external_id", 7), (1, "external_id", 8), (0, "override", 1), (1, "override", 1)]
    assert anchors(2, *rows) == [0, 0]


records = st.integers(0, 11)
rows_of_any_rule = st.lists(
    st.tuples(records, st.sampled_from(RULES), st.integers(0, 5)), max_size=40
).map(
    lambda rows: [
        (r, rule, v + 10 * RULES.index(rule.removeprefix("former_"))) for r, rule, v in rows
    ]
)
pairs_apart = st.lists(
    st.tuples(records, records).filter(lambda pair: pair[0] != pair[1]), max_size=3
)


@reproducible
@given(rows=rows_of_any_rule, apart=pairs_apart, seed=st.randoms())
def test_the_order_of_rows_decides_nothing(rows, apart, seed):
    apart = np.array(apart, dtype=np.int64).reshape(-1, 2)
    before = anchors(12, *rows, apart=apart)
    seed.shuffle(rows)
    assert anchors(12, *rows, apart=apart[::-1, ::-1]) == before


@reproducible
@given(rows=rows_of_any_rule, apart=pairs_apart)
def test_nothing_but_a_merge_or_a_person_ties_two_numbers(rows, apart):
    number_of = {record: value for record, rule, value in rows if rule == "external_id"}
    weak = [row for row in rows if row[1] not in ("override", "crm_merge", "external_id")]
    weak += [(record, "external_id", value) for record, value in number_of.items()]
    result = anchors(12, *weak, apart=np.array(apart, dtype=np.int64).reshape(-1, 2))
    numbers: dict[int, set] = {}
    for record, number in number_of.items():
        numbers.setdefault(result[record], set()).add(number)
    assert all(len(found) == 1 for found in numbers.values())


@reproducible
@given(rows=rows_of_any_rule, apart=pairs_apart)
def test_those_told_apart_are_apart_whatever_they_share(rows, apart):
    result = anchors(12, *rows, apart=np.array(apart, dtype=np.int64).reshape(-1, 2))
    assert all(result[one] != result[other] for one, other in apart)


@reproducible
@given(rows=rows_of_any_rule)
def test_without_conflicts_it_is_plain_connected_components(rows):
    free = [row for row in rows if row[1] in ("crm_merge", "override")]
    nodes = [(record, 12 + value) for record, _, value in free]
    one, other = np.array(nodes, dtype=np.int64).reshape(-1, 2).T
    assert anchors(12, *free) == components(one, other, 12 + 100)[:12].tolist()


days = st.integers(0, 6)
dated = st.lists(
    st.tuples(records, st.sampled_from(RULES), st.integers(0, 3), days, st.integers(1, 7)),
    max_size=30,
).map(
    lambda rows: [
        (
            r,
            rule,
            v + 10 * RULES.index(rule.removeprefix("former_")),
            a,
            a + b if b < 7 else FOREVER,
        )
        for r, rule, v, a, b in rows
    ]
)


@settings(reproducible, max_examples=25)
@given(first=st.lists(days, min_size=12, max_size=12), rows=dated, apart=pairs_apart)
def test_the_timeline_is_what_each_day_by_itself_would_say(first, rows, apart):
    first_day = np.sort(np.array(first, dtype=np.int64))
    held = holdings(*rows)
    apart_since = np.array([(*pair, 3) for pair in apart], dtype=np.int64).reshape(-1, 3)
    states = timeline(first_day, held, apart_since, POLICY)
    for day in range(14):
        known = np.flatnonzero(first_day <= day)
        active = held.take((held.since <= day) & (day < held.until))
        told_apart = apart_since[apart_since[:, 2] <= day, :2]
        now = dict(zip(known, resolve(known, active, told_apart, POLICY), strict=True))
        said = {}
        for record, since, anchor in zip(states.record, states.since, states.anchor, strict=True):
            if since <= day:
                said[record] = anchor
        assert said == now


def test_an_id_stays_while_its_first_record_stays_and_comes_back_after_a_split():
    held = holdings((0, "crm_merge", 1, 5, 8), (1, "crm_merge", 1, 5, 8))
    states = timeline(np.array([1, 1]), held, np.zeros((0, 3), dtype=np.int64), POLICY)
    changes = list(
        zip(states.since.tolist(), states.record.tolist(), states.anchor.tolist(), strict=True)
    )
    assert changes == [(1, 0, 0), (1, 1, 1), (5, 1, 0), (8, 1, 1)]


@pytest.mark.parametrize("size", [0, 1])
def test_nothing_to_tie_is_no_special_case(size):
    states = timeline(
        np.zeros(size, dtype=np.int64), holdings(), np.zeros((0, 3), dtype=np.int64), POLICY
    )
    assert states.anchor.tolist() == list(range(size))


def test_the_work_grows_with_the_records_not_with_their_square():
    """Eight times the records; their square would take 64 times as long."""

    def seconds(size: int) -> float:
        person = np.random.default_rng(1).integers(0, size // 2, size)
        record = np.arange(size)
        rule = np.full(size, RULES.index("crm_merge"))
        held = Holdings(record, rule, person, record * 0, record * 0 + FOREVER)
        start = time.process_time()
        timeline(record * 0, held, np.zeros((0, 3), dtype=np.int64), POLICY)
        return time.process_time() - start

    seconds(1_000)
    small = min(seconds(25_000) for _ in range(3))
    assert seconds(200_000) < 32 * small


def test_days_before_1970_are_days_like_others():
    rows = np.array([[-3000, 1], [20, 0], [-3000, 1], [-3001, 2]])
    assert _distinct(rows).tolist() == [[-3001, 2], [-3000, 1], [20, 0]]
