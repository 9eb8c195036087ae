"""What is true, for tests and benchmarks only: no source shows it and no model may read it."""

import duckdb

from sandbox import leads
from sandbox.simulate.journeys import matrix
from sandbox.simulate.parameters import BLOCK, DEAL_STAGES, END, STRAINED, Parameters
from sandbox.simulate.responses import opt_out_chance, response_chance

MOST_CONTACTS = 12
# The axis `frequency`: contacts of theirs in 28 days at which it stands at one half.
HALF_FREQUENCY = 4.0
SAMPLE = 20_000  # people of the pool, whose chances make the curves

PER_PERSON = {
    "truth_customers": f"""
        select
            'P' || lpad(people.person::varchar, 8, '0') as person_id,
            customer_id::varchar as shop_customer_id,
            if(strained_from < {END} and coalesce(strained_until, {END}) >= {END},
                '{STRAINED}', kind) as relationship_type,
            kind as base_type,
            wants_relationship and not (relationship_type = '{STRAINED}') as wants_relationship,
            closeness as wanted_closeness,
            contacts / (contacts + {HALF_FREQUENCY}) as wanted_frequency,
            reciprocity as wanted_reciprocity, human_share as wanted_human_share,
            price_focus as wanted_price_focus, commitment as wanted_commitment,
            responsiveness, own_tolerance as optimum_contacts_28d,
            if(said_at < {END}, declared_type, null) as declared_type,
            if(said_at < {END}, declared_wants, null) as declared_wants,
            beliefs as "values", topics as needs, named_owner_id as owner_id,
            rate * {BLOCK} as bg_lambda, drop_chance as bg_p,
            -- alive: the last order the process gave was not the one they left after
            repeats_left as is_alive_at_end,
            spend_rate, SPEND_SHAPE / spend_rate / 100.0 as spend_mean,
            time_zone, is_in_pool and takes_mail as in_experiment,
            moment(born) as first_order_at, moment(strained_from) as strained_from,
            moment(strained_until) as strained_until
        from people
        inner join owners_of using (person)
        left join answers using (person)
        inner join (
            select
                person,
                -- what they do in 28 days while they live: orders and the way to those on the web
                rate * {BLOCK} * (1 + 3.3 * (1 - human_share))
                    + 0.32 * rate_of(least(closeness, 0.86)) + 0.18 * rate_of(
                        least(human_share, 0.93)) * (0.3 + closeness) as contacts,
                1 + floor(ln(u('leaves', person)) / ln(1 - drop_chance))
                    > (select count(*) from tries
                        where tries.person = people.person and k > 0)
                    as repeats_left
            from people
        ) using (person)
    """,
    "truth_contact_records": """
        select 'P' || lpad(person::varchar, 8, '0') as person_id, source, record_id, is_duplicate,
            dirt
        from (
            select person, 'shop' as source, customer_id::varchar as record_id,
                false as is_duplicate, null as dirt from people
            union all
            select person, 'hubspot', contact_id, false,
                nullif(concat_ws(',', if(has_number_in_crm, null, 'number missing'),
                    if(email like 'info@%', 'role address', null),
                    if(is_shared, 'shared phone', null)), '')
            from people
            union all
            select person, 'hubspot', contact_id, true,
                concat_ws(',', fate, ['upper case', 'accents', 'swapped names', 'typo', 'initial']
                    [1 + spelling], if(email is null, 'no e-mail', null),
                    if(has_number, null, 'number missing'))
            from duplicates
            union all
            select person, 'klaviyo', profile_id, false,
                if(has_number_in_mailing, null, 'number missing') from people
            union all
            select person, 'klaviyo', left(profile_id, 25) || '1', true, 'second address'
            from people where has_second_profile
        )
    """,
    # Who may write to them, by their own word to the mailing tool; no row where they gave none.
    "truth_permissions": f"""
        select 'P' || lpad(person::varchar, 8, '0') as person_id, channel,
            left_at is null and not has_complained as is_allowed,
            case when has_complained then 'complained' when left_at is not null
                then 'unsubscribed' else 'subscribed' end as reason
        from (
            select person, 'email' as channel, mail_since as since,
                if((mail_back_at >= mail_left_at) is true, null, mail_left_at) as left_at,
                complained_at is not null as has_complained
            from consents
            union all
            select person, 'sms', sms_since, sms_left_at, false from consents
        )
        where since < {END} or left_at is not null
    """,
    "truth_type_months": f"""
        with months as (
            select last_day(month)::date as month_end,
                epoch_ms(last_day(month) + interval 1 day) as ends
            from range(
                date_trunc('month', moment((select min(born) from people))),
                moment({END}), interval 1 month
            ) as months(month)
        )
        select 'P' || lpad(person::varchar, 8, '0') as person_id, month_end,
            if((strained_from < ends and coalesce(strained_until, ends) >= ends) is true,
                '{STRAINED}', kind) as relationship_type
        from people inner join months on born < ends and ends <= {END}
    """,
    # Orders beyond BG/NBD: without the campaign they would not be there.
    "truth_caused_orders": """
        select order_id::varchar as order_id, 'P' || lpad(person::varchar, 8, '0') as person_id,
            (select any_value(campaign_id) from campaigns
                where campaigns.campaign = orders.campaign) as campaign_id
        from orders where campaign is not null
    """,
}


