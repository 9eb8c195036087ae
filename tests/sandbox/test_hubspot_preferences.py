"""HubSpot's communication preferences: what there is to subscribe to, and who said what."""

import pytest

ROOT = "/communication-preferences/2026-09"
STATUSES = f"{ROOT}/statuses/batch/read?channel=EMAIL"
EVERYTHING = f"{ROOT}/statuses/batch/unsubscribe-all/read?channel=EMAIL"
NEWS, OFFERS = "901000001", "901000002"
ANN, BEN = "ann@example.com", "ben@example.com"


@pytest.fixture
def preferences(sandbox_server):
    """Two subscriptions; Ann wants news but no offers, and Ben left everything."""
    for subscription, name in ((NEWS, "News"), (OFFERS, "Offers")):
        sandbox_server.change(
            {
                "change": "create",
                "collection": "hubspot/subscription_definitions",
                "id": subscription,
                "values": {"name": name},
                "at": "2017-01-01T00:00:00Z",
            }
        )
    for email, subscription, status in (
        (ANN, NEWS, "SUBSCRIBED"),
        (ANN, OFFERS, "UNSUBSCRIBED"),
        (BEN, "*", "UNSUBSCRIBED"),
    ):
        said = {"email": email, "subscription_id": subscription, "status": status}
        sandbox_server.change({"change": "state", "at": "2017-03-01T10:00:00Z", **said})
    return sandbox_server


def ask(server, path, *emails):
    answer = server.hubspot.post(path, json={"inputs": list(emails)})
    assert answer.status_code == 200
    return {each["subscriberIdString"]: each for each in answer.json()["results"]}


def test_definitions_are_listed(preferences):
    body = preferences.hubspot.get(f"{ROOT}/definitions").json()
    found = {each["id"]: each for each in body["results"]}
    assert {NEWS, OFFERS} <= set(found)
    assert found[NEWS]["name"] == "News"
    assert found[NEWS]["createdAt"] == "2017-01-01T00:00:00.000Z"


def test_an_address_has_a_status_for_every_subscription(preferences):
    found = ask(preferences, STATUSES, ANN, BEN)
    statuses = {
        email: {each["subscriptionName"]: each["status"] for each in found[email]["statuses"]}
        for email in (ANN, BEN)
    }
    assert statuses[ANN]["News"] == "SUBSCRIBED"
    assert statuses[ANN]["Offers"] == "UNSUBSCRIBED"
    assert statuses[BEN]["News"] == statuses[BEN]["Offers"] == "NOT_SPECIFIED"
    (news,) = (each for each in found[ANN]["statuses"] if each["subscriptionName"] == "News")
    assert news["subscriptionId"] == int(NEWS)
    assert (news["channel"], news["timestamp"]) == ("EMAIL", "2017-03-01T10:00:00.000Z")


def test_leaving_everything_is_said_apart(preferences):
    found = ask(preferences, EVERYTHING, ANN, BEN)
    assert found[ANN]["wideStatuses"] == []
    (wide,) = found[BEN]["wideStatuses"]
    assert (wide["wideStatusType"], wide["status"]) == ("PORTAL_WIDE", "UNSUBSCRIBED")


def test_channels_are_asked_apart_and_have_subscriptions_of_their_own(preferences):
    made = {
        "change": "create",
        "collection": "hubspot/subscription_definitions",
        "id": "901000003",
        "values": {"name": "Texts", "communicationMethod": "SMS"},
    }
    said = {"change": "state", "email": ANN, "channel": "SMS", "status": "UNSUBSCRIBED"}
    preferences.change(
        made, {**said, "subscription_id": "901000003"}, {**said, "subscription_id": "*"}
    )
    texts = ask(preferences, STATUSES.replace("EMAIL", "SMS"), ANN)[ANN]["statuses"]
    assert [(each["subscriptionName"], each["status"], each["channel"]) for each in texts] == [
        ("Texts", "UNSUBSCRIBED", "SMS")
    ]
    assert "Texts" not in {
        each["subscriptionName"] for each in ask(preferences, STATUSES, ANN)[ANN]["statuses"]
    }
    wide = ask(preferences, EVERYTHING.replace("EMAIL", "SMS"), ANN)[ANN]["wideStatuses"]
    assert [each["status"] for each in wide] == ["UNSUBSCRIBED"]
    assert ask(preferences, EVERYTHING.replace("EMAIL", "WHATSAPP"), ANN)[ANN]["wideStatuses"] == []
    assert ask(preferences, EVERYTHING, ANN)[ANN]["wideStatuses"] == []


def test_the_case_of_an_address_does_not_matter(preferences):
    found = ask(preferences, EVERYTHING, "Ben@Example.COM")
    assert len(found["Ben@Example.COM"]["wideStatuses"]) == 1


def test_the_last_word_counts(preferences):
    said = {"email": ANN, "subscription_id": OFFERS, "status": "SUBSCRIBED"}
    preferences.change({"change": "state", **said})
    statuses = ask(preferences, STATUSES, ANN)[ANN]["statuses"]
    offers = [each["status"] for each in statuses if each["subscriptionId"] == int(OFFERS)]
    assert offers == ["SUBSCRIBED"]


@pytest.mark.parametrize("path", [STATUSES, EVERYTHING])
def test_what_hubspot_would_refuse_is_refused(preferences, path):
    for wrong, inputs in (
        (path.replace("EMAIL", "PIGEON"), [ANN]),
        (path.split("?")[0], [ANN]),
        (path, []),
        (path, [ANN] * 101),
        (path, [{"id": ANN}]),
    ):
        answer = preferences.hubspot.post(wrong, json={"inputs": inputs})
        assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")
