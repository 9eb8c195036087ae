"""A company of many, at the look-alike and in a home of ours."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

from sandbox import prepare
from sandbox.schema import json_text
from tests.activating import MADE

MADE_MS = round(MADE.timestamp() * 1_000)
KEYS = {"klaviyo": "p{:010d}", "hubspot": "9{:010d}"}


def company(folder, count):
    """Prepare a small company with so many people more, each with a contact and a profile."""
    made = prepare(folder, households=60)
    at = MADE.isoformat()
    with closing(sqlite3.connect(made.crm_path)) as crm:
        (text,) = crm.execute(
            "select body from records where collection = 'klaviyo/profile' "
            "and body ->> '$.subscriptions.email.marketing.consent' = 'SUBSCRIBED' limit 1"
        ).fetchone()
        profile = json.loads(text) | {"created": at, "updated": at}
        hubspots = f"{MADE:%Y-%m-%dT%H:%M:%S}.000Z"
        contact = {"createdate": hubspots, "lastmodifieddate": hubspots}
        numbers = (
            "with recursive numbers (n) as (select 0 union all select n + 1 from numbers "
            f"where n < {count - 1})"
        )
        for collection, prefix, body in (
            ("klaviyo/profile", "p", profile),
            ("hubspot/contacts", "9", contact),
        ):
            crm.execute(
                f"{numbers} insert into records select ?, ? || printf('%010d', n), ?, 1 << 62, ?, "
                "?, null, json_set(?, '$.email', 'crowd' || n || '@example.com'), '{}' "
                "from numbers",
                [collection, prefix, MADE_MS, MADE_MS, MADE_MS, json_text(body)],
            )
        crm.commit()
    return made


def people(home, count):
    """Know all of them in a home, and return their names."""
    for number in range(count):
        home.person(f"c{number}", **{to: [key.format(number)] for to, key in KEYS.items()})
    return list(home.records)


class Landed:
    """A landing that knows what there was until the last night."""

    def __init__(self, *_):
        pass

    def start(self, _):
        return datetime(2018, 1, 2, tzinfo=UTC)
