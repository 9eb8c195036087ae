"""What is no JSON is refused; what is wrong with one record marks that record."""

import pytest

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
