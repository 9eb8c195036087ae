"""What the firm sends beside its campaigns: flows of the mailing tool, and the CRM's newsletter.

Welcome and browsing messages and the newsletter are marketing, and count as contacts like a
campaign: what somebody answers to the next one depends on them too. A receipt follows an order and
a recall serves; they count for nothing. Who gets what is drawn here; nobody leaves because of it.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from sandbox.clock import FOREVER, klaviyo_time
from sandbox.ids import code
from sandbox.schema import Record
from sandbox.simulate.parameters import BLOCK, DAY, END, Parameters

HOUR = 3_600_000
WEB_STORE = 900  # see `sandbox.simulate.orders`
OPENED = 1_451_606_400_000  # 2016: flows and newsletters were there before anybody
RECALLED = END - 200 * DAY + 10 * HOUR
NEWSLETTER_EVERY = 90 * DAY
SERVICE_TAG = "class:service"


@dataclass(frozen=True)
class Message:
    """A message of a flow; with variations it is a test, and each of them has an id of its own."""

    number: int
    flow: str
    name: str
    transactional: bool = False
    variations: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The id of the message, or of the one that the test began with."""
        return code("flow message", self.flow, self.name, length=6)

    @property
    def action_id(self) -> str:
        """The id of the step that sends it."""
        return str(70_000_000 + self.number * 10)

    def variation_ids(self) -> list[str]:
        """The ids of the variations, the first of which is the message itself."""
        others = [code("variation", self.flow, name, length=6) for name in self.variations[1:]]
        return [self.id, *others] if self.variations else []


# Flow -> what starts it, and its tags.
FLOWS: dict[str, tuple[str, tuple[str, ...]]] = {
    "Welcome series": ("Added to List", ()),
    "Browsed and left": ("Metric", ()),
    "Order confirmation": ("Metric", ()),
    "Recalls": ("Unconfigured", (SERVICE_TAG,)),
}
WELCOME, STORY, BROWSED, CONFIRMED, RECALL = range(5)
MESSAGES = (
    Message(WELCOME, "Welcome series", "Welcome", variations=("Plain", "With a gift")),
    Message(STORY, "Welcome series", "Who we are"),
    Message(BROWSED, "Browsed and left", "Still looking?"),
    Message(CONFIRMED, "Order confirmation", "Your order", transactional=True),
    Message(RECALL, "Recalls", "Please bring it back"),
)


@dataclass(frozen=True)
class Letter:
    """An e-mail of the CRM's newsletter; the two of a test have one number."""

    number: int
    variant: int
    at: int
    is_tested: bool

    @property
    def email_id(self) -> str:
        """Id of the e-mail."""
        return str(88_000_000 + self.number * 10 + self.variant)

    @property
    def sending_id(self) -> str:
        """Id of its sending, which its events carry."""
        return str(5_500_000 + self.number * 10 + self.variant)


def flow_id(flow: str) -> str:
    """Return the id of a flow."""
    return code("flow", flow, length=6)


def tag_id(name: str) -> str:
    """Return the id of a tag of flows."""
    text = code("flow tag", name, length=32, letters="0123456789abcdef")
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-8{text[17:20]}-{text[20:]}"


def letters(p: Parameters) -> list[Letter]:
    """Return the newsletters of a company; every second one is a test of two."""
    found = []
    for number, at in enumerate(range(p.start + 20 * DAY, END - 9 * DAY, NEWSLETTER_EVERY)):
        hour = at - at % DAY + 9 * HOUR
        is_tested = number % 2 == 1
        found += [Letter(number, variant, hour, is_tested) for variant in range(1 + is_tested)]
    return found


def records(p: Parameters) -> Iterator[Record]:
    """Yield the flows with their actions, messages and tags, and the newsletter's e-mails."""
    stamp = klaviyo_time(OPENED)
    dated = {"created": stamp, "updated": stamp}

    def standing(collection: str, id_: str, body: Any, related: Any = None) -> Record:
        return Record(
            collection,
            id_,
            OPENED,
            FOREVER,
            OPENED,
            OPENED,
            None,
            _json(body),
            _json(related or {}),
        )

    yield standing("klaviyo/tag", tag_id(SERVICE_TAG), {"name": SERVICE_TAG})
    for flow, (trigger, tags) in FLOWS.items():
        own = [message for message in MESSAGES if message.flow == flow]
        actions = [(f"{own[0].action_id[:-1]}5", _pause(f"{own[0].action_id[:-1]}5"))]
        actions += [(message.action_id, _sends(message)) for message in own]
        body = {"name": flow, "status": "live", "archived": False, "trigger_type": trigger}
        related = {
            "flow-actions": ["flow-action", [id_ for id_, _ in actions]],
            "tags": ["tag", [tag_id(tag) for tag in tags]],
        }
        yield standing("klaviyo/flow", flow_id(flow), {**body, **dated}, related)
        for id_, definition in actions:
            sent = [each for message in own if message.action_id == id_ for each in _ids(message)]
            ties = {"flow": ["flow", flow_id(flow)], "flow-messages": ["flow-message", sent]}
            yield standing("klaviyo/flow-action", id_, {**dated, "definition": definition}, ties)
        for message in own:
            for place, id_ in enumerate(_ids(message)):
                body = {"channel": "email", **dated, "definition": _definition(message, place)}
                ties = {"flow-action": ["flow-action", message.action_id]}
                yield standing("klaviyo/flow-message", id_, body, ties)
    for letter in letters(p):
        yield _letter(letter)


