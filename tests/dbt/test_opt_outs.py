"""An opt-out is of the address or the number: it holds for whoever has it, in every system.

One small company, built once. Nobody here is told apart or tied by anything but what a test says.
"""

import pytest

from tests.dbt.landing_fixture import land

FIRST, SECOND = "2017-03-01", "2017-03-05"
WANTED = (
    *("--select", "+dim_preferences", "+fct_consent_events", "+int_identity__reviews"),
    *("+quarantined_fields", "+fct_deals", "+stg_hubspot__email_events", "+stg_klaviyo__events"),
    *("+stg_hubspot__contacts", "+stg_klaviyo__profiles"),
    *("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test"),
)


def contact(number: str, email: str | None, updated: str = "2017-01-05", **properties) -> dict:
    return {
        "id": f"h{number}",
        "created_at": "2017-01-01T00:00:00Z",
        "updated_at": f"{updated}T12:00:00Z",
        "archived": "false",
        "properties": {"email": email, **properties},
    }


def profile(number: str, email: str | None, at: str = "2017-01-01", **attributes) -> dict:
    marketing = {
        "consent": "SUBSCRIBED",
        "consent_timestamp": f"{at}T00:00:00+00:00",
        "method": "FORM",
        "can_receive_email_marketing": True,
    } | attributes.pop("marketing", {})
    subscriptions = {"email": {"marketing": marketing}} | attributes.pop("subscriptions", {})
    return {
        "id": f"k{number}",
        "created": "2017-01-01T00:00:00+00:00",
        "updated": f"{at}T12:00:00+00:00",
        "attributes": {"email": email, "subscriptions": subscriptions, **attributes},
    }


def status(email: str, day: str, *, channel="EMAIL", subscription="*", said="UNSUBSCRIBED") -> dict:
    return {
        "subscriber": email,
        "channel": channel,
        "subscription_id": subscription,
        "status": said,
        "set_at": f"{day}T09:00:00Z",
        "attributes": {"source": "SUBSCRIPTION_PAGE"},
        "read_on": FIRST,
    }


def mail_event(number: str, email: str, kind: str) -> dict:
    return {
        "id": number,
        "created_at": "2017-02-01T09:00:00Z",
        "type": kind,
        "recipient": email,
        "attributes": {},
    }


def sms(consent: str, at: str) -> dict:
    marketing = {"consent": consent, "consent_timestamp": f"{at}T00:00:00+00:00", "method": "TEXT"}
    return {"sms": {"marketing": marketing}}


