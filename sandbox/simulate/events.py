"""What the mailing tool saw: every event of every person, as Klaviyo tells it."""

import duckdb

from sandbox.metrics import metric_id
from sandbox.simulate.automations import FLOW_MESSAGES
from sandbox.simulate.parameters import END, Parameters

HOUR = 3_600_000
# A name per kind of row; the place of a row in this list is part of the event's id.
METRICS = (
    "Received Email",
    "Received SMS",
    "Bounced Email",
    "Opened Email",
    "Clicked Email",
    "Clicked SMS",
    "Unsubscribed from Email Marketing",
    "Unsubscribed from SMS Marketing",
    "Marked Email as Spam",
    "Coupon Redeemed",
    "Active on Site",
    "Viewed Product",
    "Answered Pulse",
    "Assigned to Control",
    "Received Service Email",
    "Subscribed to Email Marketing",
    "Subscribed to SMS Marketing",
    "Updated Email Preferences",
    "Dropped Email",
    "Placed Order",
)

_OF_MESSAGE = "from responses inner join campaigns using (campaign)"
_SENT = "'{' || about || '}'"
_OPENED = """'{' || about || ',"Apple Privacy Open":%s}'"""
# What a flow sends: one in 300 is dropped before it is sent.
_OF_FLOW = f"from ({FLOW_MESSAGES}) as sent inner join people using (person)"
_FLOW_NUMBER = "message * 65536 + number"
_FATE = f"u2('flow fate', person, {_FLOW_NUMBER})"
FLOW = "flow"
_SITE = """'{"url":"https://shop.example/"}'"""
_ORDERED = """'{"coupon_upc":"' || coupon_upc || '","campaign_id":"' || campaign_id || '"}'"""
_PRODUCT = """'{"ProductID":"' || product_id || '","Categories":["' || product_category || '"]}'"""
_ROBOT = """'{' || about || ',"URL":"https://shop.example/' || link || '"%s}'"""
_FILTERED = "responses.ms + 2000 + 700 * link"
# What the tool credits an order with, on its own terms: the last message that was opened or
# clicked in the five days before.
_CREDITED = """
    select orders.person, orders.k,
        max_by(campaigns.message_id, (seen.ms, seen.campaign)) as credited
    from orders
    inner join (
        select person, campaign, opened_at as ms from responses where is_opened
        union all
        select person, campaign, acted_at - 20000 from responses
        where action in ('click', 'order') and not is_redeemed
    ) as seen on seen.person = orders.person
        and seen.ms between orders.ms - 5 * a_day() and orders.ms
    inner join campaigns on campaigns.campaign = seen.campaign
    group by all
"""
_PLACED = """'{"OrderId":"' || order_id || '","$event_id":"' || order_id || '","$value":'
    || (cents / 100.0)::decimal(12, 2)
    || coalesce(',"$attribution":{"$message":"' || credited || '"}', '') || '}'"""
