"""Write a simulated company straight into the landing, as pulls of it would have left it there.

For companies too large for the APIs: every stream as `rapport.sources.streams` declares it, all
text, zstd parquet, one load per source and night, listed in ``_dlt_loads``. The people come in
chunks, each a file of its own, so memory and spilled data stay small whatever the size. Unlike a
pull, events carry no uuid and no relationships (nobody reads them, and they would be half of the
bytes), statuses that nobody ever gave are left out, and a night holds no overlap with the one
before.
"""

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa

from rapport.landing import declare
from rapport.settings import cutoff_of
from rapport.sources.streams import (
    HUBSPOT,
    KLAVIYO,
    REMOVALS,
    SHOP,
    SOURCE_TOTALS,
    STREAMS,
    Stream,
)
from sandbox import leads
from sandbox.clock import FOREVER
from sandbox.metrics import metric_record
from sandbox.schema import (
    OBJECT_TYPES,
    PROFILES,
    Association,
    Event,
    ListMember,
    Record,
    Redirect,
    Subscription,
)
from sandbox.simulate import automations, events, records, to_apis
from sandbox.simulate.company import Database, chunks, company
from sandbox.simulate.parameters import DAY, END, Parameters

BY_NAME = {stream.full_name: stream for stream in STREAMS}
# Streams of the firm; all others are of people, and come with each chunk.
OF_THE_FIRM = (
    "hubspot.owners",
    "hubspot.subscription_definitions",
    "klaviyo.metrics",
    "klaviyo.lists",
    "klaviyo.campaigns",
    "klaviyo.campaign_messages",
    "klaviyo.flows",
    "klaviyo.flow_actions",
    "klaviyo.flow_messages",
    "hubspot.marketing_emails",
    "shop.products",
    "shop.coupons",
)
LEADS = "leads"  # names their files
HISTORIES = {"deals": "dealstage", "tickets": "hs_pipeline_stage"}


@dataclass(frozen=True)
class Night:
    """One load of each source.

    Attributes:
        as_of: the night's date.
        since: what changed from this instant on is in it, in epoch milliseconds.
        until: and before this one.
    """

    as_of: date
    since: int
    until: int

    @property
    def load_id(self) -> str:
        """An id as dlt makes it: seconds since 1970, here of the end of the night."""
        return f"{self.until // 1000 + 7200}.25"


def nights(p: Parameters, last_nights: int) -> list[Night]:
    """Return one night with everything, and the last ones each for itself."""
    last_day = datetime.fromtimestamp(END / 1000, UTC).date() - timedelta(days=1)
    found = [Night(last_day - timedelta(days=last_nights), 0, END - last_nights * DAY)]
    for back in range(last_nights - 1, -1, -1):
        end = END - back * DAY
        found.append(Night(last_day - timedelta(days=back), end - DAY, end))
    return found


def land(
    home: Path,
    p: Parameters,
    *,
    last_nights: int = 0,
    threads: int | None = None,
    memory: str = "4GB",
) -> dict[str, int]:
    """Simulate a company into ``home/landing``, and its truth into ``home/sandbox/truth.duckdb``.

    Args:
        home: Rapport's home; its landing must be empty.
        p: what to simulate.
        last_nights: so many nights come as loads of their own; the rest is one load before.
        threads: of DuckDB.
        memory: DuckDB's limit.

    Returns:
        Rows per stream, and the bytes that they take.

    Raises:
        ValueError: the landing holds something already.
    """
    landing, truth_path = home / "landing", home / "sandbox" / "truth.duckdb"
    if landing.exists() and any(landing.iterdir()):
        raise ValueError(f"{landing} is not empty")
    truth_path.parent.mkdir(parents=True, exist_ok=True)
    truth_path.unlink(missing_ok=True)
    spill = home / "sandbox" / ".spill"
    for stream in STREAMS:
        declare(landing, stream.source, stream.name, stream.declared)
    parts = nights(p, last_nights)
    with company(p, threads=threads, memory=memory, spill=str(spill)) as db:
        db.execute(f"attach '{truth_path}' as truth")
        _automations(db, p)
        _copy(db, landing, parts, "firm", {name: _firm()[name] for name in OF_THE_FIRM})
        for number in chunks(db, p):
            _copy(db, landing, parts, f"{number:04d}", _people() | _shop())
            to_apis.keep_truth(db, p, number)
        if p.customers >= leads.LEAST:
            _copy(db, landing, parts, LEADS, _leads(db))
        to_apis.keep_company_truth(db, p)
        db.execute("detach truth")
        _totals(db, landing, parts)
        counts = _counts(db, landing)
    for source in (HUBSPOT, KLAVIYO, SHOP):
        _list_loads(landing, source, parts)
    shutil.rmtree(spill, ignore_errors=True)
    return counts


