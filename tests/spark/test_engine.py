"""Each macro of macros/engine says the same on DuckDB and on Spark, whatever it is given."""

import re
from pathlib import Path
from typing import Any

import pytest

from rapport.settings import PROJECT_DIR
from tests.spark.engines import asked

pytestmark = [pytest.mark.spark, pytest.mark.timeout(900)]

TEXTS = [
    None, "", " ", "abc", "ABC", " abc ", "a;b", "a;;b;", ";", "it's", "a\\b", "\\d", "a\nb", "abc\n", "a.b", "$1",
    "été", "\u00a0abc\u3000", "\tabc", "Straße", "😀x", "12", "+49 30 1", "a-b-c", "(x)", "ABC 12 def 34", "%", "_",
]  # fmt: skip
OF_TEXTS = [
    "{{ matches('t', '[a-z]+') }}",
    "{{ matches('t', '(?i)[a-z ]*') }}",
    "{{ matches('t', 'a|abc') }}",
    "{{ matches('t', '.*') }}",
    "{{ matches('t', '\\\\s*') }}",
    "{{ finds('t', '[0-9]+') }}",
    "{{ finds('t', '^a') }}",
    "{{ finds('t', 'c$') }}",
    "{{ finds('t', \"'\") }}",
    "{{ finds('t', '\\\\\\\\') }}",
    "{{ extracted('t', '([a-z]+)[ ;.-]*([a-z]*)', 2) }}",
    "{{ extracted('t', '[0-9]+') }}",
    "{{ replaced('t', '[^a-z]', '') }}",
    "{{ replaced('t', '([a-z])([a-z])', '\\\\2\\\\1') }}",
    "{{ replaced('t', 'b', '$') }}",
    "{{ starts_with('t', \"'a'\") }}",
    "{{ starts_with('t', \"''\") }}",
    "'[' || {{ trimmed('t') }} || ']'",
    "'[' || {{ trimmed('t', ' ;') }} || ']'",
    "'[' || {{ trimmed('t', \"'\") }} || ']'",
    "{{ joined(split_text('t', ';'), '|') }}",
    "{{ size_of(split_text('t', ';')) }}",
    "{{ item_at(split_text('t', '.'), 2) }}",
    "{{ hash_share('t') }}",
    '{{ sql_text("it\'s \\\\d") }} || t',
]
INSTANTS = [
    None, "1969-12-31 23:59:59.999999", "1970-01-01 00:00:00", "2016-02-29 12:34:56.789012", "2017-03-26 01:30:00",
    "2017-12-31 23:59:59.999999", "0001-01-01 00:00:00", "2199-01-01 00:00:00",
]  # fmt: skip
OF_INSTANTS = [
    "{{ microseconds_of('a') }}",
    "cast({{ instant_of(microseconds_of('a')) }} as string)",
    "{{ hours_between('a', \"timestamp '2017-01-01 00:00:00'\") }}",
    "{{ days_between('cast(a as date)', \"date '2017-01-01'\") }}",
    "cast({{ days_later('a', 'n') }} as string)",
    "cast({{ minutes_later('a', 'n') }} as string)",
    "{{ iso_weekday('cast(a as date)') }}",
    "cast(cast(date_trunc('month', a) as date) as string)",
    "cast(last_day(cast(a as date)) as string)",
    "{{ thousands('1000 * n') }}",
    "{{ thousands('n - 10') }}",
]
LISTS = [
    "cast(null as {{ list_type('string') }})",
    "{{ empty_list('string') }}",
    "{{ list_of([\"'b'\", \"'a'\", \"'b'\"]) }}",
    "{{ list_of([\"'b'\", 'cast(null as string)', \"'a'\"]) }}",
    "{{ list_of(['cast(null as string)']) }}",
]
OF_LISTS = [
    "{{ joined('l', ',') }}",
    "{{ size_of('l') }}",
    "{{ joined(each_of('l', 'x', \"x || '!'\"), ',') }}",
    "{{ joined(those_of('l', 'x', \"x > 'a'\"), ',') }}",
    "{{ size_of(those_of('l', 'x', 'x is null')) }}",
    "{{ joined(distinct_sorted('l'), ',') }}",
    "{{ size_of(distinct_sorted('l')) }}",
    "{{ joined(sorted_list('l'), ',') }}",
    "{{ item_at(sorted_list('l'), 1) }}",
    "{{ item_at('l', 3) }}",
    "{{ item_at('l', 9) }}",
    "{{ joined(both_lists('l', list_of([\"'z'\"])), ',') }}",
    "{{ size_of(both_lists('l', 'l')) }}",
    "array_contains(l, 'a')",
]
JSONS = [
    None, "", "{}", "[]", "not json", '{"a": 1}', '{"a": "x", "b": {"c": "it\'s"}}', '{"a": null}', '{"a": 1.50}',
    '{"a": true}', '{"a": [1, 2]}', '{"a": "\\u00e9\\n"}', '{"b": {"c": {"d": 1}}}', '{"a": 1e3}', '{"a": ""}',
]  # fmt: skip
OF_JSONS = ["{{ json_text('t', '$.a') }}", "{{ json_text('t', '$.b.c') }}"]

