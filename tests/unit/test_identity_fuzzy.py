"""Records that merely look alike: who is tied, who is shown to a person, who is left alone."""

import sys
from typing import Any

import duckdb
import pytest

from rapport.identity import fuzzy
from rapport.settings import PROJECT_DIR

NAMES = PROJECT_DIR / "dbt_project" / "seeds" / "common_names.csv"
COLUMNS = {
    "number": "external_id",
    "email": "email_key",
    "phone": "phone_e164",
    "born": "birth_date",
    "city": "city_key",
    "postcode": "postcode_key",
    "company": "company_name_key",
}
Person = dict[str, Any]


def pairs(
    *people: Person, most_relatives: float = 0.03, is_on: bool = True, review_from: float = 0.8
):
    """(one, other, is tied, score, since when) of people, each numbered by its place."""
    with duckdb.connect() as connection:
        connection.execute("create table roles as select 'info' as local_part")
        connection.execute(
            "create table contacts (record_number bigint, source varchar, "
            "source_record_id varchar, external_id varchar, email_key varchar, name_key varchar, "
            "given_name_key varchar, phone_e164 varchar, birth_date date, city_key varchar, "
            "postcode_key varchar, company_name_key varchar, is_record boolean, "
            "first_load_date date)"
        )
        for place, person in enumerate(people):
            given, family = person.get("given"), person.get("family")
            words = " ".join(name for name in (given, family) if name).lower().split()
            row = {
                "record_number": place,
                "source": "hubspot",
                "source_record_id": str(place),
                "name_key": " ".join(sorted(words)) or None,
                "given_name_key": given and given.lower(),
                "is_record": True,
                "first_load_date": f"2017-01-{1 + place % 28:02}",
                **{COLUMNS[fact]: person[fact] for fact in COLUMNS if fact in person},
            }
            connection.execute(
                f"insert into contacts ({', '.join(row)}) values ({', '.join('?' for _ in row)})",
                list(row.values()),
            )
        found = fuzzy.pairs(
            connection.table("contacts"),
            connection.table("roles"),
            connection.read_csv(str(NAMES)),
            is_on=is_on,
            tie_from=0.99,
            review_from=review_from,
            most_relatives=most_relatives,
        )
    return [
        (
            int(row["record_id_a"]),
            int(row["record_id_b"]),
            row["is_tied"],
            row["score"],
            str(row["valid_from"]),
        )
        for row in found.to_pylist()
    ]


def fates(*couples: tuple[Person, Person], **policy: Any) -> list[str]:
    """What becomes of each two: `tied`, `shown` to a person, or left `apart`.

    All are looked at together, for they say nothing of one another.
    """
    people = [person for couple in couples for person in couple]
    found = {pair[:2]: pair[2] for pair in pairs(*people, **policy)}
    verdicts = {True: "tied", False: "shown", None: "apart"}
    return [verdicts[found.get((2 * place, 2 * place + 1))] for place in range(len(couples))]


def fate(one: Person, other: Person, **policy: Any) -> str:
    return fates((one, other), **policy)[0]


ADA: Person = {
    "given": "Ada",
    "family": "Winterbourne",
    "email": "ada.winterbourne@gmx.example",
    "born": "1961-12-10",
    "city": "london",
    "postcode": "sw1y 4jh",
}
ANNA: Person = {**ADA, "given": "Anna", "family": "Muller", "email": "anna.muller@gmx.example"}


def but(person: Person, **facts: Any) -> Person:
    """The same person with other facts; None is not known."""
    return {**person, **facts}


ELSEWHERE = {"email": "sunshine@web.example"}


@pytest.fixture(autouse=True)
def _roomy(monkeypatch):
    """Dozens of Adas are looked at in one go, more than one base would hold."""
    monkeypatch.setattr(fuzzy, "MOST_RECORDS_PER_KEY", 300)


def test_two_without_a_telephone_are_tied_by_name_birth_date_place_and_address():
    others = [
        {},
        {"given": "Winterbourne", "family": "Ada"},
        {"family": "Winterborne"},
        {"given": "Ada Mary"},
        {"born": "1961-10-12"},  # the day before the month
        {"born": "1961-12-09"},  # midnight in another time zone
        {"city": "lodnon"},
        {"city": "leeds", "postcode": None},  # who moved
        {"city": None, "postcode": None},
        {"email": None},
        {"born": None, "email": "ada.winterborne@gmx.example"},
    ]
    couples = [(ADA, but(ADA, **(ELSEWHERE | other))) for other in others]
    city = but(ADA, postcode=None)
    couples += [(city, but(city, **ELSEWHERE, family="Winterborne"))]
    assert fates(*couples) == ["tied"] * 12


