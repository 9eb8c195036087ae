"""Batches with culprits in them, and listings whose cursor expires."""

import pytest

from rapport.errors import SourceRefused
from rapport.sources.resuming import MOST_RESTARTS, resumed
from rapport.sources.splitting import MOST_REFUSED, Splitter


class Source:
    """Takes every batch that has none of its culprits, and counts its calls."""

    def __init__(self, *culprits):
        self.culprits = set(culprits)
        self.calls = 0

    def ask(self, ids):
        self.calls += 1
        if self.culprits & set(ids):
            raise SourceRefused("c", "answered 400", 400)
        return [id_.upper() for id_ in ids]


def split(source, ids, splitter=None):
    taken, refused = [], []
    for part, answer in (splitter or Splitter()).ask(ids, source.ask):
        (refused if isinstance(answer, SourceRefused) else taken).extend(part)
    return taken, refused


IDS = [f"i{n}" for n in range(100)]


class TestSplitting:
    def test_a_batch_without_culprits_is_one_call(self):
        source = Source()
        assert split(source, IDS) == (IDS, [])
        assert source.calls == 1

    @pytest.mark.parametrize("place", [0, 49, 99])
    def test_a_culprit_is_found_by_halving(self, place):
        source = Source(IDS[place])
        taken, refused = split(source, IDS)
        assert refused == [IDS[place]]
        assert sorted(taken) == sorted(set(IDS) - {IDS[place]})
        assert source.calls <= 1 + 2 * 7

    def test_many_culprits_leave_the_others_theirs(self):
        taken, refused = split(Source(*IDS[::3]), IDS)
        assert refused == IDS[::3]
        assert len(taken) == 66

    def test_a_request_that_is_refused_for_every_input_is_wrong_itself(self):
        source = Source(*IDS)
        with pytest.raises(SourceRefused):
            split(source, IDS)
        assert source.calls < 3 * MOST_REFUSED

    def test_also_a_short_one(self):
        with pytest.raises(SourceRefused):
            split(Source("a", "b"), ["a", "b"])

    def test_but_not_after_others_were_taken(self):
        splitter = Splitter()
        split(Source(), ["c"], splitter)
        assert split(Source("a", "b"), ["a", "b"], splitter) == ([], ["a", "b"])

    def test_one_that_stands_alone_is_a_culprit(self):
        assert split(Source("a"), ["a"]) == ([], ["a"])


class TestResuming:
    def listing(self, records, expires_at, times=1):
        """Return a listing of pages of two by a number, whose cursor expires there."""
        left = [times]

        def pages(position):
            found = [each for each in records if position is None or each >= position]
            for start in range(0, len(found), 2):
                if found[start] >= expires_at and start and left[0]:
                    left[0] -= 1
                    raise SourceRefused("c", "answered 410", 410)
                yield found[start : start + 2]

        return pages

    def test_goes_on_from_the_last_record(self):
        pages = list(resumed(self.listing(range(8), 4), max))
        assert pages == [[0, 1], [2, 3], [3, 4], [5, 6], [7]]

    def test_begins_anew_where_there_is_no_position(self):
        pages = list(resumed(self.listing(range(6), 4)))
        assert pages == [[0, 1], [2, 3], [0, 1], [2, 3], [4, 5]]

    def test_but_not_for_ever(self):
        with pytest.raises(SourceRefused):
            list(resumed(self.listing(range(6), 4, times=MOST_RESTARTS + 1)))

    def test_a_first_page_that_is_refused_is_no_expired_cursor(self):
        def refused(_):
            raise SourceRefused("c", "answered 400", 400)
            yield

        with pytest.raises(SourceRefused):
            list(resumed(refused))
