"""What is no JSON is refused; what is wrong with one record marks that record."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.sources.strict import FLAW, TWICE, read


@pytest.mark.parametrize(
    ("record", "flaw"),
    [
        ('{"id": "1", "properties": {"a": 1, "a": 2}}', TWICE),
        ('{"id": "1", "id": "2"}', TWICE),
        ('{"id": "1", "deep": [{"down": [{"x": 1, "x": 1}]}]}', TWICE),
        ('{"id": "1", "score": NaN}', "NaN is not JSON"),
        ('{"id": "1", "scores": [1, -Infinity]}', "-Infinity is not JSON"),
    ],
)
def test_a_fault_inside_a_record_marks_the_record_and_no_other(record, flaw):
    body = read(f'{{"results": [{{"id": "0"}}, {record}], "total": 2}}'.encode())
    good, bad = body["results"]
    assert bad[FLAW] == flaw
    assert good == {"id": "0"}
    assert str(body).count(FLAW) == 1, "the mark is at the record alone"


@pytest.mark.parametrize(
    "answer",
    [
        b'{"results": [], "results": []}',
        b'{"results": [], "paging": {"after": 1, "after": 2}}',
        b'{"data": {"id": "1", "id": "2"}}',
        b'{"total": NaN}',
        b"NaN",
        b'{"results": [',
        b"<html>",
        b"",
    ],
)
def test_a_fault_elsewhere_refuses_the_answer(answer):
    with pytest.raises(ValueError, match=r"."):
        read(answer)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (rb"Ann \ud83d", "Ann ?"),
        (rb"\udc00 Ann", "? Ann"),
        (b"Ann \xed\xa0\xbd", "Ann ?"),
        (b"Andr\xe9", "Andr\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_half_a_letter_costs_the_letter(text, kept):
    body = read(b'{"results": [{"name": "' + text + b'"}]}')
    assert body == {"results": [{"name": kept}]}


@pytest.mark.parametrize("text", [rb"\ud83d\ude00", "\N{GRINNING FACE}".encode(), rb"\u00e9"])
def test_a_whole_letter_stays_however_it_is_written(text):
    body = read(b'{"results": [{"name": "' + text + b'"}]}')
    assert len(body["results"][0]["name"]) == 1


@pytest.mark.parametrize(
    "record",
    [
        r'{"id": "1", "a": "\u0022:", "b": 1, "b": 2}',
        r'{"id": "1", "a": "\u003a", "b": 1, "b": 2}',
        r'{"id": "1", "a": "\"\u0020:", "b": 1, "b": 2}',
        r'{"id": "1", "b": 1, "b" : 2}',
        r'{"id": "1", "b": 1, "\u0062": 2}',
        r'{"id": "1", "b": {"c": "\":"}, "b": "\": \":"}',
        r'{"id": "1", "b": 1, "b": ":"}',
    ],
)
def test_a_key_that_comes_twice_is_seen_however_it_is_written(record):
    (bad,) = read(f'{{"results": [{record}]}}'.encode())["results"]
    assert bad[FLAW] == TWICE


@pytest.mark.parametrize(
    "number", ["-9223372036854775809", "18446744073709551616", "1" + "0" * 40, "9" * 19]
)
def test_a_number_keeps_its_digits_however_long_it_is(number):
    (record,) = read(f'{{"results": [{{"id": {number}}}]}}'.encode())["results"]
    assert record == {"id": int(number)}


def test_a_number_beyond_all_measure_marks_its_record():
    good, bad = read(b'{"results": [{"id": "1", "score": 1e308}, {"id": "2", "score": 1e309}]}')[
        "results"
    ]
    assert good == {"id": "1", "score": 1e308}
    assert FLAW in bad


# Letters that are written by their number stand for those that they are the number of.
NUMBERED = {"A": '"', "B": ":", "C": " ", "D": "b"}
texts = st.text(st.sampled_from('":\\ \tabABCD\u00e9'), max_size=4)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(-1e9, 1e9) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.lists(st.tuples(texts, inner), max_size=4),
    max_leaves=8,
)


class Pairs(dict):
    """Writes its pairs, also those with one key."""

    def __init__(self, pairs):
        super().__init__(x=0)
        self.pairs = pairs

    def items(self):
        return self.pairs


def spelled(value):
    if isinstance(value, list):
        if value and all(isinstance(each, tuple) for each in value):
            return Pairs([(key, spelled(each)) for key, each in value])
        return [spelled(each) for each in value]
    return value


def unique(value):
    """Whether no object in a value has one key twice."""
    if isinstance(value, Pairs):
        keys = [key.translate(str.maketrans(NUMBERED)) for key, _ in value.pairs]
        return len(set(keys)) == len(keys) and all(unique(each) for _, each in value.pairs)
    return not isinstance(value, list) or all(map(unique, value))


@given(value=values, indent=st.sampled_from([None, 1]))
def test_whatever_an_object_holds_a_key_that_comes_twice_is_seen(value, indent):
    record = Pairs([("id", "1"), ("a", spelled(value))])
    text = json.dumps(record, ensure_ascii=False, indent=indent)
    for letter, meant in NUMBERED.items():
        text = text.replace(letter, f"\\u{ord(meant):04x}")
    (read_back,) = read(b'{"results": [' + text.encode() + b"]}")["results"]
    assert (FLAW in read_back) == (not unique(record))
    if unique(record):
        assert read_back == json.loads(text)