def _automations(db: Database, p: Parameters) -> None:
    """Make ``automated``: the flows and newsletters of the firm."""
    rows = list(automations.records(p))
    db.register("rows", pa.table(list(zip(*rows, strict=True)), names=list(Record._fields)))
    db.execute("create table automated as select * from rows")
    db.unregister("rows")


def _automated(collection: str, more: Mapping[str, str]) -> "Landed":
    """Return resources of the mailing tool's flows, of which every load has all."""
    resources = _resources(f"select * from automated where collection = '{collection}'")
    return Landed({**resources.columns, **more}, resources.source, is_whole=True)


Columns = Mapping[str, str]


@dataclass(frozen=True)
class Landed:
    """How a stream is made of the tables.

    Attributes:
        columns: SQL per column; those that are missing are null.
        source: where from; ``{since}``, ``{until}`` and ``{as_of}`` are filled in.
        is_whole: whether each load has all of it, and not only what changed.
        pulled_by: what a pull asks for in order: the stream's time of change.
    """

    columns: Columns
    source: str
    is_whole: bool = False
    pulled_by: str | None = None


_CHANGED = "valid_from < {until} and valid_until >= {until} and valid_from >= {since}"


def _versions(query: str) -> str:
    """Return SQL of the versions that a night sees first; the braces of its times stay."""
    return f"({_kept(query)}) as versions where {_CHANGED}"


def _kept(query: str) -> str:
    """Keep the braces of a query through `str.format`."""
    return query.replace("{", "{{").replace("}", "}}")


def _firm() -> dict[str, Landed]:
    of = records.company_wide()
    campaigns = f"""(
        select versions.*, campaigns.*
        from ({_kept(of["klaviyo/campaign"])}) as versions
        inner join (
            select campaign_id, message_id, is_sms, to_json(list_filter([
                'topic:' || topic, 'content:' || content, 'value:' || value,
                if(has_holdout, 'arm:holdout', null)
            ], lambda x: x is not null))::varchar as tags
            from campaigns
        ) as campaigns on campaigns.campaign_id = versions.id
    ) where {_CHANGED}"""
    return {
        "hubspot.owners": Landed(
            {
                "id": "id",
                "created_at": "hubspot_time(created_at)",
                "updated_at": "hubspot_time(modified_at)",
                "archived": "'false'",
                "email": "body ->> '$.email'",
                "first_name": "body ->> '$.firstName'",
                "last_name": "body ->> '$.lastName'",
                "user_id": "body ->> '$.userId'",
                "teams": "body ->> '$.teams'",
            },
            f"({_kept(of['hubspot/owners'])})",
            is_whole=True,
        ),
        "hubspot.subscription_definitions": _definitions(of["hubspot/subscription_definitions"]),
        "klaviyo.metrics": _resources(of["klaviyo/metric"]),
        "klaviyo.lists": _resources(of["klaviyo/list"]),
        "klaviyo.campaigns": Landed(
            {
                "id": "id",
                "attributes": "body",
                "created_at": "klaviyo_time(created_at)",
                "updated_at": "klaviyo_time(modified_at)",
                "channel": "if(is_sms, 'sms', 'email')",
                "tags": "tags",
                "relationships": """'{{"campaign-messages":{{"data":[{{"type":"campaign-message",'
                    || '"id":"' || message_id || '"}}]}}}}'""",
            },
            campaigns,
        ),
        "klaviyo.campaign_messages": Landed(
            {
                "id": "id",
                "attributes": "body",
                "created_at": "klaviyo_time(created_at)",
                "updated_at": "klaviyo_time(modified_at)",
                "campaign_id": "related::json ->> '$.campaign[1]'",
            },
            _versions(of["klaviyo/campaign-message"]),
        ),
        "klaviyo.flows": _automated(
            "klaviyo/flow",
            {
                "tags": "case when len(related::json ->> '$.tags[1][*]') > 0 "
                f"then '[\"{automations.SERVICE_TAG}\"]' else '[]' end"
            },
        ),
        "klaviyo.flow_actions": _automated(
            "klaviyo/flow-action", {"flow_id": "related::json ->> '$.flow[1]'"}
        ),
        "klaviyo.flow_messages": _automated(
            "klaviyo/flow-message", {"action_id": "related::json ->> '$.flow-action[1]'"}
        ),
        "hubspot.marketing_emails": Landed(
            {
                "id": "id",
                "created_at": "hubspot_time(created_at)",
                "updated_at": "hubspot_time(modified_at)",
                "archived": "'false'",
                "attributes": "json_merge_patch(body, json_object('publishDate', "
                "hubspot_time((body ->> '$.at')::bigint), 'subject', null, 'at', null))",
            },
            "automated where collection = 'hubspot/marketing_emails' "
            "and created_at < {until} and created_at >= {since}",
        ),
        "shop.products": Landed(
            {
                "product_id": "product_id::varchar",
                "manufacturer_id": "manufacturer_id::varchar",
                "department": "department",
                "brand": "brand",
                "product_category": "product_category",
                "product_type": "product_type",
                "package_size": "package_size",
                "updated_at": "shop_time(updated_at)",
            },
            "products where updated_at < {until} and updated_at >= {since}",
        ),
        "shop.coupons": Landed(
            {
                "coupon_upc": "coupon_upc::varchar",
                "product_id": "product_id::varchar",
                "campaign_id": "campaign_id",
                "offer_type": "'price offer'",
                "valid_from": "shop_time(ms)",
                "valid_until": "shop_time(valid_until)",
                "updated_at": "shop_time(created_at)",
            },
            "coupons where created_at < {until} and created_at >= {since}",
        ),
    }


