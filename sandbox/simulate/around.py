"""What the real households' data lacks, simulated around what they really did.

Each household gets traits from its baskets and coupons: how often it comes, how much of what it
pays is discounted, how many campaigns it answered with a coupon, for how much of the year and in
how many categories it buys. What no basket shows (closeness, share of contacts through people) is
drawn. From there on the same modules work as in a simulated company. Orders, coupons and messages
stay the real ones: nothing here buys, redeems, sends or opts out.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import duckdb
import pyarrow as pa

from sandbox.simulate import (
    automations,
    business,
    engagements,
    engine,
    events,
    people,
    preferences,
    records,
    responses,
    service,
)
from sandbox.simulate.company import Database
from sandbox.simulate.parameters import BLOCK, DAY, END, Parameters

SEED = 2017
# Nothing happens in the last night, 2018-01-02: a night without news is one too.
QUIET_FROM = END - DAY
# A year of groceries: less is said and asked than in the simulated trade.
PARAMETERS = replace(
    Parameters(customers=1, days=367, seed=SEED),
    order_share=0.0,
    tickets=0.04,
    calls=0.10,
    declared_type=0.10,
    declared_wants=0.15,
)
METRICS = frozenset(
    {
        "Opened Email",
        "Clicked Email",
        "Answered Pulse",
        "Received Service Email",
        "Subscribed to Email Marketing",
        "Unsubscribed from Email Marketing",
        "Updated Email Preferences",
        "Dropped Email",
    }
)
# Contacts, profiles, staff and lists are those of `sandbox.crm`.
COLLECTIONS = frozenset(records.collections()) - {"hubspot/contacts", "klaviyo/profile"}
BEHAVIOUR = """
with baskets as (
    select
        household_id, basket_id, min(transaction_timestamp) as bought_at,
        max(coupon_disc) > 0 as has_coupon
    from transactions group by all
),
bought as (
    select
        household_id, count(distinct product_category) as categories,
        sum(retail_disc) / nullif(sum(sales_value + retail_disc), 0) as discount
    from transactions left join products using (product_id) group by household_id
),
came as (
    select
        household_id, count(*) as orders, avg(has_coupon::int) as coupon_share,
        count(distinct date_trunc('month', bought_at)) as months
    from baskets group by household_id
),
asked as (
    select household_id, count(*) as campaigns from campaigns group by household_id
),
answered as (
    select household_id, count(distinct campaign_id) as redeemed
    from coupon_redemptions group by household_id
)
select
    household_id as person, orders, coupon_share, months, categories,
    coalesce(discount, 0) as discount, coalesce(campaigns, 0) as campaigns,
    coalesce(redeemed, 0) as redeemed
