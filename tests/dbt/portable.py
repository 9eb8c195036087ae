"""What SQL may say so that DuckDB and Apache Spark read it alike, and what a model says beyond it.

``faults_of`` reads a model twice: as it is compiled for DuckDB, as a tree (functions, clauses) and
as tokens (what a tree no longer shows); and as it is written, where nobody calls by hand what an
engine macro is there for.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from sqlglot import exp, parse_one
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.tokens import Token, TokenType

# Functions that both engines have under one name, with one result.
_PORTABLE = """
    abs array_agg array_contains avg bit_and bit_count bit_or bool_and bool_or case cast ceil
    chr coalesce concat_ws contains corr count cume_dist date_trunc day dense_rank exists exp
    first_value flatten floor greatest hour if instr isnan lag last_day last_value lead least
    left length ln lower max max_by md5 median min min_by minute month ntile nullif percent_rank
    pi power quarter rank replace right round row_number second sign split_part sqrt stddev_samp
    substr sum translate try_cast upper var_samp year
"""
PORTABLE = frozenset(re.findall(r"\w+", _PORTABLE))
# What the engine macros write for DuckDB (macros/engine, and the typing of what landed).
_BY_MACRO = """
    array_to_string columns date_diff epoch_ms epoch_us format from_json generate_series isodow
    json_extract json_extract_string json_keys json_transform len list_concat list_distinct
    list_filter list_sort list_transform make_timestamp read_json read_parquet
    regexp_extract regexp_extract_all regexp_full_match regexp_matches regexp_replace starts_with
    string_split struct_pack to_days to_hours to_json to_minutes to_months to_seconds trim
    try_strptime unnest