ROWS_OF = {
    "days": (
        "select cast(d as string) as d from (select {{ series_of_days('a', 'b') }} as d from (values"
        " (date '2016-02-27', date '2016-03-01'), (date '2017-01-01', date '2017-01-01'),"
        " (date '2017-01-02', date '2017-01-01'), (date '2017-01-02', null)) as t(a, b)) as s order by d"
    ),
    "months": (
        "select cast(d as string) as d from (select {{ series_of_months('a', 'b') }} as d from (values"
        " (date '2016-11-01', date '2017-02-01'), (date '2017-03-01', date '2017-02-01')) as t(a, b)) as s order by d"
    ),
    "numbers": (
        "select n from (select {{ series_of_numbers('a', 'b') }} as n from (values (1, 3), (7, 7), (9, 8), (1, null))"
        " as t(a, b)) as s order by n"
    ),
    "members": (
        "select i, m from (select i, {{ unnested('l') }} as m from (values (1, {{ list_of([\"'a'\", \"'b'\"]) }}),"
        " (2, {{ empty_list('string') }}), (3, null)) as t(i, l)) as s order by i, m"
    ),
    "collected": (
        "select g, {{ joined(collected('v', order_by='k'), ',') }} as c,"
        " {{ size_of(collected('v', order_by='k', filter='k > 1')) }} as n"
        " from (values ('a', 2, 'x'), ('a', 1, 'y'), ('a', 3, null), ('b', 1, 'z')) as t(g, k, v) group by g order by g"
    ),
    "records": (
        "select r.a as a, r.b as b from (select max_by({{ record({'a': 'v', 'b': 'k'}) }}, {{ record_of(['k', 'v']) }})"
        " as r from (values (1, 'x'), (2, 'y'), (2, 'z')) as t(k, v)) as s"
    ),
}  # fmt: skip


def _literal(text: str | None) -> str:
    return "cast(null as string)" if text is None else "{{ sql_text(" + repr(text) + ") }}"


def _table(rows: list[str], columns: str) -> str:
    return (
        f"(values {', '.join(f'({i}, {row})' for i, row in enumerate(rows))}) as given({columns})"
    )


def _query(cases: list[str], table: str) -> str:
    told = ", ".join(f"{case} as c{number}" for number, case in enumerate(cases))
    return f"select i, {told} from {table} order by i"


QUERIES = {
    "texts": _query(OF_TEXTS, _table([_literal(text) for text in TEXTS], "i, t")),
    "instants": _query(
        OF_INSTANTS,
        _table(
            [
                f"cast({_literal(each)} as timestamp), {number * 7919 - 20000}"
                for number, each in enumerate(INSTANTS)
            ],
            "i, a, n",
        ),
    ),
    "lists": _query(OF_LISTS, _table(LISTS, "i, l")),
    "json": _query(OF_JSONS, _table([_literal(text) for text in JSONS], "i, t")),
    **ROWS_OF,
}
CASES = {"texts": OF_TEXTS, "instants": OF_INSTANTS, "lists": OF_LISTS, "json": OF_JSONS}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("engines")


@pytest.mark.parametrize("name", QUERIES)
def test_both_engines_say_the_same(name: str, place: Path) -> None:
    duckdb, spark = (asked(target, QUERIES[name], place) for target in ("build", "spark"))
    assert len(duckdb) == len(spark) > 0
    odd: list[Any] = []
    for ours, theirs in zip(duckdb, spark, strict=True):
        for column, value in ours.items():
            if theirs[column] != value:
                case = CASES[name][int(column[1:])] if name in CASES else column
                odd.append((ours.get("i"), case, value, theirs[column]))
    assert not odd, "\n" + "\n".join(map(str, odd))


def test_every_macro_of_the_engines_is_asked() -> None:
    files = (PROJECT_DIR / "dbt_project" / "macros" / "engine").glob("*.sql")
    named = {
        name for path in files for name in re.findall(r"macro default__(\w+)", path.read_text())
    }
    asked_for = set(re.findall(r"\w+", " ".join(QUERIES.values())))
    beside = {"later": "days_later", "series_of": "series_of_days"}
    missing = {name for name in named if beside.get(name, name) not in asked_for}
    assert missing == {"require_engine_settings"}
