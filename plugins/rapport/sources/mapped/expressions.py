"""One SQL expression of a mapping: what it reads, and whether it is nothing but an expression.

DuckDB parses it, in an engine that opens no file and no address. What passes is one value made of
one row: no subquery, no aggregate, no table, no function that reads a file, the clock or a setting,
or that says otherwise each time it is asked. The only window is `whole`, the rows that belong
together with it: what an order costs as a whole stands on one of its rows.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

# What an expression may be made of, in the words of DuckDB's parser.
_PARTS = frozenset(
    {
        *("BETWEEN", "CASE", "CAST", "COLLATE", "COLUMN_REF", "COMPARISON", "CONJUNCTION"),
        *("CONSTANT", "FUNCTION", "LAMBDA", "OPERATOR", "WINDOW"),
    }
)
_SAID = {
    "SUBQUERY": "a subquery has no place here",
    "STAR": "* has no place here; name the columns",
    "PARAMETER": "a parameter has no place here",
    "POSITIONAL_REFERENCE": "# has no place here; name the column",
}
# A bare word that DuckDB takes for a function where no column is called that.
_CLOCKS = frozenset(
    {"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"}
)
# What may be asked of the rows that belong together, and how they are known to the parser.
_OF_WHOLE = frozenset(
    {
        *("avg", "bool_and", "bool_or", "count", "count_star", "max", "min", "sum"),
        *("first_value", "lag", "last_value", "lead", "row_number"),
    }
)
_WHOLE = "rapport whole"
# Scalar functions that DuckDB calls consistent, and that ask for more than the row.
_REFUSED = frozenset(
    {
        *("age", "current_localtime", "current_localtimestamp", "current_setting", "getenv"),
        *("getvariable", "unnest", "version"),
    }
)


@dataclass(frozen=True)
class Expression:
    """An expression that may be used.

    Attributes:
        sql: as it was written, on one line.
        columns: that it reads, in the order in which it does.
        is_of_whole: whether it reads the rows that belong together with its own.
    """

    sql: str
    columns: tuple[str, ...]
    is_of_whole: bool


@cache
def read_expression(sql: str) -> Expression | str:
    """Return an expression, or what is wrong with it.

    Example:
        >>> read_expression('trim("Email")').columns
        ('Email',)
        >>> read_expression("(select 1)")
        'a subquery has no place here'
    """
    selected = _selected(sql)
    if isinstance(selected, str):
        return selected
    columns: dict[str, None] = {}
    is_of_whole = False
    for part, bound in _parts(selected, frozenset()):
        if fault := _fault_of(part):
            return fault
        is_of_whole = is_of_whole or part["class"] == "WINDOW"
        if part["class"] == "COLUMN_REF":
            names = part["column_names"]
            if names[0] in bound or names == [_WHOLE]:
                continue
            if len(names) > 1:
                shown = ".".join(names)
                return f"{shown} is no column; a member of JSON is \"{names[0]}\"->>'$.{names[1]}'"
            if names[0].lower() in _CLOCKS:
                return f"{names[0]} has no place here: a night that is run again says the same"
            columns.setdefault(names[0])
    return Expression(sql, tuple(columns), is_of_whole)


def _selected(sql: str) -> dict[str, Any] | str:
    """Return the one expression that a text is, as DuckDB parses it, or why it is none."""
    window = f"window whole as (partition by {quoted(_WHOLE)})"
    parsed = json.loads(_asked("select json_serialize_sql(?)", f"select ({sql}) {window}"))
    if parsed["error"]:
        return f"is no SQL expression: {parsed['error_message']}"
    # In brackets it is one value: whatever would end them early is no SQL without them.
    alone = json.loads(_asked("select json_serialize_sql(?)", f"select {sql} {window}"))
    if alone["error"] or len(parsed["statements"]) != 1:
        return "is more than one expression"
    node = parsed["statements"][0]["node"]
    selected = node.get("select_list", ())
    if len(selected) != 1 or len(alone["statements"][0]["node"]["select_list"]) != 1:
        return "is more than one expression"
    if node["from_table"]["type"] != "EMPTY":
        return "is more than one expression"
    return dict(selected[0])


def binding_fault(sql: str, columns: Iterable[str], items: bool = False) -> str:
    """Say why an expression cannot be worked out of columns of text; nothing where it can.

    Args:
        sql: that was read already.
        columns: all that it reads.
        items: whether there are ``item`` (JSON) and ``item_number`` too.
    """
    import duckdb

    texts = [f"cast(null as varchar) as {quoted(name)}" for name in columns]
    if items:
        texts += ["cast(null as json) as item", "cast(null as bigint) as item_number"]
    row = ", ".join(texts) or "null as nothing"
    try:
        _engine().execute(
            f"select ({sql}) from (select {row}) where false window whole as (partition by 1)"
        )
    except duckdb.Error as error:
        lines = str(error).strip().splitlines()
        return f"cannot be worked out: {lines[0].partition(': ')[2] or lines[0]}"
    return ""


def format_fault(text: str) -> str | None:
    """Say what is wrong with a format of times; None if DuckDB can read by it."""
    import duckdb

    try:
        _engine().execute("select try_strptime('', ?)", [text])
    except duckdb.Error as error:
        return f"is no format of times: {str(error).strip().splitlines()[0].partition(': ')[2]}"
    return None if "%" in text else "is no format of times: it has no % in it"


def quoted(name: str) -> str:
    """Return a name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def _parts(node: Any, bound: frozenset[str]) -> Iterator[tuple[dict[str, Any], frozenset[str]]]:
    """Yield every part of a parsed expression, with the names that lambdas give around it."""
    if isinstance(node, list):
        for each in node:
            yield from _parts(each, bound)
    elif isinstance(node, dict):
        if "class" in node:
            yield node, bound
        if node.get("class") == "LAMBDA":
            given = {name for part, _ in _parts(node["lhs"], bound) for name in _named(part)}
            yield from _parts(node["expr"], bound | given)
            return
        for each in node.values():
            yield from _parts(each, bound)


