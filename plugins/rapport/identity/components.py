"""Which records are one customer, night by night: connected components that respect conflicts.

Everything here is a number: records, values and rules are coded before they come, and a record's
number is its place in the order of landing, so the smallest number of a component is its anchor.

A record *holds* values (an e-mail address, a customer number, ...) for a time. Records that hold
the same value under a rule are tied by it. Rules are taken in order of strength; what a stronger
rule has tied is one node to the next. A rule never joins two nodes that must stay apart:

- a value that two rivals hold proves nothing about anybody,
- a node that two rivals claim through different values joins neither,
- a chain between rivals that is left is cut at the values that no rival holds.

None of this looks at the order of its input. Work is near-linear in the number of holdings: a
night recomputes only the groups to which something happened that night.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

FOREVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Holdings:
    """What records hold, one entry per record, rule, value and period.

    Attributes:
        record: the holder.
        rule: under which rule it counts.
        value: what is held; equal values of different rules share a code.
        since: first day (days since 1970) on which it was known.
        until: first day on which it no longer was; ``FOREVER`` while it is.
    """

    record: Ints
    rule: Ints
    value: Ints
    since: Ints
    until: Ints

    def take(self, rows: Ints | Flags) -> "Holdings":
        """Return some of the entries."""
        return Holdings(
            self.record[rows],
            self.rule[rows],
            self.value[rows],
            self.since[rows],
            self.until[rows],
        )


@dataclass(frozen=True)
class Policy:
    """How rules tie.

    Attributes:
        levels: groups of rules that act together, the strongest first.
        identifying: the rule whose values tell people apart: nodes with different ones are
            rivals for every level after the one that holds it.
    """

    levels: Sequence[Sequence[int]]
    identifying: int


@dataclass(frozen=True)
class States:
    """To which customer a record belonged from which day on, one entry per change.

    Attributes:
        record: the record.
        since: first day of the state.
        anchor: the first-landed record of the customer.
    """

    record: Ints
    since: Ints
    anchor: Ints


def components(one: Ints, other: Ints, size: int) -> Ints:
    """Return the smallest member of each node's connected component.

    Args:
        one: nodes at one end of each edge.
        other: nodes at the other end.
        size: number of nodes; they are 0 to ``size - 1``.

    Example:
        >>> components(np.array([3, 1]), np.array([1, 2]), 5).tolist()
        [0, 1, 1, 1, 4]
    """
    edges = coo_array((np.ones(len(one), dtype=bool), (one, other)), shape=(size, size))
    count, labels = connected_components(edges, directed=False)
    smallest = np.full(count, size, dtype=np.int64)
    np.minimum.at(smallest, labels, np.arange(size))
    return smallest[labels]


def timeline(first_day: Ints, holdings: Holdings, apart: Ints, policy: Policy) -> States:
    """Return who was which customer on every day, as far as it changed.

    Args:
        first_day: per record, the day on which it was first known.
        holdings: what the records hold.
        apart: pairs of records that a person has told apart, each with the day from which that
            holds, shape ``(pairs, 3)``.
        policy: the rules.
    """
    size = len(first_day)
    if size == 0:
        return States(first_day, first_day, first_day)
    groups = _groups(holdings, apart, size)
    group_of_holding = groups[holdings.record]
    ended = holdings.until != FOREVER
    events = _distinct(
        np.concatenate(
            [
                np.stack([first_day, groups], axis=1),
                np.stack([holdings.since, group_of_holding], axis=1),
                np.stack([holdings.until[ended], group_of_holding[ended]], axis=1),
                np.stack([apart[:, 2], groups[apart[:, 0]]], axis=1),
            ]
        )
    )
    days, starts = np.unique(events[:, 0], return_index=True)
    anchors = np.full(size, -1, dtype=np.int64)
    states: list[tuple[Ints, Ints, Ints]] = []
    touched = np.zeros(size, dtype=bool)
    for day, changed in zip(days, np.split(events[:, 1], starts[1:]), strict=True):
        touched[:] = False
        touched[changed] = True
        records = np.flatnonzero(touched[groups] & (first_day <= day))
        active = touched[group_of_holding] & (holdings.since <= day) & (day < holdings.until)
        told_apart = apart[apart[:, 2] <= day, :2]
        now = resolve(records, holdings.take(active), told_apart, policy)
        moved = anchors[records] != now
        anchors[records] = now
        states.append((records[moved], np.full(moved.sum(), day), now[moved]))
    record, since, anchor = (np.concatenate(part) for part in zip(*states, strict=True))
    return States(record, since, anchor)


def resolve(records: Ints, held: Holdings, apart: Ints, policy: Policy) -> Ints:
    """Return the anchor of each record, given what they hold at one moment.

    Args:
        records: the records, ascending.
        held: their holdings; entries of other records are left out.
        apart: pairs of records told apart, shape ``(pairs, 2)``; others are left out.
        policy: the rules.
    """
    size = len(records)
    if size == 0:
        return records
    place = np.full(int(records[-1]) + 2, -1, dtype=np.int64)
    place[records] = np.arange(size)
    held = held.take(_where(place, held.record) >= 0)
    holder = place[held.record]
    _, value = np.unique(held.value, return_inverse=True)
    told_apart = np.stack([_where(place, apart[:, 0]), _where(place, apart[:, 1])], axis=1)
    told_apart = told_apart[(told_apart >= 0).all(axis=1)]
    separated = _separated(told_apart)

    nodes = np.arange(size)
    has_number = np.zeros(size, dtype=bool)
    has_number[holder[held.rule == policy.identifying]] = True
    are_rivals = False
    for level in policy.levels:
        rows = np.flatnonzero(np.isin(held.rule, level))
        pairs = _distinct(np.stack([value[rows], nodes[holder[rows]]], axis=1))
        rivals = [np.stack([nodes[separated[:, 0]], *separated[:, 1:].T], axis=1)]
        if are_rivals:
            numbered = np.unique(nodes[has_number])
            rivals.append(np.stack([numbered, np.zeros_like(numbered), numbered], axis=1))
        pairs = _without_conflicts(pairs, _distinct(np.concatenate(rivals)), size)
        joined = components(pairs[:, 1], pairs[:, 0] + size, size + len(value))
        nodes = joined[:size][nodes]
        are_rivals = are_rivals or policy.identifying in level
    return records[nodes]


def _groups(holdings: Holdings, apart: Ints, size: int) -> Ints:
    """Records that could ever have to do with one another."""
    _, value = np.unique(holdings.value, return_inverse=True)
    one = np.concatenate([holdings.record, apart[:, 0]])
    other = np.concatenate([value + size, apart[:, 1]])
    return components(one, other, size + len(value))[:size]


def _where(place: Ints, records: Ints) -> Ints:
    return place[np.minimum(records, len(place) - 1)]


def _distinct(rows: Ints) -> Ints:
    """Distinct rows in order; as one number each they sort ten times faster than as rows."""
    if len(rows) == 0:
        return rows
    least = rows.min(axis=0)  # days before 1970 are less than none
    shape = tuple(rows.max(axis=0) - least + 1)
    packed = np.unique(np.ravel_multi_index(tuple((rows - least).T), shape))
    return np.stack(np.unravel_index(packed, shape), axis=1) + least


def _separated(told_apart: Ints) -> Ints:
    """Rival entries (record, dimension, tag) of records that a person told apart.

    Whoever is apart from the same record is apart from one another too: each chain of such pairs
    is a dimension, each record in it a tag.
    """
    members, codes = np.unique(told_apart, return_inverse=True)
    codes = codes.reshape(told_apart.shape)
    chain = components(codes[:, 0], codes[:, 1], len(members))
    return np.stack([members, chain + 1, members], axis=1)


def _without_conflicts(pairs: Ints, rivals: Ints, size: int) -> Ints:
    """Leave out the (value, node) pairs that would join rivals.

    Args:
        pairs: distinct (value, node).
        rivals: distinct (node, dimension, tag); nodes with different tags in a dimension must
            not be joined.
        size: number of nodes.
    """
    for drop in (_contested, _torn, _unclaimed, _all):
        if len(pairs) == 0:
            return pairs
        width = int(pairs[:, 0].max()) + 1
        whole = components(pairs[:, 1], pairs[:, 0] + size, size + width)
        in_conflict = _with_several_tags(whole[rivals[:, 0]], rivals, size)
        if not in_conflict.any():
            return pairs
        bad = in_conflict[whole[pairs[:, 1]]]
        pairs = np.concatenate([pairs[~bad], drop(pairs[bad], rivals, size)])
    return pairs


def _with_several_tags(group: Ints, rivals: Ints, size: int) -> Flags:
    """True for the groups that hold two tags of one dimension."""
    tags = _distinct(np.stack([group, rivals[:, 1], rivals[:, 2]], axis=1))
    again = (tags[1:, :2] == tags[:-1, :2]).all(axis=1)  # sorted: a second tag follows its first
    flags = np.zeros(size, dtype=bool)
    flags[tags[1:][again, 0]] = True
    return flags


def _claims(pairs: Ints, rivals: Ints) -> Ints:
    """Distinct (value, dimension, tag): who of the rivals holds which value."""
    order = np.argsort(rivals[:, 0], kind="stable")
    sorted_nodes = rivals[order, 0]
    low = np.searchsorted(sorted_nodes, pairs[:, 1], "left")
    high = np.searchsorted(sorted_nodes, pairs[:, 1], "right")
    counts = high - low
    rows = np.repeat(np.arange(len(pairs)), counts)
    offset = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    found = order[np.repeat(low, counts) + offset]
    return _distinct(np.stack([pairs[rows, 0], rivals[found, 1], rivals[found, 2]], axis=1))


def _contested(pairs: Ints, rivals: Ints, size: int) -> Ints:
    """Drop the values that two rivals hold."""
    claims = _claims(pairs, rivals)
    several = _with_several_tags(claims[:, 0], claims, int(pairs[:, 0].max()) + 1)
    return pairs[~several[pairs[:, 0]]]


def _torn(pairs: Ints, rivals: Ints, size: int) -> Ints:
    """Drop what ties a node to the rivals that claim it through different values."""
    claims = _claims(pairs, rivals)
    reached = pairs[:, ::-1]  # (node, value): what each node would hear from its values
    heard = _claims(reached, claims)  # (node, dimension, tag)
    torn = _with_several_tags(heard[:, 0], heard, size)
    claimed = np.isin(pairs[:, 0], claims[:, 0])
    is_rival = np.isin(pairs[:, 1], rivals[:, 0])
    return pairs[~(torn[pairs[:, 1]] & claimed & ~is_rival)]


def _unclaimed(pairs: Ints, rivals: Ints, size: int) -> Ints:
    """Cut the chains between rivals at the values that no rival holds."""
    return pairs[np.isin(pairs[:, 0], _claims(pairs, rivals)[:, 0])]


def _all(pairs: Ints, rivals: Ints, size: int) -> Ints:
    """Drop everything: better two customers too many than one too few."""
    return pairs[:0]