FIRST_NIGHT = {
    "hubspot": {
        "contacts": [
            # two customer numbers keep these apart from the profiles that have their address
            contact("1", "Both@Example.com", shop_customer_number="101"),
            # gave the address up before it opted out
            contact("2", "handed.on@example.com"),
            contact("3", "re@example.com", shop_customer_number="103"),
            contact(
                "4", "one@example.com", hs_additional_emails="two@example.com;three@example.com"
            ),
            contact(
                "5", "same@example.com", firstname="Ann", lastname="Lee", phone="(202) 555-0105"
            ),
            contact("6", "same@example.com", firstname="Bo", lastname="Day"),
            contact(
                "7", "sms@example.com", mobilephone="+1 202 555 0107", shop_customer_number="107"
            ),
            contact("8a", "a8@example.com", hs_email_optout="true"),
            contact("8b", "b8@example.com"),
            # answers that nobody can read
            contact("9", "nine@example.com", wants_relationship="rather not"),
            contact("10", "ten@example.com", allowed_channels="email; but no calls"),
            contact("20", "Twenty <20@example.com>", unwanted_topics="Recipes, new OFFERS!"),
            contact(
                "21", "b21@example.com", hs_additional_emails="a21@example.com, c21@example.com"
            ),
            contact("18", "1970@example.com"),
            contact("19", "word@example.com"),
            contact("22", "old22@example.com", "2017-02-20", hs_email_optout="false"),
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
            status("both@example.com", "2017-02-01"),
            status("handed.on@example.com", "2017-02-01"),
            status("re@example.com", "2017-02-01"),
            status("two@example.com", "2017-02-01"),
            status("same@example.com", "2017-02-01"),
            status("sms@example.com", "2017-02-01", channel="SMS"),
            status("sms@example.com", "2017-02-01", channel="WHATSAPP"),
            status("nine@example.com", "2017-02-01", subscription="900"),
            status("1970@example.com", "1970-01-01"),
            status("word@example.com", "2017-02-01", said="NOT_SUBSCRIBED"),
            status("a21@example.com", "2017-02-01"),
            status("old22@example.com", "2016-02-01"),
            status("status23@example.com", "2017-02-01"),
            status("again25@example.com", "2017-02-01"),
        ],
        "email_events": [
            mail_event("left", "mail24@example.com", "UNSUBSCRIBED"),
            mail_event("spam", "spam302@example.com", "SPAMREPORT"),
            mail_event("gone", "Gone@example.com", "UNSUBSCRIBED"),
        ],
        "deals": [
            {
                "id": deal,
                "created_at": "2017-01-01T00:00:00Z",
                "updated_at": "2017-01-01T00:00:00Z",
                "archived": "false",
                "properties": {"pipeline": "default", "dealstage": "qualifiedtobuy", "amount": "5"}
                | more,
            }
            for deal, more in (
                ("d1", {}),
                ("d2", {}),
                ("d3", {"hs_merged_object_ids": "d1;d2"}),
                ("d4", {}),
            )
        ],
    },
    "klaviyo": {
        "metrics": [
            {
                "id": name,
                "created": "2016-01-01T00:00:00+00:00",
                "updated": "2016-01-01T00:00:00+00:00",
                "attributes": {"name": name},
            }
            for name in ("Unsubscribed", "Consented to Receive SMS", "Unsubscribed from List")
        ],
        "profiles": [
            profile("1", "both@example.com", external_id="201"),
            profile("2", "HANDED.ON@example.com", external_id="202"),
            profile("3", "re@example.com", "2017-02-20", external_id="203"),
            profile("4", "three@example.com"),
            profile("7", None, phone_number="+12025550107", external_id="207")
            | {
                "attributes": {
                    "phone_number": "+12025550107",
                    "external_id": "207",
                    "subscriptions": sms("SUBSCRIBED", "2017-01-01"),
                }
            },
            profile(
                "11",
                "dead@example.com",
                external_id="111",
                marketing={
                    "can_receive_email_marketing": False,
                    "suppression": [
                        {"reason": "HARD_BOUNCE", "timestamp": "2017-01-02T00:00:00+00:00"}
                    ],
                },
            ),
            profile("12", "alive@example.com", external_id="111"),
            # confirmed by a mail of their own after they had left, by a method of no telling name
            profile(
                "13",
                "back@example.com",
                "2017-02-10",
                marketing={"method": "API", "double_optin": True},
            ),
            profile("14", "older.name@example.com"),
            # nobody knows when
            profile("15", "undated@example.com", marketing={"consent_timestamp": "lately"})
            | {"updated": "2017-02-20T12:00:00+00:00"},
            profile("16", "listed@example.com"),
            profile("17", "unreadable.time@example.com"),
            profile("18", "1970@example.com"),
            profile("19", "word@example.com"),
            profile("20", "20@example.com"),
            # a yes of the first address, after the further one has said no
            profile("21", "b21@example.com", "2017-02-20"),
            profile("22", "old22@example.com", "2017-02-20"),
            # whom the CRM has no contact of
            profile("23", "status23@example.com"),
            profile("24", "Mail24@example.com"),
            profile("25", "again25@example.com"),
        ],
        "events": [
            {
                "id": f"{metric}-{number}",
                "datetime": "2017-02-01T10:00:00+00:00",
                "metric_id": metric,
                "profile_id": f"k{number}",
                "attributes": {"event_properties": {"List": "Recipes"}},
            }
            for metric, number in (
                ("Unsubscribed", "13"),
                ("Unsubscribed", "14"),
                ("Unsubscribed", "15"),
                ("Consented to Receive SMS", "14"),
                ("Unsubscribed from List", "16"),
            )
        ]
        + [
            {
                "id": "when",
                "datetime": "14/02/2017 10:00",
                "metric_id": "Unsubscribed",
                "profile_id": "k17",
                "attributes": {"event_properties": {}},
            }
        ],
    },
    "shop": {
        "customers": [
            {
                "customer_id": number,
                "email": email,
                "created_at": "2016-12-01 00:00:00",
                "updated_at": "2016-12-01 00:00:00",
            }
            for number, email in (
                ("101", None),
                ("201", None),
                ("202", None),
                ("301", "both@example.com"),
                ("302", "spam302@example.com"),
            )
        ]
    },
}
SECOND_NIGHT = {
    "hubspot": {
        "contacts": [
            contact("2", "mine@example.com", "2017-03-04"),
            contact("22", "old22@example.com", "2017-03-04", hs_email_optout="true"),
            # the CRM merges two contacts into a new one, which is then merged into another
            contact("8c", "b8@example.com", "2017-03-04", hs_merged_object_ids="h8a;h8b"),
            contact("8d", "b8@example.com", "2017-03-05", hs_merged_object_ids="h8c"),
        ],
        "subscription_statuses": [
            status("again25@example.com", "2017-03-03", said="SUBSCRIBED") | {"read_on": SECOND}
        ],
        "removals": [
            {"object_type": "contacts", "id": old, "noticed_on": SECOND, "successor_id": "h8d"}
            for old in ("h8a", "h8b", "h8c")
        ],
    },
    "klaviyo": {},
    "shop": {},
}