def _named(part: dict[str, Any]) -> list[str]:
    return list(part["column_names"]) if part["class"] == "COLUMN_REF" else []


def _fault_of(part: dict[str, Any]) -> str:
    """Say why a part has no place in an expression; nothing where it has."""
    kind = part["class"]
    if kind not in _PARTS:
        return _SAID.get(kind, f"{kind.lower()} has no place here")
    if kind == "WINDOW":
        parted = [each.get("column_names") for each in part["partitions"]]
        if parted != [[_WHOLE]]:
            return "a window over other rows than `over whole` has no place here"
        name = part["function_name"].lower()
        return "" if name in _OF_WHOLE else f"{name}() has no place here: not over other rows"
    if part["type"] == "GROUPING_FUNCTION":
        return "grouping() has no place here"
    if kind != "FUNCTION":
        return ""
    name = part["function_name"].lower()
    if part["schema"] not in ("", "main") or part["catalog"]:
        return f"{part['schema']}.{name}() has no place here"
    kinds = "other" if name in _REFUSED else _functions().get(name)
    if kinds is None:
        near = _nearest(name)
        return f"there is no function {name}()" + (f"; the nearest is {near}()" if near else "")
    if kinds == "other":
        return f"{name}() has no place here: it reads more than the row"
    if kinds == "aggregate":
        return f"{name}() has no place here: it is made of several rows"
    return ""


def _nearest(name: str) -> str:
    from difflib import get_close_matches

    known = [each for each, kind in _functions().items() if kind == "scalar"]
    return next(iter(get_close_matches(name, known, n=1, cutoff=0.6)), "")


@cache
def _functions() -> dict[str, str]:
    """Every function by name: ``scalar``, ``aggregate``, or ``other``, which has no place."""
    rows = (
        _engine()
        .execute(
            """
            select
                lower(function_name),
                case
                    when bool_or(function_type = 'aggregate') then 'aggregate'
                    when bool_and(
                        coalesce(stability, 'CONSISTENT') = 'CONSISTENT'
                        and coalesce(
                            not regexp_matches(macro_definition, '(?i)current_|getvariable|select')
                            , true
                        )
                    ) then 'scalar'
                    else 'other'
                end
            from duckdb_functions()
            where internal and function_type in ('scalar', 'macro', 'aggregate')
            group by all
            """
        )
        .fetchall()
    )
    return dict(rows)


def _asked(query: str, value: str) -> str:
    found = _engine().execute(query, [value]).fetchone()
    return str(found[0]) if found else ""


@cache
def _engine() -> "duckdb.DuckDBPyConnection":
    """An engine that opens nothing, and whose settings stay as they are."""
    import duckdb

    connection = duckdb.connect(config={"enable_external_access": "false"})
    connection.execute("set timezone = 'UTC'")
    connection.execute("set lock_configuration = true")
    return connection