def _ids(message: Message) -> list[str]:
    return message.variation_ids() or [message.id]


def _definition(message: Message, place: int = 0) -> dict[str, Any]:
    named = f"{message.name}: {message.variations[place]}" if message.variations else message.name
    return {
        "id": _ids(message)[place],
        "name": named,
        "subject_line": message.name,
        "from_email": "hello@example.com",
        "smart_sending_enabled": not message.transactional,
        "transactional": message.transactional,
    }


def _sends(message: Message) -> dict[str, Any]:
    def plain(place: int) -> dict[str, Any]:
        data = {"message": _definition(message, place), "status": "live"}
        return {"id": message.action_id, "type": "send-email", "data": data}

    if not message.variations:
        return plain(0)
    test = {
        "id": f"{message.action_id}1",
        "name": "Which welcome",
        "variations": [plain(place) for place in range(len(message.variations))],
    }
    data = {"status": "live", "experiment_status": "live", "main_action": plain(0)}
    return {
        "id": message.action_id,
        "type": "ab-test",
        "data": {**data, "current_experiment": test},
    }


def _pause(id_: str) -> dict[str, Any]:
    return {"id": id_, "type": "time-delay", "data": {"unit": "hours", "value": 2}}


def _letter(letter: Letter) -> Record:
    prepared = letter.at - 3 * DAY
    test = {"testId": str(900 + letter.number), "abStatus": ("MASTER", "VARIANT")[letter.variant]}
    body = {
        "name": f"Newsletter {letter.number + 1}{' AB'[letter.variant + 1] * letter.is_tested}",
        "subject": "What is new",
        "state": "PUBLISHED",
        "type": "AB_EMAIL" if letter.is_tested else "BATCH_EMAIL",
        "isTransactional": False,
        "primaryEmailCampaignId": letter.sending_id,
        "allEmailCampaignIds": [letter.sending_id],
        "at": letter.at,  # shown as the publishing date
        **({"testing": test} if letter.is_tested else {}),
    }
    collection = "hubspot/marketing_emails"
    return Record(
        collection, letter.email_id, prepared, FOREVER, prepared, prepared, None, _json(body)
    )


def catalogue(db: duckdb.DuckDBPyConnection, p: Parameters) -> None:
    """Make ``flow_variations`` and ``newsletters``: what there is to send."""
    variations = [
        {
            "message": message.number,
            "variation": place,
            "is_marketing": not message.transactional and message.number != RECALL,
            "about": _json(
                {
                    "$flow": flow_id(message.flow),
                    "$message": message.id,
                    **({"$variation": id_} if message.variations else {}),
                    "Campaign Name": message.name,
                    "Subject": message.name,
                }
            )[1:-1],
        }
        for message in MESSAGES
        for place, id_ in enumerate(_ids(message))
    ]
    newsletters = [
        {
            "letter": each.number,
            "variant": each.variant,
            "variants": 1 + each.is_tested,
            "sending_id": each.sending_id,
            "ms": each.at,
        }
        for each in letters(p)
    ]
    for name, rows in (("flow_variations", variations), ("newsletters", newsletters)):
        db.register("rows", pa.Table.from_pylist(rows))
        db.execute(f"create table {name} as select * from rows")
        db.unregister("rows")


