"""From landed rows to the contract in force: what customers said stays said, whatever comes after.

One company over two nights, with a load for an older night that arrives last.
"""

import pytest

from tests.dbt.landing_fixture import land

FIRST, SECOND = "2017-03-01", "2017-03-05"
WITHOUT_TESTS = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
METRICS = {
    "left": "Unsubscribed from Email Marketing",
    "joined": "Subscribed to Email Marketing",
    "spam": "Marked Email as Spam",
    "list": "Subscribed to List",
    "unlisted": "Unsubscribed from List",
}


def _profile(number: str, updated: str, consent: str, at: str, method: str = "", **more) -> dict:
    marketing = {
        "consent": consent,
        "consent_timestamp": at,
        "method": method,
        "can_receive_email_marketing": consent == "SUBSCRIBED",
        **more,
    }
    return {
        "id": f"k{number}",
        "created": "2017-01-01T00:00:00+00:00",
        "updated": f"{updated}T12:00:00+00:00",
        "attributes": {
            "email": f"p{number}@example.com",
            "external_id": number,
            "subscriptions": {"email": {"marketing": marketing}},
        },
    }


def _event(number: str, metric: str, day: str, **properties: str) -> dict:
    return {
        "id": f"{metric}-{number}",
        "datetime": f"{day}T10:00:00+00:00",
        "metric_id": metric,
        "profile_id": f"k{number}",
        "attributes": {"event_properties": properties},
    }


def _contact(number: str, updated: str, *, suffix: str = "", **properties: object) -> dict:
    return {
        "id": f"h{number}{suffix}",
        "created_at": "2017-01-01T00:00:00Z",
        "updated_at": f"{updated}T12:00:00Z",
        "archived": "false",
        "properties": {
            "email": f"p{number}{suffix}@example.com",
            "shop_customer_number": number,
            **properties,
        },
    }


def _status(email: str, subscription: str, status: str, day: str, source: str, read: str) -> dict:
    return {
        "subscriber": email,
        "channel": "EMAIL",
        "subscription_id": subscription,
        "status": status,
        "set_at": f"{day}T09:00:00Z",
        "attributes": {"source": source},
        "read_on": read,
    }


CUSTOMERS = {
    "upserted": "1",
    "left and came back": "2",
    "left in the CRM": "3",
    "on a list": "4",
    "deleted": "5",
    "merged away": "6",
    "backfilled": "7",
    "a topic": "8",
    "preference centre": "9",
    "no relationship": "10",
    "changed their cap": "11",
    "suppressed": "12",
    "bouncing": "13",
    "address handed on": "14",
    "has it now": "15",
    "bad row": "16",
    "spam": "17",
}