from came
inner join bought using (household_id)
left join asked using (household_id)
left join answered using (household_id)
order by household_id
"""


@dataclass(frozen=True)
class Face:
    """A household as the CRM and the mailing tool know it."""

    person: int
    email: str
    language: str
    contact_id: str
    profile_id: str
    owner: int
    owner_id: str
    known_since: int
    in_crm_since: int
    in_mailing_since: int
    first_order: int
    agreed: bool
    unsubscribed_at: int | None


@dataclass(frozen=True)
class Mailing:
    """A campaign as its messages tell of it; `about` is the inside of a JSON object."""

    campaign: int
    campaign_id: str
    message_id: str
    about: str
    sent_at: int


class Around:
    """The simulated surroundings of the real households."""

    def __init__(
        self,
        data: duckdb.DuckDBPyConnection,
        faces: Iterable[Face],
        mailings: Iterable[Mailing],
        received: Iterable[tuple[int, int, int]],
    ) -> None:
        """Simulate.

        Args:
            data: the data set, see `sandbox.journey`.
            faces: the households.
            mailings: the campaigns.
            received: campaign, household, instant.
        """
        p = PARAMETERS
        self._db: Database = engine.connect(SEED)
        people.kinds_table(self._db, p)
        _register(self._db, "faces", [vars(face) for face in faces])
        _register(self._db, "mailings", [vars(mailing) for mailing in mailings])
        _register(
            self._db,
            "received",
            [dict(zip(("campaign", "person", "ms"), row, strict=True)) for row in received],
        )
        behaviour = data.execute(BEHAVIOUR).to_arrow_table()
        self._db.register("behaviour", behaviour)
        _people(self._db, p)
        preferences.answers(self._db, p)
        automations.catalogue(self._db, p)
        automations.sends(self._db, p)
        _receipts(self._db, data)
        _mail(self._db)
        for make in (
            responses.responses,
            service.tickets,
            engagements.engagements,
            engagements.surveys,
            business.companies,
            business.deals,
            _consents,
        ):
            make(self._db, p)

    def close(self) -> None:
        """Free the memory."""
        self._db.close()

    def records(self) -> Iterator[tuple[Any, ...]]:
        """Yield companies, deals, tickets, engagements, surveys and subscription definitions."""
        of_firm = records.company_wide()["hubspot/subscription_definitions"]
        yield from automations.records(PARAMETERS)
        queries = [of_firm, *(q for n, q in records.collections().items() if n in COLLECTIONS)]
        for query in queries:
            yield from self._db.execute(
                "select collection, id, valid_from, "
                f"if(valid_until >= {QUIET_FROM}, forever(), valid_until), created_at, "
                f"modified_at, archived_at, body, related from ({query}) "
                f"where valid_from < {QUIET_FROM} order by id, valid_from"
            ).fetchall()

    def events(self) -> list[tuple[Any, ...]]:
        """Return opens, clicks, answers and what was said about preferences."""
        return self._db.execute(
            "select id, uuid, ms, visible_from, metric_id, profile_id, body "
            f"from ({events.query(METRICS)}) where visible_from < {QUIET_FROM} order by ms, id"
        ).fetchall()

    def mail_events(self) -> list[tuple[Any, ...]]:
        """Return what became of the CRM's newsletter."""
        return self._db.execute(
            f"select * from ({automations.mail_events()}) where visible_from < {QUIET_FROM} "
            "order by ms, id"
        ).fetchall()

    def associations(self) -> list[tuple[Any, ...]]:
        """Return the ties of all those records."""
        return self._db.execute(f"select * from ({records.associations()}) order by all").fetchall()

    def subscriptions(self) -> list[tuple[Any, ...]]:
        """Return what addresses told the CRM about mail."""
        return self._db.execute(
            f"select * from ({records.subscriptions()}) where valid_from < {QUIET_FROM} "
            "order by all"
        ).fetchall()

    def said(self) -> dict[int, list[tuple[int, dict[str, str | None]]]]:
        """Return what each household told about itself: instants with a contact's properties."""
        rows = self._db.execute(
            f"""
            select person, said_at, json_object(
                'declared_relationship', declared_type, 'wants_relationship', declared_wants,
                'wanted_topics', wanted_topics, 'unwanted_topics', unwanted_topics,
                'allowed_channels', allowed_channels,
                'max_marketing_messages_30d', most_messages::varchar,
                'allowed_hours', allowed_hours, 'allowed_weekdays', allowed_weekdays,
                'declared_values', declared_values, 'interests', interests,
                'preferences_updated_at', hubspot_time(said_at))::varchar,
                if(changed_at < {QUIET_FROM}, changed_at, null), hubspot_time(changed_at),
                if(allowed_channels is null, null, 'email')
            from answers where said_at < {QUIET_FROM} order by person
            """
        ).fetchall()
        found: dict[int, list[tuple[int, dict[str, str | None]]]] = defaultdict(list)
        for person, said_at, properties, changed_at, stamp, channels in rows:
            found[person].append((said_at, json.loads(properties)))
            if changed_at:
                later = {"allowed_channels": channels, "preferences_updated_at": stamp}
                found[person].append((changed_at, later))
        return found


def _register(db: Database, name: str, rows: list[Mapping[str, Any]]) -> None:
    table = pa.Table.from_pylist([dict(row) for row in rows])
    db.register(f"{name}_rows", table)
    db.execute(f"create table {name} as select * from {name}_rows")
    db.unregister(f"{name}_rows")