@pytest.fixture(scope="module")
def house(tmp_path_factory, warehouse):
    folder = tmp_path_factory.mktemp("opt-outs")
    house = warehouse(folder, folder / "landing")
    for night, rows in ((FIRST, FIRST_NIGHT), (SECOND, SECOND_NIGHT)):
        for source, streams in rows.items():
            land(house.landing, source, night, f"{source}-{night}", streams)
    built = house.build(SECOND, *WANTED)
    assert built.success, built.failures()
    return house


def preference(house, column: str, record: str):
    source = {"h": "hubspot", "k": "klaviyo"}.get(record[0], "shop")
    (row,) = house.rows(
        f"select preferences.{column} from marts.dim_preferences as preferences "
        "inner join intermediate.int_identity__contact_map as map using (customer_id) "
        f"where map.source = '{source}' and map.source_record_id = '{record}'"
    )
    return row[0]


def customers(house, *records: str) -> int:
    listed = ", ".join(f"'{record}'" for record in records)
    ((count,),) = house.rows(
        "select count(distinct customer_id) from intermediate.int_identity__contact_map "
        f"where source_record_id in ({listed})"
    )
    return count


def test_a_conflict_of_identity_is_no_way_round_an_opt_out(house):
    assert customers(house, "h1", "k1", "301") == 3
    for record in ("h1", "k1", "301"):
        assert preference(house, "email_consent", record) == "withdrawn"


def test_whoever_had_the_address_once_and_whoever_has_it_now_are_both_opted_out(house):
    for record in ("h2", "k2"):
        assert preference(house, "email_consent", record) == "withdrawn"


def test_the_same_address_takes_it_back_for_the_one_who_said_so(house):
    assert preference(house, "email_consent", "k3") == "granted"
    assert preference(house, "email_consent", "h3") == "withdrawn"


def test_a_further_address_of_a_contact_ties_and_speaks_for_it(house):
    assert customers(house, "h4", "k4") == 1
    assert preference(house, "email_consent", "k4") == "withdrawn"


def test_one_word_is_one_event_however_many_contacts_carry_the_address(house):
    assert customers(house, "h5", "h6") == 1
    said = house.rows(
        "select count(*) from marts.fct_consent_events as events "
        "inner join intermediate.int_identity__contact_map as map using (customer_id) "
        "where map.source_record_id = 'h5' and action = 'withdraw'"
    )
    assert said == [(1,)]


def test_the_crm_is_asked_about_sms_and_whatsapp_too_and_the_number_follows(house):
    assert preference(house, "sms_consent", "h7") == "withdrawn"
    assert preference(house, "whatsapp_consent", "h7") == "withdrawn"
    assert preference(house, "email_consent", "h7") == "unknown"
    assert customers(house, "h7", "k7") == 2
    assert preference(house, "sms_consent", "k7") == "withdrawn"


def test_contacts_merged_into_a_new_one_keep_their_customer_and_the_stricter_consent(house):
    assert customers(house, "h8a", "h8b", "h8c", "h8d") == 1
    assert preference(house, "email_consent", "h8d") == "withdrawn"