def _people() -> dict[str, Landed]:
    """Return the vendors' streams of the people that stand in the database."""
    found = {
        f"hubspot.{kind}": _hubspot_object(kind, records.collections()[f"hubspot/{kind}"])
        for kind in OBJECT_TYPES
    }
    return found | {
        "hubspot.associations": _ties(records.associations()),
        "hubspot.subscription_statuses": _statuses(records.subscriptions()),
        "hubspot.removals": _removals({"contacts": records.contacts()}, records.redirects()),
        "klaviyo.profiles": _profiles(records.profiles()),
        "klaviyo.list_members": _members(records.list_members()),
        "klaviyo.events": _events(events.query(), ""),
        "hubspot.email_events": Landed(
            {
                "id": "id",
                "created_at": "hubspot_time(ms)",
                "type": "type",
                "recipient": "recipient",
                "app_id": "'113'",
                "email_campaign_id": "sending_id",
                "attributes": "body",
            },
            f"({_kept(automations.mail_events())}) as happened "
            "where visible_from < {until} and visible_from >= {since}",
            pulled_by="ms",
        ),
    }


# of the tables that stand under the shop's views
SHOP_COLUMNS = {
    "customers": ("customer_id", "email", "created_at", "updated_at", "replaced_at"),
    "orders": (
        *("order_id", "customer_id", "store_id", "currency_code", "ordered_at", "updated_at"),
        *("status", "returned_order_id"),
    ),
    "order_lines": (
        *("order_id", "product_id", "quantity", "sales_amount", "retail_discount_amount"),
        *("coupon_discount_amount", "coupon_match_discount_amount", "updated_at"),
        *("quantity_unit", "line"),
    ),
}