def _people(db: Database, p: Parameters) -> None:
    """Make ``people`` and ``owners_of`` as the simulator's own modules would."""
    axes = ("closeness", "reciprocity", "human_share", "price_focus", "commitment")
    distance = " + ".join(f"(measured.{axis} - kinds.{axis}) ** 2" for axis in axes)
    db.execute(
        f"""
        create table people as
        with measured as (
            select faces.*, behaviour.* exclude (person),
                clip(months / 12.0 * (0.3 + categories / 120.0), 0.02, 0.95) as commitment,
                clip(0.05 + 2.5 * coupon_share + 1.2 * discount, 0.02, 0.95) as price_focus,
                clip(0.04 + 1.2 * redeemed / (campaigns + 1.0)
                    + 0.3 * u('answers', person) ** 2, 0.02, 0.90) as reciprocity,
                clip(0.03 + 0.55 * commitment * u('close', person)
                    + 0.35 * u('closer', person) ** 4, 0.02, 0.90) as closeness,
                clip(0.06 + 0.7 * u('human', person) ** 2, 0.02, 0.93) as human_share
            from faces inner join behaviour using (person)
        ),
        nearest as (
            select person, min_by(kinds.kind, {distance}) as kind
            from measured, kinds group by person
        ),
        matched as (
            select measured.*, kinds.kind, kinds.opt_out, kinds.tolerance,
                kinds.wants_relationship as wants, kinds.owner as owns
            from measured inner join nearest using (person)
            inner join kinds on kinds.kind = nearest.kind
        )
        select
            person, kind, first_order as born, closeness, reciprocity, human_share, price_focus,
            commitment, email, language, contact_id, profile_id, known_since, in_crm_since,
            in_mailing_since, unsubscribed_at, agreed,
            1.0 as responsiveness, tolerance as own_tolerance, opt_out,
            u('wants', person) < wants as wants_relationship,
            u('proxy', person) < {p.privacy_proxy} as has_proxy,
            agreed as takes_mail, false as takes_sms, null::varchar as phone,
            false as has_dead_mail, false as is_in_pool,
            u('owner', person) < owns as has_owner,
            -- a few business households: a canteen, a small hotel
            orders > 150 and u('business', person) < 0.15 as is_business,
            person // 60 as company,
            case when kind <> 'no_relationship' and u('bad case', person) < 0.5 * {p.bad_case}
                then whole_second(first_order + (0.1 + 0.8 * u('bad case at', person))
                    * (1514764800000 - first_order)) end as strained_from,
            case when u('recovers', person) < {p.recovers}
                then strained_from + {p.recovery} * 86400000 end::bigint as strained_until,
            list_filter(['recipes', 'offers', 'new_products', 'events', 'sustainability', 'health'],
                lambda topic, i: u2('topic', person, i) < 0.35) as topics,
            list_filter(['sustainability', 'local', 'fairness', 'health', 'craft'],
                lambda value, i: u2('value', person, i) < 0.1 + 0.2 * closeness) as beliefs
        from matched
        """
    )
    db.execute(
        """
        create table owners_of as
        select person, owner, owner_id, if(has_owner, owner_id, null) as named_owner_id
        from people inner join faces using (person)
        """
    )
    db.execute("create table owners as select distinct owner, owner_id from faces")


def _receipts(db: Database, data: duckdb.DuckDBPyConnection) -> None:
    """Make ``receipts``: one household in thirty has its receipts by mail."""
    bought = data.execute(
        "select household_id as person, basket_id, epoch_ms(min(transaction_timestamp)) as ms "
        "from transactions group by all"
    ).to_arrow_table()
    db.register("bought", bought)
    db.execute(
        """
        create table receipts as
        select person, row_number() over (partition by person order by ms, basket_id) as number,
            whole_second(ms + 60000) as ms
        from bought where u('by mail', person) < 0.03
        """
    )
    db.unregister("bought")


def _mail(db: Database) -> None:
    """Make ``campaigns`` and ``draws`` of the real ones: each message really came."""
    # Nobody leaves by a draw: who unsubscribed, and when, is a story of `sandbox.households`.
    db.execute("update people set takes_part = false, left_at = null")
    db.execute(
        """
        create table campaigns as
        select campaign, campaign_id, message_id, about, sent_at as ms, false as is_sms,
            'offers' as topic, 'price_offer' as content, null::varchar as value,
            false as has_holdout, false as is_overloading, false as is_confusing
        from mailings
        """
    )
    db.execute(
        f"""
        create table draws as
        select person, campaign, ms, false as is_sms, true as is_sent, false as has_holdout,
            false as is_in_pool, contacts - 1 as contacts_28d
        from (
            select *, count(*) over (
                partition by person order by ms range between {BLOCK} preceding and current row
            ) as contacts
            from (
                select person, campaign, ms from received
                union all
                select person, null, ms from other_contacts
            )
        )
        where campaign is not null
        """
    )
    # All shopping is done in stores here: there are no ways through the web.
    db.execute(
        "create table steps "
        "(person bigint, journey bigint, is_fruitful boolean, step int, stage varchar, ms bigint)"
    )


def _consents(db: Database, _: Parameters) -> None:
    """Make ``consents`` of what `sandbox.households` says."""
    db.execute(
        """
        create table consents as
        select person, if(agreed, in_mailing_since, null) as mail_since,
            null::bigint as sms_since, unsubscribed_at as said_left_at,
            unsubscribed_at as mail_left_at, null::bigint as sms_left_at,
            null::bigint as complained_at, null::bigint as died_at, null::bigint as mail_back_at,
            u('told crm', person) < 0.9 as is_crm_told
        from people
        """
    )