def land_first(landing) -> None:
    number = CUSTOMERS
    land(
        landing,
        "shop",
        FIRST,
        "S1",
        {
            "customers": [
                {
                    "customer_id": each,
                    "email": f"p{each}@example.com",
                    "created_at": "2016-12-01 00:00:00",
                    "updated_at": "2016-12-01 00:00:00",
                }
                for each in CUSTOMERS.values()
            ]
        },
    )
    january = "2017-01-01T00:00:00+00:00"
    subscribed = [
        _profile(each, "2017-01-01", "SUBSCRIBED", january, "FORM")
        for name, each in CUSTOMERS.items()
        if name not in {"on a list", "backfilled", "suppressed", "bouncing"}
    ]
    suppressed = [{"reason": "USER_SUPPRESSED", "timestamp": "2017-02-01T00:00:00+00:00"}]
    bounced = [{"reason": "HARD_BOUNCE", "timestamp": "2017-02-01T00:00:00+00:00"}]
    land(
        landing,
        "klaviyo",
        FIRST,
        "K1",
        {
            "metrics": [
                {"id": key, "created": january, "updated": january, "attributes": {"name": name}}
                for key, name in METRICS.items()
            ],
            "profiles": [
                *subscribed,
                _profile(number["on a list"], "2017-01-01", "NEVER_SUBSCRIBED", ""),
                _profile(
                    number["backfilled"],
                    "2017-02-20",
                    "UNSUBSCRIBED",
                    "2017-02-20T12:00:00+00:00",
                ),
                _profile(
                    number["suppressed"],
                    "2017-02-01",
                    "SUBSCRIBED",
                    january,
                    "FORM",
                    suppression=suppressed,
                ),
                _profile(
                    number["bouncing"],
                    "2017-02-01",
                    "SUBSCRIBED",
                    january,
                    "FORM",
                    suppression=bounced,
                    can_receive_email_marketing=False,
                ),
            ],
            "lists": [
                {
                    "id": "L1",
                    "created": january,
                    "updated": january,
                    "attributes": {"name": "New Products"},
                }
            ],
            "list_members": [{"list_id": "L1", "profile_id": f"k{number['on a list']}"}],
            "events": [
                _event(number["upserted"], "left", "2017-02-10"),
                _event(number["left and came back"], "left", "2017-02-10"),
                _event(number["left and came back"], "joined", "2017-02-20"),
                _event(number["on a list"], "list", "2017-02-20", List="New Products"),
                _event(number["a topic"], "unlisted", "2017-02-20", List="New Products"),
                _event(number["spam"], "spam", "2017-02-20"),
            ],
        },
    )
    answered = {"preferences_updated_at": "2017-02-01T00:00:00Z"}
    land(
        landing,
        "hubspot",
        FIRST,
        "H1",
        {
            "contacts": [
                *(
                    _contact(each, "2017-01-05")
                    for name, each in CUSTOMERS.items()
                    if name
                    in {"left in the CRM", "address handed on", "has it now", "deleted", "a topic"}
                ),
                _contact(number["merged away"], "2017-01-05", suffix="a", hs_email_optout="true"),
                _contact(number["merged away"], "2017-01-05", suffix="b"),
                _contact(number["preference centre"], "2017-02-01", **answered),
                _contact(
                    number["no relationship"], "2017-02-01", wants_relationship="no", **answered
                ),
                _contact(
                    number["changed their cap"],
                    "2017-02-01",
                    allowed_channels="email;sms",
                    max_marketing_messages_30d="4",
                    **answered,
                ),
            ],
            "subscription_definitions": [
                {
                    "id": "900",
                    "created_at": "2016-01-01T00:00:00Z",
                    "updated_at": "2016-01-01T00:00:00Z",
                    "attributes": {"name": "Recipes"},
                }
            ],
            "subscription_statuses": [
                _status("p3@example.com", "*", "UNSUBSCRIBED", "2017-02-01", "", FIRST),
                _status("p5@example.com", "*", "UNSUBSCRIBED", "2017-02-01", "", FIRST),
                _status("p14@example.com", "*", "UNSUBSCRIBED", "2017-02-01", "", FIRST),
                _status("p8@example.com", "900", "UNSUBSCRIBED", "2017-02-01", "", FIRST),
            ],
        },
    )


def land_second(landing) -> None:
    number = CUSTOMERS
    land(
        landing,
        "klaviyo",
        SECOND,
        "K2",
        {
            "profiles": [
                # A sync sets what it believes; the tool dates it today.
                _profile(
                    number["upserted"],
                    "2017-03-03",
                    "SUBSCRIBED",
                    "2017-03-03T12:00:00+00:00",
                    "API",
                ),
                # Made again by an import after the suppression was taken off.
                _profile(
                    number["suppressed"],
                    "2017-03-03",
                    "SUBSCRIBED",
                    "2017-03-03T12:00:00+00:00",
                    "MANUAL_IMPORT",
                ),
                {
                    **_profile(
                        number["bad row"],
                        "2017-03-03",
                        "UNSUBSCRIBED",
                        "2017-03-03T12:00:00+00:00",
                    ),
                    "created": "who knows",
                },
            ],
            "events": [_event(number["changed their cap"], "left", "2017-03-02")],
        },
    )
    land(
        landing,
        "hubspot",
        SECOND,
        "H2",
        {
            "contacts": [
                _contact(
                    number["preference centre"],
                    "2017-03-03",
                    preferences_updated_at="2017-03-03T00:00:00Z",
                    allowed_channels="post;phone",
                    unwanted_topics="Offers",
                    wanted_topics="recipes",
                    max_marketing_messages_30d="0",
                    marketing_pause_until="2017-04-01",
                    hs_timezone="asia_slash_ho_chi_minh",
                ),
                # An upsert empties the field, the cap is changed in the preference centre.
                _contact(number["no relationship"], "2017-03-03"),
                _contact(
                    number["changed their cap"],
                    "2017-03-04",
                    allowed_channels="email;sms",
                    max_marketing_messages_30d="2",
                    preferences_updated_at="2017-03-04T00:00:00Z",
                ),
                {
                    **_contact(number["merged away"], "2017-01-05", suffix="b"),
                    "properties": {
                        "email": "p6b@example.com",
                        "shop_customer_number": "6",
                        "hs_merged_object_ids": "h6a",
                    },
                },
                # They give their address up, and it becomes somebody else's.
                {
                    **_contact("14", "2017-03-03"),
                    "properties": {"email": "new14@example.com", "shop_customer_number": "14"},
                },
                {
                    **_contact("15", "2017-03-03"),
                    "properties": {"email": "p14@example.com", "shop_customer_number": "15"},
                },
            ],
            "subscription_statuses": [
                _status("p8@example.com", "900", "SUBSCRIBED", "2017-03-03", "API", SECOND)
            ],
            "removals": [
                {"object_type": "contacts", "id": "h5", "noticed_on": SECOND},
                {
                    "object_type": "contacts",
                    "id": "h6a",
                    "noticed_on": SECOND,
                    "successor_id": "h6b",
                },
            ],
        },
    )


