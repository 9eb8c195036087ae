"""Telephone numbers in one spelling."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapport.identity.phones import e164


@pytest.mark.parametrize(
    ("raw", "region", "number"),
    [
        ("(202) 555-0123", "US", "+12025550123"),
        ("202.555.0123 ext. 5", "US", "+12025550123"),
        ("+44 7700 900123", "US", "+447700900123"),
        ("06 39 98 12 34", "FR", "+33639981234"),
        ("0912 345 678", "VN", "+84912345678"),
        ("۰۹۱۲ ۳۴۵ ۶۷۸۹", "IR", "+989123456789"),
        ("+٩٨ ٩١٢ ٣٤٥ ٦٧٨٩", None, "+989123456789"),
    ],
)
def test_one_number_however_it_is_written(raw, region, number):
    assert e164(raw, region) == number


@pytest.mark.parametrize(
    ("raw", "region"),
    [("12", "US"), ("none", "US"), ("", "US"), (None, "US"), ("2025550123", None)],
)
def test_what_cannot_be_a_number_is_none(raw, region):
    assert e164(raw, region) is None


@settings(derandomize=True, database=None, deadline=None, max_examples=200)
@given(raw=st.text(max_size=30), region=st.sampled_from(["US", "VN", "IR", "", "XX", None]))
def test_it_never_raises_and_reads_its_own_writing(raw, region):
    number = e164(raw, region)
    assert number is None or re.fullmatch(r"\+\d{2,15}", number)
    assert number is None or e164(number, None) == number
