"""Hold-out arms: drawn by a digest, as good as lots."""

import re
from math import sqrt

import duckdb

from tests.dbt.manifest_views import PROJECT

CUSTOMERS = 100_000


def drawn(expression: str) -> str:
    """The macro `hash_share` of an expression."""
    text = (PROJECT / "macros/engine/text.sql").read_text()
    [body] = re.findall(
        r"{% macro default__hash_share\(expression\) -%}(.*?){%- endmacro %}", text, re.DOTALL
    )
    return body.replace("{{ expression }}", expression)


LOYAL, REST = drawn("'c' || i || ':loyal'"), drawn("'c' || i || ':rest'")


def held_out(condition: str) -> float:
    with duckdb.connect() as connection:
        [(share,)] = connection.sql(
            f"select avg(cast({condition} as integer)) "
            f"from (select {LOYAL} as loyal, {REST} as rest from range({CUSTOMERS}) as ids (i))"
        ).fetchall()
    return float(share)


def lots(share: float) -> float:
    """How far a share of so many draws falls from the true one: four standard errors."""
    return 4 * sqrt(share * (1 - share) / CUSTOMERS)


def test_the_share_held_out_is_the_share_that_was_declared():
    for share in (0.01, 0.1, 0.5):
        assert abs(held_out(f"loyal < {share}") - share) < lots(share)
    assert (held_out("loyal < 0"), held_out("loyal < 1")) == (0, 1)


def test_who_is_held_out_of_one_segment_is_as_likely_as_anybody_to_be_of_another():
    assert abs(held_out("loyal < 0.1 and rest < 0.1") - 0.01) < lots(0.01)