def _leads(db: Database) -> dict[str, Landed]:
    """Return the vendors' streams of the leads, whose tables it makes."""
    told = leads.book()
    merges: dict[str, list[tuple[int, str]]] = {
        redirect.id: [(redirect.valid_from, redirect.successor_id)]
        for redirect in told.redirects
        if redirect.collection == PROFILES
    }
    for passed_on in merges.values():  # an event goes from one profile to the next
        while more := merges.get(passed_on[-1][1]):
            passed_on += more
    owned = [
        (
            *event._replace(profile_id=profile_id, visible_from=max(since, event.visible_from)),
            until,
        )
        for event in told.events
        for (since, profile_id), (until, _) in pairwise(
            [(0, event.profile_id), *merges.get(event.profile_id, ()), (FOREVER, "")]
        )
    ]
    metrics = sorted(told.metrics - set(events.METRICS))
    of_firm = [*leads.definitions(), *map(metric_record, metrics)]
    tables: list[tuple[str, Sequence[Any], Iterable[str]]] = [
        ("records", [*told.records, *of_firm], Record._fields),
        ("events", owned, ("id", "uuid", "ms", *Event._fields[3:], "owned_until")),
        ("redirects", told.redirects, Redirect._fields),
        ("associations", told.associations, Association._fields),
        ("subscriptions", told.subscriptions, Subscription._fields),
        ("list_members", told.members, ListMember._fields),
        *[(table, told.shop[table], names) for table, names in SHOP_COLUMNS.items()],
    ]
    for name, rows, columns in tables:
        table = pa.table(list(zip(*rows, strict=True)), names=list(columns))
        db.register("rows", table)
        db.execute(f"create table lead_{name} as select * from rows")
        db.unregister("rows")

    def of(collection: str) -> str:
        return f"select * from lead_records where collection = '{collection}'"

    kinds = [kind for kind in OBJECT_TYPES if db.sql(of(f"hubspot/{kind}")).fetchone()]
    merged = {kind: of(f"hubspot/{kind}") for kind in ("contacts", "companies", "deals")}
    redirects = "select * from lead_redirects"
    return {
        **{f"hubspot.{kind}": _hubspot_object(kind, of(f"hubspot/{kind}")) for kind in kinds},
        "hubspot.subscription_definitions": _definitions(of("hubspot/subscription_definitions")),
        "hubspot.associations": _ties("select * from lead_associations"),
        "hubspot.subscription_statuses": _statuses("select * from lead_subscriptions"),
        "hubspot.removals": _removals(merged, redirects),
        "klaviyo.metrics": _resources(of("klaviyo/metric")),
        "klaviyo.lists": _resources(of("klaviyo/list")),
        "klaviyo.list_members": _members("select * from lead_list_members"),
        "klaviyo.profiles": _profiles(of(PROFILES)),
        "klaviyo.removals": _removals({"profiles": of(PROFILES)}, redirects),
        "klaviyo.events": _events("select * from lead_events", "and owned_until >= {until}"),
        **{
            f"shop.{table}": Landed(
                {name: name for name in names if name in BY_NAME[f"shop.{table}"].declared},
                f"lead_{table} where updated_at < shop_time({{until}}) "
                f"and updated_at >= shop_time({{since}})",
                pulled_by="updated_at",
            )
            for table, names in SHOP_COLUMNS.items()
        },
    }


def _definitions(query: str) -> Landed:
    columns = {
        "id": "id",
        "created_at": "hubspot_time(created_at)",
        "updated_at": "hubspot_time(modified_at)",
        "attributes": "body",
    }
    return Landed(columns, f"({_kept(query)})", is_whole=True)


def _resources(query: str) -> Landed:
    """Return resources of Klaviyo of which every load has all."""
    columns = {
        "id": "id",
        "attributes": "body",
        "created": "klaviyo_time(created_at)",
        "updated": "klaviyo_time(modified_at)",
    }
    return Landed(columns, f"({_kept(query)})", is_whole=True)


def _ties(query: str) -> Landed:
    targets = """'[{{"toObjectId":' || to_id || ',"associationTypes":[{{'
        || '"category":"HUBSPOT_DEFINED","typeId":' || type_id || ',"label":null}}]}}]'"""
    columns = {
        "from_type": "from_type",
        "from_id": "from_id",
        "to_type": "to_type",
        "targets": targets,
        "read_on": "'{as_of}'",
    }
    return Landed(columns, f"({_kept(query)}) as ties where {_CHANGED}")


def _statuses(query: str) -> Landed:
    columns = {
        "subscriber": "email",
        "channel": "channel",
        "subscription_id": "subscription_id",
        "status": "status",
        "set_at": "hubspot_time(set_at)",
        "attributes": "body",
        "read_on": "'{as_of}'",
    }
    return Landed(columns, f"({_kept(query)}) as statuses where {_CHANGED}")


def _removals(kinds: Mapping[str, str], redirects: str) -> Landed:
    """Return what is gone, where it was there in an earlier load; a query of versions per type."""
    ended = " union all ".join(
        f"select '{kind}' as object_type, id, max(valid_until) as gone_at "
        f"from ({_kept(query)}) group by id"
        for kind, query in kinds.items()
    )
    columns = {
        "object_type": "object_type",
        "id": "id",
        "noticed_on": "'{as_of}'",
        "successor_id": "successor_id",
    }
    return Landed(
        columns,
        f"""({ended}) as ended
        left join (select id, successor_id from ({_kept(redirects)})) using (id)
        where {{since}} > 0 and gone_at < {{until}} and gone_at >= {{since}}""",
    )


