"""A firm of many: its records at the look-alike, a release of them, and what activation asks.

What dbt would build is written by SQL, so that a night of 300,000 people takes seconds: here it is
sending that is measured.
"""

import json
import sqlite3
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb

from rapport.activation import run
from rapport.activation.run import Asked, activate
from rapport.gate import stamp_of
from rapport.release import publish_release
from rapport.settings import WAREHOUSE_FILE, Settings
from rapport.sources.pull import EVERYTHING
from sandbox import prepare
from sandbox.mailing import json_text

ROOT = Path(__file__).parents[2]
MADE = "2017-01-01T00:00:00"
MADE_MS = 1_483_228_800_000
SEGMENTS = {"klaviyo": "win_back_dormant", "hubspot": "complaint_recovery"}
CHANNELS = {"klaviyo": "email", "hubspot": "phone"}


def company(folder, count):
    """Prepare a small company with so many people more, each with a contact and a profile."""
    made = prepare(folder, households=60)
    with closing(sqlite3.connect(made.crm_path)) as crm:
        (text,) = crm.execute(
            "select body from records where collection = 'klaviyo/profile' "
            "and body ->> '$.subscriptions.email.marketing.consent' = 'SUBSCRIBED' limit 1"
        ).fetchone()
        profile = json.loads(text) | {"created": f"{MADE}+00:00", "updated": f"{MADE}+00:00"}
        contact = {"createdate": f"{MADE}.000Z", "lastmodifieddate": f"{MADE}.000Z"}
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


class Landed:
    """A landing that knows what there was until the last night."""

    def __init__(self, *_):
        pass

    def start(self, _):
        return datetime(2018, 1, 2, tzinfo=UTC)


class Firm:
    """An installation whose nights are numbers: who is on the segment is a range of people.

    Args:
        folder: for it.
        count: of people.
    """

    def __init__(self, folder, count):
        self.count = count
        self.settings = replace(
            Settings.from_env(),
            home=folder,
            project_dir=ROOT,
            company="own",
            policy_path=None,
            threads=2,
            memory_limit="2GB",
        )
        folder.mkdir(parents=True, exist_ok=True)
        free = "".join(
            f"  {name}: {{minimum_stay_days: 0, minimum_absence_days: 0}}\n"
            for name in SEGMENTS.values()
        )
        (folder / "policy.yml").write_text(f"segments:\n{free}")
        run.asked_again = self._asked_again
        run.Landed = Landed

    @contextmanager
    def _asked_again(self, settings, release, declared):
        path = settings.home / "asked" / WAREHOUSE_FILE
        if not path.exists():
            path.parent.mkdir()
            with duckdb.connect(str(path)) as file:
                file.execute(ASKED.format(count=self.count, made=MADE))
        yield path, release.knows_until

    def publish(self, night, destination, first, last):
        """Release a night on whose segment the people of a range are."""
        path = self.settings.warehouse_path
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        with duckdb.connect(str(path)) as file:
            file.execute(
                RELEASED.format(
                    night=night,
                    first=first,
                    last=last,
                    segment=SEGMENTS[destination],
                    channel=CHANNELS[destination],
                    destination=destination,
                )
            )
        gate = {"as_of": night.isoformat(), "evaluated": 1, "warnings": [], "stamp": stamp_of(path)}
        return publish_release(
            warehouse_path=path, releases_dir=self.settings.releases_dir, as_of=night, gate=gate
        )

    def activate(self, to):
        """Bring the release to a destination; that so many change is meant."""
        asked = Asked(confirmed={SEGMENTS[to.name]})
        return activate(self.settings, to, declared=EVERYTHING, asked=asked)


NIGHTS = (date(2018, 1, 2), date(2018, 1, 3))
PEOPLE = "range({first}, {last}) as _(n)"
RELEASED = f"""
create schema marts; create schema segments; create schema ops;
create table ops.build_state as select date '{{night}}' as as_of_date, 'abc' as fingerprint;
create table marts.dim_customers as select 'c' as customer_id;
create table segments.segment_members as
    select
        'c' || n as customer_id, '{{segment}}' as segment, 'Buys.' as reason, 'plain' as lane,
        'note' as treatment, '{{channel}}' as channel, null::varchar as owner_id, 1e0 as urgency,
        null::varchar as send_window, null::timestamp as allowed_from_at,
        null::timestamp as allowed_until_at, 'treatment' as arm
    from {PEOPLE};
create table segments.segment_suppressions as
    select
        '' as customer_id, '' as segment, '' as reason, '' as lane, '' as clause,
        '' as clause_reason
    where false;
create table segments.segments as
    select
        '{{segment}}' as segment, 'Somebody.' as description, 'CRM' as owner,
        '{{destination}}' as destination, true as takes_slot,
        if('{{destination}}' = 'hubspot', 'service', 'marketing') as message_class,
        '{{channel}}' as channel, 'note' as treatment, null::varchar as topic,
        null::bigint as most_per_owner, {{last}} - {{first}} as size;
"""
ASKED = """
create schema intermediate;
create table intermediate.int_identity__customers as
    select 'c' || n as customer_id, true as has_mailing_profile, true as has_crm_contact
    from range({count}) as _(n);
create table intermediate.int_identity__former_ids as
    select
        customer_id as former_customer_id, customer_id, null::date as valid_from,
        null::date as valid_to
    from intermediate.int_identity__customers;
create table intermediate.int_identity__contact_map as
    select 'klaviyo' as source, 'p' || printf('%010d', n) as source_record_id,
        'c' || n as customer_id from range({count}) as _(n)
    union all
    select 'hubspot', '9' || printf('%010d', n), 'c' || n from range({count}) as _(n);
create table intermediate.int_identity__contacts as
    select
        source, source_record_id, true as is_record, false as is_archived, false as is_removed,
        'x' as email, timestamp '{made}' as created_at
    from intermediate.int_identity__contact_map;
create table intermediate.int_segments__refusals as
    select
        customer_id, channel, null::varchar as clause, null::varchar as service_clause,
        []::varchar[] as refused_topics, false as is_paused
    from intermediate.int_identity__customers, (values ('email'), ('phone')) as _(channel);
"""