def land_backfill(landing) -> None:
    """A night between the two is pulled last; it brings what was true then."""
    land(
        landing,
        "klaviyo",
        "2017-02-15",
        "K3",
        {
            "profiles": [
                _profile(
                    CUSTOMERS["backfilled"],
                    "2017-02-15",
                    "SUBSCRIBED",
                    "2017-02-15T12:00:00+00:00",
                    "FORM",
                )
            ],
            "events": [_event(CUSTOMERS["backfilled"], "joined", "2017-02-14")],
        },
    )


@pytest.fixture(scope="module")
def contracts(tmp_path_factory, warehouse):
    """Each customer's contract after the last night, and the warehouse it is in."""
    folder = tmp_path_factory.mktemp("consent")
    house = warehouse(folder, folder / "landing")
    wanted = ("--select", "+int_segments__refusals", "+fct_consent_events", *WITHOUT_TESTS)
    land_first(house.landing)
    first = house.build(FIRST, *wanted)
    assert first.success, first.failures()
    house.close_build(FIRST)
    land_second(house.landing)
    land_backfill(house.landing)
    second = house.build(SECOND, *wanted)
    assert second.success, second.failures()
    rows = house.rows(
        """
        select contact_map.source_record_id, preferences.* exclude (customer_id)
        from marts.dim_preferences as preferences
        inner join intermediate.int_identity__contact_map as contact_map
            on preferences.customer_id = contact_map.customer_id and contact_map.source = 'shop'
        """
    )
    names = house.rows(
        "select column_name from (describe marts.dim_preferences) "
        "where column_name <> 'customer_id'"
    )
    of_number = {row[0]: dict(zip([n for (n,) in names], row[1:], strict=True)) for row in rows}
    house.contract = {name: of_number[number] for name, number in CUSTOMERS.items()}
    return house


@pytest.mark.parametrize(
    ("customer", "consent"),
    [
        ("upserted", "withdrawn"),
        ("left and came back", "granted"),
        ("left in the CRM", "withdrawn"),
        ("on a list", "unknown"),
        ("deleted", "withdrawn"),
        ("merged away", "withdrawn"),
        ("backfilled", "withdrawn"),
        ("a topic", "granted"),
        ("preference centre", "withdrawn"),
        ("no relationship", "granted"),
        ("changed their cap", "withdrawn"),
        ("suppressed", "withdrawn"),
        ("bouncing", "granted"),
        ("address handed on", "withdrawn"),
        ("has it now", "withdrawn"),
        ("bad row", "withdrawn"),
        ("spam", "withdrawn"),
    ],
)
def test_what_was_said_last_by_herself_holds(contracts, customer, consent):
    assert contracts.contract[customer]["email_consent"] == consent