def _profiles(query: str) -> Landed:
    columns = {
        "id": "id",
        "created": "klaviyo_time(created_at)",
        "updated": "klaviyo_time(modified_at)",
        "attributes": "body",
    }
    return Landed(columns, _versions(query))


def _members(query: str) -> Landed:
    columns = {
        "list_id": "list_id",
        "profile_id": "profile_id",
        "joined_group_at": "klaviyo_time(joined_at)",
    }
    source = (
        f"({_kept(query)}) as members where valid_from < {{until}} and valid_until >= {{until}}"
    )
    return Landed(columns, source, is_whole=True)


def _events(query: str, more: str) -> Landed:
    columns = {
        "id": "id",
        "datetime": "klaviyo_time(ms)",
        "metric_id": "metric_id",
        "profile_id": "profile_id",
        "attributes": """'{{"timestamp":' || ms // 1000 || ',"event_properties":' || body
            || ',"datetime":"' || klaviyo_time(ms) || '"}}'""",
    }
    source = f"({_kept(query)}) as happened where visible_from < {{until}} "
    return Landed(columns, f"{source} and visible_from >= {{since}} {more}", pulled_by="ms")


def _shop() -> dict[str, Landed]:
    """Return the shop's streams of the people that stand in the database."""
    found = {}
    instant = "shop_time(ms)"
    recent = "where ms < {until} and ms >= {since}"
    found["shop.customers"] = Landed(
        {
            "customer_id": "customer_id::varchar",
            "email": "email",
            "created_at": "shop_time(known_since)",
            "updated_at": "shop_time(valid_from)",
        },
        f"""(
            select customer_id, email, known_since, known_since as valid_from,
                coalesce(if(moved_mail_at < {END}, moved_mail_at, null), forever()) as valid_until
            from people
            union all
            select customer_id, second_email, known_since, moved_mail_at, forever()
            from people where moved_mail_at < {END}
        ) where {_CHANGED}""",
    )
    found["shop.orders"] = Landed(
        {
            "order_id": "order_id::varchar",
            "customer_id": "customer_id::varchar",
            "store_id": "store_id::varchar",
            "currency_code": "'USD'",
            "ordered_at": instant,
            "updated_at": instant,
        },
        f"orders {recent}",
        pulled_by="ms",
    )
    amounts = ("sales", "retail_discount", "coupon_discount", "coupon_match_discount")
    found["shop.order_lines"] = Landed(
        {
            "order_id": "order_id::varchar",
            "product_id": "product_id::varchar",
            "quantity": "quantity::varchar",
            **{f"{name}_amount": f"{name}_amount::varchar" for name in amounts},
            "updated_at": instant,
        },
        f"order_lines {recent}",
        pulled_by="ms",
    )
    return found


def _hubspot_object(kind: str, query: str) -> Landed:
    columns = {
        "id": "id",
        "created_at": "hubspot_time(created_at)",
        "updated_at": "hubspot_time(modified_at)",
        "archived": "(archived_at is not null)::varchar",
        "archived_at": "hubspot_time(archived_at)",
        "properties": "body",
    }
    if kind not in HISTORIES:
        return Landed(columns, _versions(query), pulled_by="modified_at")
    name = HISTORIES[kind]
    # The stages so far, newest first, read off the versions.
    source = f"""(
        select *, list({{{{'value': body ->> '$.{name}', 'timestamp': hubspot_time(modified_at),
            'sourceType': 'CRM_UI'}}}}) over (
                partition by id order by valid_from rows unbounded preceding
            ) as past
        from ({_kept(query)})
    ) as versions where {_CHANGED}"""
    history = f"json_object('{name}', to_json(list_reverse(past)))::varchar"
    return Landed(columns | {"properties_with_history": history}, source, pulled_by="modified_at")


def _copy(
    db: Database, landing: Path, parts: list[Night], file: str, streams: Mapping[str, Landed]
) -> None:
    """Write one file per stream and night."""
    for night in parts:
        for name, landed in streams.items():
            stream = BY_NAME[name]
            folder = landing / stream.source / stream.name / f"load_date={night.as_of}"
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{night.load_id}.{file}.parquet"
            db.execute(
                f"copy ({_select(stream, landed, night)}) to '{path}' "
                "(format parquet, compression zstd)"
            )