def test_a_misspelt_address_is_reached_and_ties_who_has_the_name_and_city():
    emails = [
        ("ada1843@gmail.com", "ada1843@gmial.com"),
        ("ada.winterbourne1843@gmail.com", "ada.wintrebourne1843@gmail.com"),
        ("ada.winterbourne1843@gmail.com", "ada..winterbourne1843@gmail.com"),
        ("ada.winterbourne1843@gmail.com", "ADA.Winterbourne1843+news@gmail.com"),
        ("ada.winterbourne1843@gmail.com", "ada.winterbourne1843.private@gmail.com"),
        ("winterbourne@firm.example", "winterborune@firm.example"),
    ]
    known = but(ADA, born=None, postcode=None)
    for misspelling in ({}, {"family": "Winterbuorne"}):
        couples = [
            (but(known, email=email), but(known, email=other, **misspelling))
            for email, other in emails
        ]
        assert fates(*couples) == ["tied"] * 6


def test_another_number_in_an_address_is_another_address():
    known = but(ADA, born=None, city=None, postcode=None, email="ada.winterbourne18@gmail.com")
    assert fate(known, but(known, email="ada.winterbourne19@gmail.com")) != "tied"


def test_the_telephone_still_ties_a_misspelt_name():
    known = {**ADA, "born": None, "city": None, "postcode": None, "phone": "+12025550101"}
    other = but(known, family="Winterborne", email="ada.winterbourne@web.example")
    assert fate(known, other) == "tied"


def test_a_name_and_an_address_made_of_it_are_shown_to_a_person():
    known = but(ADA, born=None, city=None, postcode=None)
    assert fate(known, but(known, email="ada.winterbourne@web.example")) == "shown"


def test_a_name_and_a_city_tie_nobody():
    known = but(ADA, born=None, postcode=None)
    assert fate(known, but(known, **ELSEWHERE)) != "tied"


def test_a_name_that_many_have_ties_nobody_without_a_birth_date():
    for given, family in (
        ("Anna", "Muller"),
        ("John", "Smith"),
        ("Van Anh", "Nguyen"),
        ("محمد", "احمدی"),
    ):
        known = but(ADA, given=given, family=family, born=None, email="a.m@gmx.example")
        born = but(known, born="1961-12-10")
        assert "tied" not in fates(
            (known, but(known, email="a.m@web.example")),
            (known, but(known, email=None, company="lovelace ltd")),
            (born, but(born, **ELSEWHERE, city="leeds", postcode="ls1 1ba")),
        )
        assert fate(born, but(born, **ELSEWHERE)) == "tied"


def test_another_birth_date_keeps_two_of_one_name_and_home_apart():
    known = but(ADA, email="ada.winterbourne1843@gmx.example", phone="+12025550101")
    others = [
        {"phone": None},
        {"phone": None, **ELSEWHERE},
        {"phone": None, "email": None},
        {"phone": None, "email": "ada.winterbourne1843@web.example"},
        {},
    ]
    assert "tied" not in fates(
        *((known, but(known, **other, born="1985-03-04")) for other in others)
    )


def test_who_share_a_home_and_a_family_name_are_not_one():
    two = [
        (("Lena", "1985-03-04"), ("Mia", "1985-03-04")),  # twins
        (("Tim", "1985-03-04"), ("Tom", "1985-03-04")),
        (("Hanna", "1985-03-04"), ("Anna", "1985-03-04")),
        (("Martin", "1985-03-04"), ("Martina", "1985-03-04")),
        (("Ada", "1961-12-10"), ("William", "1960-02-21")),  # a couple
        (("Daniel", None), ("Daniela", None)),
        (("Anna", None), ("A", None)),
        (("Ada", None), ("William", "1960-02-21")),
        (("Byron", "1988-01-22"), ("Byron", "1960-02-21")),  # father and son
        (("Lena", "1985-03-04"), (None, None)),
    ]
    for home in ({}, {"phone": "+12025550101"}):
        for email in ("winterbourne@web.example", "x@web.example", None):
            known = {**ADA, "email": "winterbourne@gmx.example", **home}
            couples = [
                (
                    but(known, given=one[0], born=one[1]),
                    but(known, given=other[0], born=other[1], email=email),
                )
                for one, other in two
            ]
            assert "tied" not in fates(*couples)