# metric, a letter that tells sources of one metric apart, number within the person, time,
# properties, from where
SOURCES = (
    ("Received Email", "", "campaign", "responses.ms", _SENT,
     f"{_OF_MESSAGE} where is_delivered and not responses.is_sms"),
    ("Received SMS", "", "campaign", "responses.ms", _SENT,
     f"{_OF_MESSAGE} where is_delivered and responses.is_sms"),
    ("Bounced Email", "", "campaign", "responses.ms + 4000",
     """'{' || about || ',"Bounce Type":"' || if(is_dead, 'Hard', 'Soft') || '"}'""",
     f"{_OF_MESSAGE} where is_dead or is_soft_bounce"),
    ("Opened Email", "proxy", "campaign", "responses.ms + 9000", _OPENED % "true",
     f"{_OF_MESSAGE} where is_opened_by_proxy"),
    ("Opened Email", "", "campaign", "opened_at", _OPENED % "false",
     f"{_OF_MESSAGE} where is_opened"),
    ("Clicked Email", "", "campaign", "acted_at - 20000 * (action = 'order')::int", _SENT,
     f"{_OF_MESSAGE} where action in ('click', 'order') and not is_redeemed "
     "and not responses.is_sms"),
    ("Clicked SMS", "", "campaign", "acted_at - 20000 * (action = 'order')::int", _SENT,
     f"{_OF_MESSAGE} where action in ('click', 'order') and not is_redeemed and responses.is_sms"),
    ("Marked Email as Spam", "", "campaign", "opted_out_at - 60000", _SENT,
     f"{_OF_MESSAGE} where is_complaint and not responses.is_sms"),
    ("Unsubscribed from Email Marketing", "", "campaign", "opted_out_at", _SENT,
     f"{_OF_MESSAGE} where is_opt_out and not responses.is_sms"),
    ("Unsubscribed from SMS Marketing", "", "campaign", "opted_out_at", _SENT,
     f"{_OF_MESSAGE} where is_opt_out and responses.is_sms"),
    ("Unsubscribed from Email Marketing", "centre", "1", "said_left_at", "'{}'",
     "from consents where said_left_at is not null"),
    ("Coupon Redeemed", "", "campaign", "acted_at", _ORDERED,
     "from responses inner join coupons using (campaign) where is_redeemed "
     "and coupons.number = chance('coupon', person * 5000 + campaign) % 5"),
    ("Active on Site", "", "journey * 16 + step", "steps.ms", _SITE,
     "from steps where stage = 'visit'"),
    # whom a campaign confused comes to look, and looks again, and finds nothing
    ("Active on Site", "again", "campaign * 4 + visit",
     f"responses.ms + (u2('looks', person, campaign * 4 + visit) * 48 * {HOUR})::bigint", _SITE,
     "from responses, range(3) as visits(visit) where is_confusing and is_delivered "
     "and u2('looks', person, campaign) < 0.12"),
    ("Viewed Product", "", "journey * 16 + step", "steps.ms", _PRODUCT,
     "from steps inner join products on products.product_id "
     "= 1000000 + chance('looked at', person * 100000 + journey // 64 * 8 + step % 3) % 600 "
     "where stage = 'view'"),
    ("Answered Pulse", "too_much", "campaign", "pulsed_at",
     """'{"question":"too_much","answer":"' || is_too_much || '",'
     || '"$message":"' || message_id || '"}'""",
     f"{_OF_MESSAGE} where has_pulse"),
    ("Answered Pulse", "clear", "campaign", "pulsed_at + 8000",
     """'{"question":"clear","answer":"' || is_clear || '",'
     || '"$message":"' || message_id || '"}'""",
     f"{_OF_MESSAGE} where has_pulse"),
    ("Assigned to Control", "", "campaign", "draws.ms",
     """'{"campaign_id":"' || campaign_id || '"}'""",
     "from draws inner join campaigns using (campaign) left join opt_outs using (person) "
     f"where not is_sent and draws.has_holdout and draws.ms < coalesce(stopped_at, {END})"),
    ("Received Service Email", "", "number", "replied_at + 30000", "'{\"Subject\":\"Your case\"}'",
     "from tickets where source_type <> 'PHONE'"),
    ("Subscribed to Email Marketing", "", "0", "mail_since + 1000", "'{\"List\":\"Newsletter\"}'",
     "from consents where mail_since is not null"),
    ("Subscribed to Email Marketing", "again", "0", "mail_back_at", "'{\"List\":\"Newsletter\"}'",
     "from consents where mail_back_at is not null"),
    ("Subscribed to SMS Marketing", "", "0", "sms_since", "'{\"List\":\"Text messages\"}'",
     "from consents where sms_since is not null"),
    ("Updated Email Preferences", "", "0", "said_at", "'{}'", "from answers"),
    ("Updated Email Preferences", "again", "0", "changed_at", "'{}'",
     "from answers where changed_at is not null"),
    ("Received Email", FLOW, _FLOW_NUMBER, "sent.ms", _SENT,
     f"{_OF_FLOW} where {_FATE} < 0.997"),
    ("Dropped Email", FLOW, _FLOW_NUMBER, "sent.ms", _SENT,
     f"{_OF_FLOW} where {_FATE} >= 0.997"),
    ("Opened Email", FLOW, _FLOW_NUMBER, f"sent.ms + 60000 + (20 * {HOUR} * {_FATE})::bigint",
     _OPENED % "false", f"{_OF_FLOW} where {_FATE} < 0.35"),
    ("Clicked Email", FLOW, _FLOW_NUMBER, f"sent.ms + 90000 + (20 * {HOUR} * {_FATE})::bigint",
     _SENT, f"{_OF_FLOW} where {_FATE} < 0.15 * reciprocity"),
    ("Placed Order", "", "k", "orders.ms", _PLACED,
     f"from orders left join ({_CREDITED}) as credits using (person, k) where is_web"),
    # filters of the recipients' mail follow the links; the tool knows only some of them
    ("Clicked Email", "robot", "campaign", _FILTERED, _ROBOT % ',"Bot Click":true',
     f"{_OF_MESSAGE}, range(1) as links(link) where is_delivered and not responses.is_sms "
     "and u('filter', person) < 0.02"),
    ("Clicked Email", "filter", "campaign * 4 + link", _FILTERED, _ROBOT % "",
     f"{_OF_MESSAGE}, range(4) as links(link) where is_delivered and not responses.is_sms "
     "and u('filter', person) between 0.02 and 0.03"),
)  # fmt: skip


