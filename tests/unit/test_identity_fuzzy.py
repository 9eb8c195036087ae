"""Records that merely look alike: who is tied, who is shown to a person, who is left alone."""

import sys

import duckdb
import pytest

from rapport.identity import fuzzy

COLUMNS = (
    "record_number, source, source_record_id, external_id, email_key, name_key, phone_e164, "
    "is_record, first_load_date"
)


def alike(*people: tuple, is_on: bool = True) -> list[tuple]:
    """Pairs found among (external id, e-mail, name, phone)."""
    with duckdb.connect() as connection:
        connection.execute("create table roles (local_part varchar)")
        connection.execute("insert into roles values ('info')")
        connection.execute(
            "create table contacts (record_number bigint, source varchar, "
            "source_record_id varchar, external_id varchar, email_key varchar, name_key varchar, "
            "phone_e164 varchar, is_record boolean, first_load_date date)"
        )
        for number, (external_id, email, name, phone) in enumerate(people):
            connection.execute(
                f"insert into contacts ({COLUMNS}) "
                "values (?, 'hubspot', ?, ?, ?, ?, ?, true, date '2017-01-01' + ?::integer)",
                [number, f"h{number}", external_id, email, name, phone, number],
            )
        found = fuzzy.pairs(
            connection.table("contacts"),
            connection.table("roles"),
            is_on=is_on,
            tie_from=0.99,
            review_from=0.8,
        )
    return [
        (row["record_id_a"], row["record_id_b"], row["is_tied"], str(row["valid_from"]))
        for row in found.to_pylist()
    ]


SURE = (
    (None, "ann.lee@example.com", "ann lee", "+12025550101"),
    (None, "ann.lee@example.org", "ann leee", "+12025550101"),
)


def test_a_misspelt_name_with_the_same_telephone_and_address_elsewhere_is_tied():
    assert alike(*SURE) == [("h0", "h1", True, "2017-01-02")]


def test_less_than_that_is_shown_to_a_person():
    assert alike(
        (None, "ann.lee@example.com", "ann lee", None),
        (None, "ann.lee@example.org", "ann lee", None),
    ) == [("h0", "h1", False, "2017-01-02")]


@pytest.mark.parametrize(
    "other",
    [
        (None, "bo@example.org", "bo lee", "+12025550101"),  # a family's telephone
        (None, "anna@example.org", "ann lee", "+13035550199"),  # a namesake
    ],
)
def test_a_family_and_namesakes_are_left_alone(other):
    assert alike(SURE[0], other) == []


def test_two_customer_numbers_are_two_customers_however_alike():
    one, other = (("7", *SURE[0][1:]), ("8", *SURE[1][1:]))
    assert alike(one, other) == []
    assert alike(one, SURE[1]) == [("h0", "h1", True, "2017-01-02")]


def test_an_address_of_a_post_is_no_likeness():
    assert (
        alike(
            (None, "info@example.com", "ann lee", None), (None, "info@example.org", "ann lee", None)
        )
        == []
    )


def test_what_two_records_say_of_one_another_depends_on_nobody_else():
    crowd = [(None, f"p{n}@example.com", f"person {n}", f"+1303555{n:04}") for n in range(50)]
    assert alike(*SURE, *crowd) == alike(*SURE)


def test_off_there_are_no_pairs_and_the_library_is_not_even_loaded(monkeypatch):
    monkeypatch.setitem(sys.modules, "splink", None)
    assert alike(*SURE, is_on=False) == []


def test_nobody_is_like_nobody():
    assert alike() == []