@pytest.mark.parametrize(
    ("customer", "channel", "clause"),
    [
        ("left and came back", "email", None),
        ("left and came back", "sms", "no_consent"),
        ("left in the CRM", "email", "opted_out"),
        ("on a list", "email", "no_consent"),
        ("deleted", "email", "opted_out"),
        ("merged away", "email", "opted_out"),
        ("bouncing", "email", "not_deliverable"),
        ("no relationship", "email", "wants_no_relationship"),
        ("no relationship", "post", "wants_no_relationship"),
        ("a topic", "email", None),
    ],
)
def test_on_a_channel_that_they_did_not_allow_nothing_is_sent(contracts, customer, channel, clause):
    assert refusal(contracts, customer, channel)[0] == clause


def test_what_they_want_nothing_of_is_known_by_channel(contracts):
    assert set(refusal(contracts, "a topic", "email")[1]) == {"new_products", "recipes"}
    assert refusal(contracts, "a topic", "post")[1] == []
    _, topics, is_paused = refusal(contracts, "preference centre", "post")
    assert set(topics) == {"offers"}
    assert is_paused


def refusal(contracts, customer, channel):
    """What keeps messages on a channel from somebody: clause, topics, pause."""
    (row,) = contracts.rows(
        f"""
        select refusals.clause, refusals.refused_topics, refusals.is_paused
        from intermediate.int_segments__refusals as refusals
        inner join intermediate.int_identity__contact_map as contact_map
            on
                refusals.customer_id = contact_map.customer_id
                and contact_map.source = 'shop'
                and contact_map.source_record_id = '{CUSTOMERS[customer]}'
        where refusals.channel = '{channel}'
        """
    )
    return row


def test_a_deleted_contact_is_nobody_but_still_forbids(contracts):
    assert contracts.rows(
        """
        select email, first_name, phone, is_removed, merged_into_contact_id
        from staging.stg_hubspot__contacts where contact_id = 'h5'
        """
    ) == [(None, None, None, True, None)]


def test_a_merged_contact_names_its_survivor(contracts):
    assert contracts.rows(
        """
        select contact_id, email, is_removed, merged_into_contact_id, merged_contact_ids
        from staging.stg_hubspot__contacts where contact_id in ('h6a', 'h6b') order by all
        """
    ) == [
        ("h6a", "p6a@example.com", True, "h6b", []),
        ("h6b", "p6b@example.com", False, None, ["h6a"]),
    ]


def test_a_no_to_a_topic_is_lifted_by_no_sync(contracts):
    topics = contracts.contract["a topic"]["withdrawn_email_topics"]
    assert topics == ["new_products", "recipes"]


def test_a_no_to_the_relationship_outlives_the_field_that_said_it(contracts):
    assert contracts.contract["no relationship"]["wants_relationship"] == "no"


def test_an_address_that_bounces_is_no_objection_but_gets_nothing(contracts):
    assert not contracts.contract["bouncing"]["is_email_deliverable"]


def test_the_preference_centre_is_read_whole(contracts):
    contract = contracts.contract["preference centre"]
    assert contract["allowed_channels"] == ["phone", "post"]
    assert (contract["phone_consent"], contract["post_consent"]) == ("granted", "granted")
    assert contract["max_marketing_messages_30d"] == 0
    assert contract["unwanted_topics"] == contract["withdrawn_topics"] == ["offers"]
    assert contract["wanted_topics"] == ["recipes"]
    assert contract["is_paused"]


def test_only_the_mailing_list_is_no_source_of_consent(contracts):
    said = contracts.rows("select distinct basis from marts.fct_consent_events")
    assert not [basis for (basis,) in said if "list" in basis and "unsubscribed" not in basis]


def test_the_story_of_a_customer_can_be_told(contracts):
    story = contracts.rows(
        f"""
        select action, basis, evidence
        from marts.fct_consent_events
        inner join intermediate.int_identity__contact_map using (customer_id)
        where source_record_id = '{CUSTOMERS["upserted"]}' and level = 'channel'
        order by occurred_at
        """
    )
    assert story == [
        ("grant", "state_form", "explicit"),
        ("withdraw", "event_unsubscribed_from_email_marketing", "explicit"),
        ("grant", "state_api", "record"),
    ]