def test_who_marries_keeps_given_name_birth_date_and_home():
    assert fate(ADA, but(ADA, **ELSEWHERE, family="Zillman")) == "tied"
    assert fate(but(ADA, born=None), but(ADA, **ELSEWHERE, family="Zillman")) != "tied"


def listed(place: int) -> Person:
    """Somebody with a name, a birth date and a home that nobody else has."""
    code = "".join(chr(97 + int(digit)) for digit in f"{place:03}")
    return {
        "given": f"Zu{code}o",
        "family": f"{code}berg{code}",
        "born": f"19{50 + place % 50}-0{1 + place % 9}-1{place % 7}",
        "city": f"{code}stadt",
        "postcode": f"{10000 + 37 * place}",
    }


TWICE = [(listed(place), listed(place)) for place in range(120)]
ONE = but(ADA, email=None)
MISTYPED = [
    (ONE, but(ONE, given="William")),
    (listed(900), but(listed(900), born="1921-03-04")),
    (listed(901), but(listed(901), given="Mia", born=None)),
]


def test_in_a_list_without_households_the_score_alone_decides():
    assert fates(*MISTYPED, *TWICE)[:3] == ["tied"] * 3


def test_where_relatives_are_met_no_home_is_taken_for_one_person():
    family = [
        (listed(place), but(listed(place), given="Mia", born="1921-03-04"))
        for place in range(800, 806)
    ]
    assert "tied" not in fates(*MISTYPED, *family, *TWICE)[:9]


def test_few_records_do_not_tell_whether_there_are_households():
    assert "tied" not in fates(*MISTYPED, *TWICE[:90])[:3]


def test_the_policy_may_reckon_with_households_in_any_base():
    assert "tied" not in fates(*MISTYPED, *TWICE, most_relatives=0)[:3]


def test_namesakes_of_one_home_and_generation_are_one():
    """Neither father and son, nor would parents call two children the same."""
    assert fate(ADA, but(ADA, email=None, born="1958-02-03")) == "tied"
    assert fate(ADA, but(ADA, email=None, born="1985-02-03")) == "shown"


def test_a_date_that_stands_for_none_is_none():
    zero = but(ADA, born="1970-01-01", postcode=None)
    assert fate(zero, but(zero, **ELSEWHERE)) != "tied"
    assert fate(zero, but(zero, **ELSEWHERE, postcode="sw1y 4jh", born="1961-12-10")) != "apart"


def test_two_customer_numbers_are_two_customers_however_alike():
    assert fate(but(ADA, number="7"), but(ADA, **ELSEWHERE, number="8")) == "apart"
    assert fate(but(ADA, number="7"), but(ADA, **ELSEWHERE)) == "tied"


def test_an_address_of_a_post_is_no_likeness_and_no_reason_to_look_away():
    known = but(ADA, born=None, city=None, postcode=None, email="info@gmx.example")
    assert fate(known, but(known, email="info@web.example")) == "apart"
    post = but(ADA, email="info@gmx.example")
    assert fate(post, post) == "tied"


def test_a_tie_dates_from_the_later_record():
    assert [pair[4] for pair in pairs(ADA, but(ADA, **ELSEWHERE))] == ["2017-01-02"]


def test_what_two_records_say_of_one_another_depends_on_nobody_else():
    couple = (ADA, but(ADA, **ELSEWHERE, family="Winterborne"))
    crowd = [
        but(ADA, given=f"Ada{place}", email=f"ada{place}@gmx.example", born=f"19{place}-05-05")
        for place in range(20, 80)
    ]
    alone, among = pairs(*couple), pairs(*couple, *crowd)
    assert [pair for pair in among if pair[:2] == (0, 1)] == alone


def test_what_a_crowd_shares_is_no_reason_to_compare():
    """A key that very many share would have each compared with each."""
    few = [{"phone": "+12025550101", "email": f"ada{place}x@gmx.example"} for place in range(3)]
    many = few + [{"phone": "+12025550101"}] * 300
    assert len(pairs(*few, review_from=0)) == 3
    assert pairs(*many, review_from=0) == []


def test_off_there_are_no_pairs_and_the_library_is_not_even_loaded(monkeypatch):
    monkeypatch.setitem(sys.modules, "splink", None)
    assert fate(ADA, but(ADA, **ELSEWHERE), is_on=False) == "apart"


def test_nobody_is_like_nobody():
    assert pairs() == []
