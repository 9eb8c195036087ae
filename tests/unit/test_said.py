"""What a vendor says is kept, whom it says it of is not."""

import time

import pytest

from rapport.sources.said import LONGEST_TEXT, LONGEST_WORDS, masked, said_in

HUBSPOT = {
    "status": "error",
    "message": "This app hasn't been granted all required scopes to make this call.",
    "correlationId": "9a1b-77",
    "category": "MISSING_SCOPES",
    "subCategory": "crm.scopes.LACKING",
    "errors": [
        {
            "message": "One or more of the following scopes are required.",
            "context": {"requiredGranularScopes": ["crm.objects.deals.read", "x y", "a@b.example"]},
        }
    ],
    "links": {"scopes": "https://developers.hubspot.com/scopes"},
}


@pytest.mark.parametrize(("text", "kept"), [
    ('No contact "Ada Lovelace" here', "No contact … here"),
    ("Value 'O'Brien' isn't valid", "Value … isn't valid"),
    ("cut off 'Ada Love", "cut off …"),
    ("“Ada” and «Ada» and `Ada`", "… and … and …"),
    ("for „Ada Mary King“ or »Ada Mary King« or ”Ada Mary King” no", "for … or … or … no"),
    ("for ‚Ada Mary King‘ or ‘Ada Mary O’Brien’ or ‹Ada Mary King› no", "for … or … or … no"),  # noqa: RUF001
    ("for 「Ada Mary King」 no, it’s not", "for … no, … not"),  # noqa: RUF001
    ("for &quot;Ada Mary King&quot; or &#39;Ada Mary&#39; no", "for … or … no"),
    ("mail to ada@example.com.", "mail to …"),
    ("mail to ada%40example.com", "mail to …"),
    ("call (020) 7946 0018 or +84 35 000 0001 now", "call … or … now"),
    ("on 2026-01-02 at most 100 of 10000", "on … at most 100 of …"),
    ("profile RBzyWC is gone", "profile … is gone"),
    ("key pk_0a1b2c3d and 01HXYZABCD", "key … and …"),
    ("see https://u:pw@api.example/v3/lists/9f3a21?token=abc#x", "see https://api.example/…/lists/…"),
    ("Nguyễn was here", "… was here"),
    ("this app hasn't, it can't", "this app hasn't, it can't"),
    ("You have reached your ten_secondly_rolling limit.",) * 2,
    ('[{"isValid":false,"message":"Ada"}]', "[{…:false,…:…}]"),
])  # fmt: skip
def test_values_are_masked_and_words_stay(text, kept):
    assert masked(text) == kept


def test_what_was_asked_for_is_masked_wherever_it_stands():
    assert masked("Ada is no address, nor is adam", ["ada"]) == "… is no address, nor is adam"


def test_words_are_of_bounded_length():
    assert len(masked("word " * 1000)) <= LONGEST_WORDS
    many = {"errors": [{"code": "a", "detail": "word " * 1000}] * 100}
    assert len(said_in(many).text) <= LONGEST_TEXT


@pytest.mark.parametrize("piece", ["a.", "(", "QUJD/+", "_x.", "a-", "requires any of ["])
def test_a_message_of_a_megabyte_is_told_at_once(piece):
    begun = time.monotonic()
    said_in({"message": piece * (1_000_000 // len(piece))})
    assert time.monotonic() - begun < 10


def test_hubspots_envelope_is_told_with_its_codes_and_scopes():
    said = said_in(HUBSPOT)
    assert said.text == (
        "MISSING_SCOPES/crm.scopes.LACKING: This app hasn't been granted all required scopes to "
        "make this call.; One or more of the following scopes are required."
    )
    assert said.missing_scopes == ("crm.objects.deals.read",)


@pytest.mark.parametrize("body", [
    {"message": "This oauth-token (CxY...9) does not have proper permissions! "
     "(requires any of [content, marketing-email])"},
    {"context": {"requiredScopes": ["content", "marketing-email"]}},
])  # fmt: skip
def test_older_ways_to_name_scopes_are_read(body):
    assert said_in(body).missing_scopes == ("content", "marketing-email")


def test_the_limit_that_is_met_is_told():
    body = {"message": "You have reached your daily limit.", "errorType": "RATE_LIMIT"}
    said = said_in(body | {"policyName": "DAILY"})
    assert said.policies == ("DAILY",)
    assert said.text == "RATE_LIMIT/DAILY: You have reached your daily limit."


def test_json_apis_errors_are_told_with_their_place():
    error = {"code": "invalid", "title": "Invalid input.", "detail": "'x' is not a field."}
    places = [{"pointer": "/data/attributes/email"}, {"parameter": "filter"}, {"pointer": "a@b 1"}]
    assert said_in({"errors": [error | {"source": place} for place in places]}).text == (
        "invalid: Invalid input. … is not a field. at /data/attributes/email; "
        "invalid: Invalid input. … is not a field. at filter; "
        "invalid: Invalid input. … is not a field."
    )


@pytest.mark.parametrize(
    "body", [None, 1, "Ada", [], {}, {"errors": "Ada"}, {"message": {"a": "Ada"}, "code": 7}]
)
def test_other_shapes_say_nothing(body):
    assert not said_in(body)