def sends(db: duckdb.DuckDBPyConnection, _: Parameters) -> None:
    """Make ``flow_sends`` and ``letter_sends`` of the people, and ``other_contacts`` of both."""
    db.execute(
        f"""
        create or replace temp table flow_sends as
        select person, message, variation, number, whole_second(ms) as ms
        from (
            select person, {WELCOME} as message,
                (u('welcome variation', person) < 0.5)::int as variation, 0 as number,
                in_mailing_since + 2 * an_hour() as ms
            from people where takes_mail and u('welcomed', person) < 0.5
            union all
            select person, {STORY}, 0, 0, in_mailing_since + 3 * a_day()
            from people where takes_mail and u('welcomed', person) < 0.5
            union all
            select person, {BROWSED}, 0, block,
                in_mailing_since + ((block + u2('browsed at', person, block)) * {BLOCK})::bigint
            from people, range(60) as blocks(block)
            where takes_mail and u2('browsed', person, block) < 0.04
            union all
            select person, {RECALL}, 0, 0, {RECALLED} + (3600000 * u('recall at', person))::bigint
            from people where u('recalled', person) < 0.03
        ) as drawn
        inner join (select person, in_mailing_since from people) as known using (person)
        where ms < {END} and ms > in_mailing_since
        """
    )
    db.execute(
        """
        create or replace temp table letter_sends as
        select person, letter, variant, sending_id, email,
            whole_second(ms + (600000 * u2('letter at', person, letter))::bigint) as ms,
            u2('letter fate', person, letter) as fate
        from people, newsletters
        where takes_mail and in_crm_since < ms and u2('newsletter', person, letter) < 0.12
            and chance('letter variant', person) % variants = variant
        """
    )
    db.execute(
        f"""
        create or replace temp table other_contacts as
        select person, ms
        from flow_sends inner join flow_variations using (message, variation)
        where is_marketing
        union all
        select person, ms from letter_sends where fate < {DELIVERED}
        """
    )


def receipts(db: duckdb.DuckDBPyConnection, _: Parameters) -> None:
    """Make ``receipts``: one in ten has web orders confirmed by the mailing tool, not the shop."""
    db.execute(
        f"""
        create or replace temp table receipts as
        select person, row_number() over (partition by person order by order_id) as number,
            whole_second(ms + 60000) as ms
        from orders where store_id = {WEB_STORE} and u('by mail', person) < 0.1
        """
    )


DELIVERED, BOUNCED = 0.97, 0.98  # the rest is dropped before it is sent

# Nothing more goes to whoever left, bounced or complained; a receipt and a recall do.
FLOW_MESSAGES = f"""
    select person, message, variation, number, ms, about
    from flow_sends inner join flow_variations using (message, variation)
    left join consents using (person) left join opt_outs using (person)
    where not is_marketing
        or ms < least(coalesce(mail_left_at, {END}), coalesce(stopped_at, {END}))
    union all
    select person, message, variation, number, ms, about
    from receipts inner join flow_variations on message = {CONFIRMED}
"""
_LETTERS = f"""
    select letter_sends.* from letter_sends
    left join consents using (person) left join opt_outs using (person)
    where ms < least(coalesce(mail_left_at, {END}), coalesce(stopped_at, {END}))
"""
# Type, place within the ids, time, attributes, which letters.
_MAIL_EVENTS = (
    ("SENT", "ms", "{}", f"fate < {BOUNCED}"),
    ("DEFERRED", "ms + 2000", "{}", f"fate between {DELIVERED - 0.02} and {DELIVERED}"),
    ("DELIVERED", "ms + 4000", "{}", f"fate < {DELIVERED}"),
    ("BOUNCE", "ms + 4000", "{}", f"fate >= {DELIVERED} and fate < {BOUNCED}"),
    ("DROPPED", "ms", "{}", f"fate >= {BOUNCED}"),
    ("CLICK", "ms + 5000", '{"filteredEvent":true}', "fate < 0.03"),  # a scanner
    ("OPEN", "ms + 3600000", '{"filteredEvent":false}', "fate between 0.03 and 0.33"),
    ("CLICK", "ms + 3660000", '{"filteredEvent":false}', "fate between 0.03 and 0.07"),
)


def mail_events() -> str:
    """Return SQL of the CRM's e-mail events: id, ms, visible_from, type, recipient, sending, body.

    A few of those who left the mailing by themselves did so by a link of the CRM, which names no
    sending.
    """
    parts = [
        f"select (person * 64 + {40 + place}) * 4194304 + letter as serial, "
        f"({ms})::bigint as ms, '{kind}' as type, email as recipient, sending_id, "
        f"'{body}' as body from letters where {which}"
        for place, (kind, ms, body, which) in enumerate(_MAIL_EVENTS)
    ]
    parts.append(
        "select (person * 64 + 50) * 4194304, said_left_at + 600000, 'STATUSCHANGE', email, null, "
        '\'{"portalSubscriptionStatus":"UNSUBSCRIBED"}\' '
        "from consents inner join people using (person) "
        "where said_left_at = mail_left_at and is_crm_told and u('by link', person) < 0.2"
    )
    union = "\nunion all\n".join(parts)
    return f"""
        with letters as ({_LETTERS})
        select a_uuid(chance_of_event(serial), whole_second(ms)) as id, whole_second(ms) as ms,
            whole_second(ms) as visible_from, type, recipient, sending_id, body
        from ({union}) as happened where ms < {END}
    """


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