def _select(stream: Stream, landed: Landed, night: Night) -> str:
    unknown = landed.columns.keys() - set(stream.declared)
    if unknown:
        raise ValueError(f"{stream.full_name} has no {sorted(unknown)}")
    fields = ", ".join(
        f'({landed.columns[column]})::varchar as "{column}"'
        if column in landed.columns
        else f'null::varchar as "{column}"'
        for column in stream.declared
    )
    query = f"select {fields}, '{night.load_id}' as _dlt_load_id from {landed.source}"
    query += f" order by {landed.pulled_by}" if landed.pulled_by else ""
    return query.format(since=night.since, until=night.until, as_of=night.as_of)


# Streams whose records come again with each version; of all others a row is a record.
_VERSIONED = ("contacts", "deals", "tickets", "profiles", "customers")


def _totals(db: Database, landing: Path, parts: list[Night]) -> None:
    """Land what each source would say it has: as much as is landed."""
    night = parts[-1]
    for source, stream in SOURCE_TOTALS.items():
        rows = [
            f"('{each.name}', '{count}', '{count}', '{night.as_of}', 'listing', "
            f"null::varchar, '{cutoff_of(night.as_of).isoformat()}', null::varchar)"
            for each in STREAMS
            if each.source == source and each.cursor
            for count in [_live(db, landing, each)]
        ]
        folder = landing / source / stream.name / f"load_date={night.as_of}"
        folder.mkdir(parents=True, exist_ok=True)
        db.execute(
            f"copy (select *, '{night.load_id}' as _dlt_load_id from "
            f"(values {', '.join(rows)}) as totals({', '.join(stream.columns)})) "
            f"to '{folder / f'{night.load_id}.0.parquet'}' (format parquet, compression zstd)"
        )


def _live(db: Database, landing: Path, stream: Stream) -> int:
    """Count the records of a stream that the source still has."""
    landed = f"read_parquet('{landing / stream.source / stream.name}/*/*.parquet')"
    if stream.name in _VERSIONED:
        (key,) = stream.key
        landed = f"(select * from {landed} qualify max(_dlt_load_id) over (partition by {key}) "
        landed += "= _dlt_load_id)"
    conditions = ["true"]
    if stream.name == "contacts":
        conditions.append("archived <> 'true'")
    removals = landing / stream.source / REMOVALS[stream.source].name
    if stream.key == ("id",) and any(removals.glob("*/*.parquet")):
        conditions.append(
            f"id not in (select id from read_parquet('{removals}/*/*.parquet') "
            f"where object_type = '{stream.name}')"
        )
    counted = db.execute(
        f"select count(*) from {landed} as landed where {' and '.join(conditions)}"
    ).fetchone()
    return (int(counted[0]) if counted else 0) - _again(db, landing, stream)


def _again(db: Database, landing: Path, stream: Stream) -> int:
    """Count the events that landed once more, because they went to another profile."""
    files = list((landing / stream.source / stream.name).glob(f"*/*.{LEADS}.parquet"))
    if stream.name != "events" or not files:
        return 0
    counted = db.execute(
        "select count(*) - count(distinct id) from read_parquet(?)", [list(map(str, files))]
    ).fetchone()
    return int(counted[0]) if counted else 0


def _list_loads(landing: Path, source: str, parts: list[Night]) -> None:
    """Say that the loads are complete, as dlt does: last, when every file stands."""
    folder = landing / source / "_dlt_loads"
    folder.mkdir(parents=True, exist_ok=True)
    for night in parts:
        line = {
            "load_id": night.load_id,
            "schema_name": source,
            "status": 0,
            "inserted_at": datetime.fromtimestamp(night.until / 1000, UTC).isoformat(),
        }
        (folder / f"{source}__{night.load_id}.jsonl").write_text(json.dumps(line) + "\n")


def _counts(db: Database, landing: Path) -> dict[str, int]:
    found = {}
    for stream in STREAMS:
        pattern = landing / stream.source / stream.name / "*" / "*.parquet"
        result = db.execute(
            "select sum(num_rows) from parquet_file_metadata(?)", [str(pattern)]
        ).fetchone()
        found[stream.full_name] = int(result[0]) if result and result[0] else 0
    return found | {"bytes": sum(path.stat().st_size for path in _files(landing))}


def _files(landing: Path) -> Iterator[Path]:
    yield from landing.glob("*/*/*/*.parquet")
