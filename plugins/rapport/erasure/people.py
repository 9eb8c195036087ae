"""Who is to be erased: everything by which their records are known, read from the landing."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING

from rapport import landing
from rapport.errors import RequestError
from rapport.identity.phones import e164
from rapport.policy import policies_of
from rapport.settings import Settings
from rapport.sources.declared import Declared
from rapport.sources.erased import ABOUT_SOMEBODY
from rapport.sources.mapped.erased import record_of
from rapport.sources.streams import (
    ASSOCIATIONS,
    CONTACTS,
    CUSTOMERS,
    HUBSPOT,
    KLAVIYO,
    ORDERS,
    PROFILES,
    SHOP,
)
from rapport.tombstones import Hashing, Tombstone

if TYPE_CHECKING:
    import duckdb

PERSONS = {HUBSPOT: CONTACTS, KLAVIYO: PROFILES, SHOP: CUSTOMERS}


def persons_of(source: str) -> str:
    """Return what the records of persons in a source are called in tombstones."""
    return PERSONS[source].full_name if source in PERSONS else record_of(source)


# What dbt is to build for it.
MODELS = (
    "int_identity__former_ids",
    "int_identity__addresses",
    "int_identity__contact_map",
    "int_identity__versions",
)
THEIRS = "(source, source_record_id) in (select source, record_id from theirs)"


@dataclass
class People:
    """Those of one request, in clear; never written anywhere.

    Attributes:
        customers: ids that they have and had, each with the nights on which it was theirs.
        records: ids of their records by ``source.stream``.
        emails: addresses that they alone have.
        phones: telephone numbers in E.164, likewise.
        phone_regions: by which their numbers are read.
        number: how many they are.
    """

    customers: list[tuple[str, date | None, date | None]] = field(default_factory=list)
    records: dict[str, set[str]] = field(default_factory=dict)
    emails: set[str] = field(default_factory=set)
    phones: set[str] = field(default_factory=set)
    phone_regions: set[str] = field(default_factory=set)
    number: int = 0

    def at(self, source: str) -> list[str]:
        """Return the ids of their own records in a source."""
        return sorted(self.records.get(persons_of(source), ()))

    def buried(self, request: str, hashing: Hashing, erased_at: datetime) -> Tombstone:
        """Return the tombstone: the same, hashed."""
        return Tombstone(
            request=request,
            erased_at=erased_at,
            key=hashing.name,
            records={
                stream: sorted(hashing.record(stream, id_) for id_ in ids)
                for stream, ids in self.records.items()
                if ids
            },
            emails=_all(hashing.email(address) for address in self.emails),
            phones=_all(hashing.phone(number) for number in self.phones),
            phone_endings=_all(hashing.phone_ending(number) for number in self.phones),
            phone_regions=sorted(self.phone_regions),
            customers=[
                (hashing.customer(id_), since, until) for id_, since, until in self.customers
            ],
        )


def _all(hashes: Iterable[str | None]) -> list[str]:
    return sorted({hashed for hashed in hashes if hashed})


def find(settings: Settings, customer_ids: Collection[str], *, declared: Declared) -> People:
    """Find all that the landing has of some customers, as its last night knows people.

    Args:
        settings: where all is.
        customer_ids: theirs, or ids that they had in an earlier release.
        declared: what the firm has.

    Raises:
        RequestError: nothing has landed, nobody has one of the ids, or one stood for people who
            were told apart since.
        BuildError: who is who cannot be told.
        DamagedLanding: for want of a file, which the message names.
    """
    from rapport.build.run import built_aside  # loads what only a build needs

    night = landing.last_night(settings.landing_dir, {*PERSONS, *declared.sources})
    if night is None:
        raise RequestError(f"nothing has landed in {settings.landing_dir}: nobody is known")
    people = People(phone_regions=_regions(settings))
    with built_aside(settings, night, MODELS, declared=declared) as path:
        import duckdb

        with duckdb.connect(str(path), read_only=True) as known:
            _identify(known, customer_ids, people)
    for source, streams in ((SHOP, [ORDERS]), (HUBSPOT, [ASSOCIATIONS])):
        if not (settings.landing_dir / source / streams[0].name).is_dir():
            continue
        names = [stream.name for stream in streams]
        with landing.opened(settings.landing_dir, source, names, date.max) as landed:
            _what_goes_with_them(landed, source, people)
    return people


def _regions(settings: Settings) -> set[str]:
    found = policies_of(settings)["identity_phone_regions"].value
    return {str(region) for region in found.values()}


def _identify(
    known: "duckdb.DuckDBPyConnection", customer_ids: Collection[str], people: People
) -> None:
    wanted = sorted(set(customer_ids))
    known.execute("set schema = 'intermediate'")
    leads = known.execute(
        """
        select asked.id, list(distinct former.customer_id order by former.customer_id)
        from (select unnest(?::varchar[]) as id) as asked
        left join (
            select customer_id as former_customer_id, customer_id from int_identity__contact_map
            union
            select former_customer_id, customer_id from int_identity__former_ids
            -- whose an id is by now goes before whose it was
            where former_customer_id not in (select customer_id from int_identity__contact_map)
        ) as former on asked.id = former.former_customer_id
        group by asked.id
        """,
        [wanted],
    ).fetchall()
    unknown = sorted(id_ for id_, found in leads if not any(found))
    if unknown:
        raise RequestError(
            f"nobody has the id {', '.join(unknown)}: no record in the landing leads to it"
        )
    split = {id_: found for id_, found in leads if len(found) > 1}
    if split:
        told = "; ".join(f"{id_} was {' and '.join(found)}" for id_, found in split.items())
        raise RequestError(f"{told}, who were told apart since: say which")
    current = sorted({found[0] for _, found in leads})
    people.number = len(current)
    known.execute("create temp table people as select unnest(?::varchar[]) as id", [current])
    known.execute(
        "create temp table theirs as select source, source_record_id as record_id "
        "from int_identity__contact_map where customer_id in (select id from people)"
    )
    for source, id_ in known.execute("select source, record_id from theirs").fetchall():
        people.records.setdefault(persons_of(source), set()).add(str(id_))
    people.customers = known.execute(
        """
        select id, null::date, null::date from people
        union
        select former_customer_id, valid_from, valid_to
        from int_identity__former_ids
        where customer_id in (select id from people)
        """
    ).fetchall()
    held = known.execute(
        f"""
        select kind, address_key
        from int_identity__addresses
        group by kind, address_key
        having bool_and({THEIRS})
        """
    ).fetchall()
    people.emails = {address for kind, address in held if kind == "email"}
    people.phones = {number for kind, number in held if kind == "phone"}
    spelled = known.execute(
        f"""
        select distinct unnest(phones), phone_region
        from int_identity__versions
        where {THEIRS}
        """
    ).fetchall()
    people.phone_regions |= {region for _, region in spelled if region}
    others = {
        number
        for (number,) in known.execute(
            f"select address_key from int_identity__addresses where kind = 'phone' and not {THEIRS}"
        ).fetchall()
    }
    # A number that no country has given out is no tie, and theirs all the same.
    readings = {e164(raw, region) for raw, region in spelled}
    people.phones |= {number for number in readings if number} - others


def _what_goes_with_them(landed: "duckdb.DuckDBPyConnection", source: str, people: People) -> None:
    ids = people.at(source)
    if source == SHOP:
        orders = landed.execute(
            "select distinct order_id from orders "
            "where customer_id in (select unnest(?::varchar[]))",
            [ids],
        ).fetchall()
        people.records[ORDERS.full_name] = {str(id_) for (id_,) in orders if id_}
        return
    for kind, id_ in landed.execute(
        """
        with

        ties as (

            select
                lower(from_type) as kind,
                from_id as id,
                lower(to_type) as other,
                unnest(
                    json_extract_string(try_cast(targets as json), '$[*].toObjectId')
                ) as other_id
            from associations
            where starts_with(ltrim(targets), '[')

        ),

        both_ways as (

            select kind, id, other, other_id from ties
            union
            select other, other_id, kind, id from ties

        )

        select kind, id
        from both_ways
        where kind in (select unnest($kinds::varchar[])) and other in ('contacts', 'companies')
        group by kind, id
        having
            bool_or(other = 'contacts' and other_id in (select unnest($ids::varchar[])))
            and bool_and(other = 'contacts' and other_id in (select unnest($ids::varchar[])))
        """,
        {"kinds": list(ABOUT_SOMEBODY), "ids": ids},
    ).fetchall():
        people.records.setdefault(f"{HUBSPOT}.{kind}", set()).add(str(id_))


def read_request(content: bytes) -> Sequence[str]:
    """Return the customers' ids that a request file names: one a line, ``#`` begins a remark.

    Raises:
        UnicodeDecodeError: it is no UTF-8 text; the mark that some editors begin it with may be.
    """
    lines = content.decode("utf-8-sig").splitlines()
    named = (line.partition("#")[0].strip() for line in lines)
    return list(dict.fromkeys(id_ for id_ in named if id_))
