"""What the values of a column look like, and that nothing of a value is shown."""

import pytest

from rapport.mapping.shapes import look, shape


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["ann@example.com", "bo@example.org"], "email"),
        (["+49 30 901820", "0176 1234567", "(030) 1234567"], "phone"),
        (["2017-03-01T10:00:00+01:00"], "instant"),
        (["2017-03-01 10:00:00", "2017-03-02"], "time"),
        (["2017-03-01"], "day"),
        (["1488412800", "1488412800000"], "unix"),
        (["01.03.2017", "31.12.2016"], "written"),
        (["EUR", "USD"], "currency"),
        (["ABC", "XYZ", "QQQ"], "text"),
        (["DE", "AT"], "country"),
        (["10482", "-3"], "integer"),
        (["1.234,50 €", "EUR 7,00", "(3,50)"], "number"),
        (["ja", "nein", "ja"], "yes or no"),
        (['[{"sku":"a"}]'], "list"),
        ([None, "", "n/a"], "empty"),
    ],
)
def test_a_column_is_of_the_kind_that_most_of_its_values_are(values, kind):
    assert look("column", values).kind == kind


def test_a_little_dirt_does_not_change_what_a_column_is():
    of = look("Angelegt am", ["01.03.2017", "13.04.2017", "14.04.2017", "15.04.2017", "31.04.2017"])
    assert (of.kind, of.formats) == ("written", ("%d.%m.%Y",))


def test_two_ways_to_write_a_day_in_one_column_are_both_found():
    of = look("Datum", ["01.03.2017", "02.03.2017 18:30", "03.03.2017", "2017-03-04"])
    assert of.formats == ("%d.%m.%Y", "%d.%m.%Y %H:%M")


def test_a_day_that_can_be_two_days_is_told_as_both():
    assert look("date", ["03/04/2017", "11/12/2017"]).either == ("%d/%m/%Y", "%m/%d/%Y")
    assert look("date", ["03/04/2017", "11/13/2017"]).either == ()
    assert look("date", ["03/04/2017", "11/13/2017"]).formats == ("%m/%d/%Y",)


@pytest.mark.parametrize(
    ("values", "decimals"),
    [
        (["1.234,50", "7,00"], (0, 2)),
        (["1,234.50", "7.00"], (2, 0)),
        (["1.234", "2,345"], (0, 0)),  # a thousand, or one and a bit
        (["1.234.567", "2,5"], (0, 2)),
        (["0.750"], (1, 0)),
    ],
)
def test_what_parts_decimals_is_told_by_the_numbers_that_can_be_read_one_way(values, decimals):
    assert look("Betrag", values).decimals == decimals


def test_a_currency_is_found_in_the_header_or_beside_the_amounts():
    assert look("Summe (EUR)", ["1,50"]).currency == "EUR"
    assert look("Summe", ["1,50 €", "2,00 €"]).currency == "EUR"
    assert look("Summe", ["1,50 €", "2,00 $"]).currency == ""


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("Ann.Lee@example.com", "Aa.Aa@a.a"),
        ("+49 30 901820", "+99 99 9999…"),
        ("2017-03-01T10:00:00Z", "9999-99-99A99:99:99A"),
        ("Straße 5", "Aa 9"),
    ],
)
def test_a_shape_shows_how_a_value_is_written_and_not_what_it_says(value, shown):
    assert shape(value) == shown