"""
BY_MACRO = frozenset(re.findall(r"\w+", _BY_MACRO))
# How sqlglot names what DuckDB calls otherwise.
_ALSO_CALLED = {
    "array_concat": "list_concat",
    "array_distinct": "list_distinct",
    "array_filter": "list_filter",
    "array_sort": "list_sort",
    "array_size": "len",
    "bitwise_and_agg": "bit_and",
    "bitwise_or_agg": "bit_or",
    "bitwise_count": "bit_count",
    "explode": "unnest",
    "is_nan": "isnan",
    "logical_and": "bool_and",
    "logical_or": "bool_or",
    "arg_max": "max_by",
    "arg_min": "min_by",
    "pow": "power",
    "regexp_like": "regexp_matches",
    "split": "string_split",
    "stddev": "stddev_samp",
    "str_position": "instr",
    "struct": "struct_pack",
    "substring": "substr",
    "timestamp_trunc": "date_trunc",
    "transform": "list_transform",
    "variance": "var_samp",
    "array": "list_value",
    "datediff": "date_diff",
    "dayofweek_iso": "isodow",
    "filter": "list_filter",
    "json_extract_scalar": "json_extract_string",
    "unix_to_time": "make_timestamp",
}
_LITERAL = {"and", "or", "xor", "list_value"}
_END_OF_ORDER = frozenset(
    ("rows", "range", "groups", "limit", "filter", "offset", "union", "window", "qualify")
)
_ENGINE = "macros/engine/"


def faults_of(compiled: str, written: str) -> set[str]:
    """Return the names of the rules that a model breaks."""
    return {*_of_tree(compiled), *_of_tokens(compiled), *of_text(written)}


def _is_one(node: exp.Expression, kind: type[exp.Expression], argument: str) -> bool:
    return isinstance(node, kind) and bool(node.args.get(argument))


def _is_decimal_literal(node: exp.Expression) -> bool:
    return (
        isinstance(node, exp.Literal)
        and not node.is_string
        and re.fullmatch(r"\d*\.\d*", node.name) is not None
        and not isinstance(node.parent, exp.Cast)
    )


def _is_recursion_with_aggregates(node: exp.Expression) -> bool:
    return (
        isinstance(node, exp.CTE)
        and isinstance(node.this, exp.SetOperation)
        and any(table.name == node.alias for table in node.this.find_all(exp.Table))
        and any(node.this.expression.find_all(exp.AggFunc, exp.Window))
    )


def _is_unnested_elsewhere(node: exp.Expression) -> bool:
    if not isinstance(node, exp.Unnest | exp.Explode):
        return False
    below, above = node, node.parent
    while isinstance(above, exp.Cast | exp.Alias | exp.Paren):
        below, above = above, above.parent
    return not (isinstance(above, exp.Select) and below in above.expressions)


# What the tree of a model may not hold.
_FORBIDDEN: dict[str, Callable[[exp.Expression], bool]] = {
    # within columns(), which no model says by hand, it is an engine macro's
    "star with exclude or replace": lambda node: (
        (_is_one(node, exp.Star, "except_") or _is_one(node, exp.Star, "replace"))
        and not node.find_ancestor(exp.Columns)
    ),
    "hint materialized": lambda node: (
        isinstance(node, exp.CTE) and node.args.get("materialized") is not None
    ),
    "group by all": lambda node: _is_one(node, exp.Group, "all"),
    "distinct on": lambda node: _is_one(node, exp.Distinct, "on"),
    "pivot or unpivot": lambda node: isinstance(node, exp.Pivot),
    "asof or positional join": lambda node: _is_one(node, exp.Join, "method"),
    "recursion with aggregates": _is_recursion_with_aggregates,
    "round to digits": lambda node: _is_one(node, exp.Round, "decimals"),
    "row_number without order": lambda node: (
        isinstance(node, exp.Window)
        and isinstance(node.this, exp.RowNumber)
        and not (node.args.get("order") or node.args.get("alias"))
    ),
    "interval of an expression": lambda node: (
        isinstance(node, exp.Interval) and not isinstance(node.this, exp.Literal)
    ),
    "decimal literal": _is_decimal_literal,
    "null without a type": lambda node: (
        isinstance(node, exp.Null) and isinstance(node.parent, exp.Select | exp.Alias)
    ),
    "unnest outside a select": _is_unnested_elsewhere,
}


def _of_tree(compiled: str) -> Iterator[str]:
    for node in parse_one(compiled, read="duckdb").walk():
        yield from (rule for rule, is_broken in _FORBIDDEN.items() if is_broken(node))
        if isinstance(node, exp.Func) and _name(node) not in PORTABLE | BY_MACRO | _LITERAL:
            yield f"function {_name(node)}"


def _name(node: exp.Func) -> str:
    if isinstance(node, exp.Anonymous):
        return node.name.lower()
    name = node.sql_name().lower()
    return _ALSO_CALLED.get(name, name)


def _of_tokens(compiled: str) -> Iterator[str]:
    tokens = DuckDB.Tokenizer().tokenize(compiled)
    for number, token in enumerate(tokens):
        if token.token_type == TokenType.DCOLON:
            yield "cast by ::"
        elif token.token_type == TokenType.DIV:
            yield "division by //"
        elif token.text.lower() == "varchar" and token.token_type != TokenType.STRING:
            yield "varchar"
        elif token.token_type == TokenType.ORDER_BY and not _says_nulls(tokens[number + 1 :]):
            yield "order without nulls first or last"


def _says_nulls(tokens: list[Token]) -> bool:
    """Does every expression of an ``order by`` say where nulls are?"""
    depth, said = 0, False
    for before, token in zip([None, *tokens], tokens, strict=False):
        word = token.text.lower()
        if token.token_type in (TokenType.L_PAREN, TokenType.L_BRACKET):
            depth += 1
        elif token.token_type in (TokenType.R_PAREN, TokenType.R_BRACKET):
            if depth == 0:
                return said
            depth -= 1
        elif depth == 0 and word in _END_OF_ORDER:
            return said
        elif depth == 0 and token.token_type == TokenType.COMMA:
            if not said:
                return False
            said = False
        elif depth == 0 and before is not None and before.text.lower() == "nulls":
            said = word in ("first", "last")
    return said


_CALL = re.compile(r"(?<![\w.'])({})\s*\(".format("|".join(sorted(BY_MACRO | {"hash", "list"}))))
_JINJA = re.compile(r"\{%.*?%\}|\{#.*?#\}|\{\{.*?\}\}", re.DOTALL)
_COMMENT = re.compile(r"--[^\n]*|\{#.*?#\}", re.DOTALL)
_TEXT = re.compile(r"'(?:[^']|'')*'")


def of_text(written: str) -> Iterator[str]:
    """Yield what a model or macro says by hand that an engine macro is there for."""
    code = _COMMENT.sub(" ", written)
    sql = _TEXT.sub("''", _JINJA.sub(" x ", code))
    for call in _CALL.finditer(sql):
        yield f"{call[1]}() by hand"
    # In what is handed to macros as text, too; a macro of the same name is called by Jinja itself.
    for inside in re.findall(r"\{\{.*?\}\}|\{%.*?%\}", code, re.DOTALL):
        for text in re.findall(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"", inside):
            for call in _CALL.finditer("".join(text)):
                yield f"{call[1]}() by hand"
    if re.search(r"\blambda\b|->(?!>)", sql):
        yield "lambda by hand"
    if re.search(r"\bunion\s+(?:all\s+)?by\s+name\b", sql):
        yield "union by name"
    if re.search(r"->>", sql):
        yield "json by hand"
    if re.search(r"[\[{]", sql):
        yield "list, record or place in a list by hand"


def macro_files(project: Path) -> list[Path]:
    """Return the files of macros that are not the engines' own."""
    files = sorted(project.glob("macros/**/*.sql"))
    return [path for path in files if _ENGINE not in path.as_posix()]
