"""What may stand in a mapping: one value of one row, and nothing else."""

import pytest

from rapport.sources.mapped.expressions import binding_fault, format_fault, read_expression


@pytest.mark.parametrize(("sql", "columns"), [
    ('trim("E-mail")', ("E-mail",)),
    ("'completed'", ()),
    ('coalesce(nullif("a", \'\'), b) || c', ("a", "b", "c")),
    ("case when a = 'x' then b end", ("a", "b")),
    ("item ->> '$.sku'", ("item",)),
    ("list_transform(string_split(tags, ','), lambda tag: trim(tag) || end_)", ("tags", "end_")),
    ("[trim(x) for x in string_split(tags, ',')]", ("tags",)),
    ("try_cast(replace(total, ',', '.') as double)", ("total",)),
    ("make_timestamp(event_timestamp::bigint) || 'Z'", ("event_timestamp",)),
    ("regexp_replace(a, '\\D', '', 'g') in ('1', '2')", ("a",)),
])  # fmt: skip
def test_an_expression_says_which_columns_it_reads(sql, columns):
    assert read_expression(sql).columns == columns


@pytest.mark.parametrize(("sql", "said"), [
    ("(select 1)", "a subquery"),
    ("a in (select b from c)", "a subquery"),
    ("exists (select 1)", "a subquery"),
    ("1 from orders", "is no SQL expression"),
    ("1), (2", "is more than one expression"),
    ("1, 2", "is more than one expression"),
    ("1; drop table orders", "is no SQL expression"),
    ("a -- the rest", "is no SQL expression"),
    ("a /* the rest", "is no SQL expression"),
    ("count(*)", "made of several rows"),
    ("string_agg(a, ',')", "made of several rows"),
    ("row_number() over ()", "a window"),
    ("unnest(string_split(a, ','))", "reads more than the row"),
    ("getenv('HOME')", "reads more than the row"),
    ("current_setting('temp_directory')", "reads more than the row"),
    ("getvariable('x')", "reads more than the row"),
    ("now()", "reads more than the row"),
    ("current_localtimestamp()", "reads more than the row"),
    ("a > current_localtime()", "reads more than the row"),
    ("version()", "reads more than the row"),
    ("current_date", "a night that is run again says the same"),
    ("random()", "reads more than the row"),
    ("read_text('/etc/hostname')", "there is no function read_text()"),
    ("other.secret(a)", "has no place here"),
    ("*", "name the columns"),
    ("columns('a')", "name the columns"),
    ("?", "a parameter"),
    ("order.id", "is no SQL expression"),
    ("buyer.id", "a member of JSON is \"buyer\"->>'$.id'"),
    ("lowr(a)", "there is no function lowr(); the nearest is lower()"),
])  # fmt: skip
def test_what_is_more_than_a_value_of_a_row_is_refused(sql, said):
    assert said in read_expression(sql)


def test_what_cannot_be_worked_out_of_text_says_why():
    assert "(VARCHAR, INTEGER_LITERAL)" in binding_fault('"Total" * 2', ["Total"])
    assert binding_fault('"Total"::decimal(10, 2) * 2', ["Total"]) == ""
    assert binding_fault("item ->> '$.x' || item_number", [], items=True) == ""


def test_a_format_of_times_is_one_that_duckdb_reads_by():
    assert format_fault("%d.%m.%Y %H:%M") is None
    assert "%q" in format_fault("%q.%m")
    assert "no %" in format_fault("dd.mm.yyyy")