def query(metrics: frozenset[str] | None = None) -> str:
    """Return SQL of the events: id, uuid, ms, visible_from, metric_id, profile_id, body.

    Args:
        metrics: only these, and what flows sent; None for all.
    """
    parts = []
    for place, (metric, letter, number, ms, body, source) in enumerate(SOURCES):
        if metrics is None or metric in metrics or letter == FLOW:
            parts.append(
                f"select person, (person * 64 + {place}) * 4194304 + {number} as serial, "
                f"({ms})::bigint as ms, '{metric_id(metric)}' as metric_id, "
                f"{body} as body {source}"
            )
    union = "\nunion all\n".join(parts)
    # Hashing a whole number of 64 bits is one to one, so no two ids are the same. One event in a
    # hundred shows up to twenty hours late.
    return f"""
        select
            hex16(chance_of_event(serial)) as id,
            a_uuid(chance_of_event(serial), whole_second(ms)) as uuid,
            whole_second(ms) as ms,
            whole_second(ms) + if(u('late', serial) < 0.01,
                (u('lateness', serial) * 20 * {HOUR}) :: bigint, 0) as visible_from,
            metric_id, profile_id, body
        from ({union}) as every
        inner join (select person, profile_id, in_mailing_since from people) as profiles
            using (person)
        -- nobody is seen before being known
        where ms < {END} and ms > in_mailing_since
    """


def consents(db: duckdb.DuckDBPyConnection, p: Parameters) -> None:
    """Make ``consents``: when each person agreed to mail and SMS, left them, and came back."""
    db.execute(
        f"""
        create or replace temp table consents as
        select
            person,
            if(takes_mail, in_mailing_since, null) as mail_since,
            if(takes_sms and phone is not null, in_mailing_since + 120000, null) as sms_since,
            if(left_at < {END} and takes_mail, left_at, null) as said_left_at,
            if(least(left_mail_at, said_left_at) < {END}, least(left_mail_at, said_left_at), null)
                as mail_left_at,
            if(left_sms_at < {END}, left_sms_at, null) as sms_left_at,
            if(complained_at < {END}, complained_at, null) as complained_at,
            if(died_at < {END}, died_at, null) as died_at,
            whole_second(mail_left_at + (60 + 90 * u('back', person)) * a_day()) as back_at,
            -- a few come back of their own will; the firm waits and sends nothing yet
            if(u('comes back', person) < 0.06 and back_at < {END}, back_at, null) as mail_back_at,
            -- what one system knows the other may never hear
            u('told crm', person) < 0.9 as is_crm_told
        from people left join opt_outs using (person)
        """
    )