def of_people(p: Parameters) -> dict[str, str]:
    """Return a query per truth table that grows with the people."""
    return {
        name: query.replace("SPEND_SHAPE", str(p.spend_shape)) for name, query in PER_PERSON.items()
    }


def curves(db: duckdb.DuckDBPyConnection, p: Parameters) -> None:
    """Make the truth that belongs to the company: curves, optima, campaigns, staff, parameters.

    The curves are means of the very chances that the responses were drawn with, over people of the
    pool (each as often as the days they were there) and all campaigns.
    """
    response = response_chance(p, "contacts", "is_strained")
    opt_out = opt_out_chance(p, "contacts", "is_strained")
    db.execute(
        f"""
        create table truth_response_curves as
        with sampled as (
            select people.*, {END} - in_mailing_since as weight
            from people where is_in_pool and takes_mail and person <= {SAMPLE}
        ),
        states as (
            select sampled.*, states.is_strained
            from sampled, (values (false), (true)) as states(is_strained)
            where not states.is_strained or strained_from is not null
        ),
        chances as (
            select
                if(is_strained, '{STRAINED}', kind) as relationship_type, contacts,
                weight * sent as weight,
                {response} as response, {opt_out} as opt_out,
                {opt_out} * {p.complaint_share} * if(is_strained, 2, 1) as complaint
            from states, range({MOST_CONTACTS + 1}) as counts(contacts),
                (select topic, value, is_overloading, is_confusing, count(*) as sent
                    from campaigns group by all)
        )
        select
            relationship_type, contacts::integer as contacts_28d,
            sum(weight * response) / sum(weight) as response_rate,
            sum(weight * opt_out) / sum(weight) as opt_out_rate,
            sum(weight * complaint) / sum(weight) as complaint_rate,
            response_rate * {p.margin_per_response} - {p.cost_per_contact}
                - opt_out_rate * {p.value_at_risk} as net_value
        from chances group by all order by all
        """
    )
    db.execute(
        f"""
        create table truth_optimum as
        select
            relationship_type,
            coalesce(max(contacts_28d) filter (net_value > 0), 0) as optimum_contacts_28d,
            coalesce(bool_or(net_value > 0), false) as any_pays,
            {p.margin_per_response}::double as margin_per_response,
            {p.cost_per_contact}::double as cost_per_contact,
            {p.value_at_risk}::double as value_at_risk
        from truth_response_curves group by all order by all
        """
    )
    db.execute(
        f"""
        create table truth_campaigns as
        select campaign_id, is_overloading as made_overloading, is_confusing as made_confusing,
            if(has_holdout, {1 - _mean_intensity()}, 0)::double as control_share,
            topic, content, value
        from campaigns order by campaign
        """
    )
    db.execute(
        "create table truth_staff as select owner_id, skills, capacity from owners order by owner"
    )
    db.execute("create table truth_parameters (name varchar, value double)")
    db.executemany("insert into truth_parameters values (?, ?)", sorted(p.numbers().items()))
    rows = [(*pair, chance) for pair, chance in matrix().items()]
    for (stage, share), on in zip(
        DEAL_STAGES.items(), [*list(DEAL_STAGES)[1:], "closedwon"], strict=True
    ):
        rows += [
            (f"deal:{stage}", f"deal:{on}", share),
            (f"deal:{stage}", "deal:closedlost", 1 - share),
        ]
    db.execute(
        "create table truth_journey_transitions "
        "(from_stage varchar, to_stage varchar, probability double)"
    )
    db.executemany("insert into truth_journey_transitions values (?, ?, ?)", rows)


def said(db: duckdb.DuckDBPyConnection, has_leads: bool) -> None:
    """Make ``truth_said`` in the attached ``truth``, and add there whose the leads' records are."""
    db.execute(
        "create table truth.truth_said "
        "(person_id varchar, property varchar, said varchar, meaning varchar)"
    )
    if not has_leads:
        return
    told = leads.book()
    db.executemany("insert into truth.truth_said values (?, ?, ?, ?)", told.said)
    db.executemany(
        "insert into truth.truth_contact_records values (?, ?, ?, false, ?)",
        [(person, *about, story) for about, (person, story) in sorted(told.owners.items())],
    )
    db.executemany(
        "insert into truth.truth_permissions values (?, ?, ?, ?)",
        [(*about, *allowed) for about, allowed in sorted(told.permissions.items())],
    )


def _mean_intensity() -> float:
    # of 0.03 + 0.97 u^1.3, as `campaigns.sends` draws it
    return 0.03 + 0.97 / 2.3


COMPANY_WIDE = (
    "truth_campaigns",
    "truth_journey_transitions",
    "truth_optimum",
    "truth_parameters",
    "truth_response_curves",
    "truth_staff",
)