def test_an_answer_that_nobody_can_read_is_the_strictest_and_listed_with_its_reason(house):
    assert preference(house, "wants_relationship", "h9") == "no"
    assert preference(house, "unreadable_preferences", "h9") == ["wants_relationship"]
    assert preference(house, "allowed_channels", "h10") == []
    # but nobody has said so for good
    assert preference(house, "email_consent", "h10") == "unknown"
    listed = house.rows(
        "select record_key, field, reason from quarantine.quarantined_fields order by all"
    )
    assert listed == [
        ("h10", "allowed_channels", "allowed_channels cannot be read"),
        ("h9", "wants_relationship", "wants_relationship cannot be read"),
        ("k15", "email_consent_timestamp", "email_consent_timestamp cannot be read"),
    ]


def test_a_topic_is_a_topic(house):
    assert preference(house, "email_consent", "h9") == "unknown"
    assert preference(house, "withdrawn_email_topics", "h9") == ["recipes"]
    assert preference(house, "email_consent", "k16") == "granted"
    assert preference(house, "withdrawn_email_topics", "k16") == ["recipes"]


def test_what_bounced_is_the_address_and_not_the_newer_one_of_the_same_person(house):
    assert customers(house, "k11", "k12") == 1
    assert preference(house, "is_email_deliverable", "k12") is True
    assert preference(house, "email_consent", "k12") == "granted"


def test_double_opt_in_is_an_act_of_their_own_by_whatever_method(house):
    assert preference(house, "email_consent", "k13") == "granted"


def test_older_names_of_metrics_say_the_same(house):
    assert preference(house, "email_consent", "k14") == "withdrawn"
    assert preference(house, "sms_consent", "k14") == "granted"


def test_a_grant_at_a_time_that_nobody_can_read_lifts_nothing(house):
    assert preference(house, "email_consent", "k15") == "withdrawn"


def test_merged_deals_are_gone_from_the_pipeline(house):
    assert house.rows("select deal_id from marts.fct_deals order by all") == [("d3",), ("d4",)]


def test_a_refusal_at_a_time_that_cannot_be_is_one_of_the_night_that_brought_it(house):
    for record in ("k17", "k18"):
        assert preference(house, "email_consent", record) == "withdrawn"


def test_a_status_that_nobody_knows_is_no_leave(house):
    assert preference(house, "email_consent", "k19") == "withdrawn"


def test_a_yes_of_one_address_lifts_no_refusal_of_another_that_they_have(house):
    assert customers(house, "h21", "k21") == 1
    assert preference(house, "email_consent", "k21") == "withdrawn"


def test_a_flag_that_is_seen_to_be_set_is_a_new_word_whatever_was_said_before(house):
    assert preference(house, "email_consent", "k22") == "withdrawn"


def test_topics_have_one_name_wherever_they_are_listed(house):
    assert customers(house, "h20", "k20") == 1
    assert preference(house, "unwanted_topics", "k20") == ["new_offers", "recipes"]


def test_what_the_crm_was_told_of_an_address_that_it_has_no_contact_of_holds_for_whoever_has_it(
    house,
):
    assert house.rows(
        "select count(*) from intermediate.int_identity__addresses where source = 'hubspot' and "
        "address_key in ('status23@example.com', 'mail24@example.com', 'spam302@example.com')"
    ) == [(0,)]
    for record in ("k23", "k24", "302"):
        assert preference(house, "email_consent", record) == "withdrawn"


def test_such_an_address_can_take_it_back_where_it_was_told(house):
    assert preference(house, "email_consent", "k25") == "granted"


def test_the_gate_s_own_look_at_the_addresses_finds_nobody_whom_consent_lets_through(house):
    house.rows("create schema if not exists segments; select 1")
    house.rows(
        "create or replace table segments.segment_members as "
        "select email_consent as segment, customer_id, 'email' as channel "
        "from marts.dim_preferences where email_consent in ('granted', 'withdrawn'); select 1"
    )
    house.rows(
        "create or replace table segments.segments as "
        "select distinct segment from segments.segment_members; select 1"
    )
    built = house.build(SECOND, "--select", "address_opt_outs", "--exclude-resource-type", "test")
    assert built.success, built.failures()
    found = dict(house.rows("select segment, opted_out_count from audit.address_opt_outs"))
    assert found["granted"] == 0
    assert found["withdrawn"] > 0
