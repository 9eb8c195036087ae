"""What a message does: opens (machines' too), clicks, replies, orders, opt-outs, complaints.

The response probability is ``scale * r / (1 - r)`` for reciprocity r, times the person's own factor
and how much the topic is theirs, and falls by ``exp(-fall)`` with each contact in the 28 days
before that lies beyond their own tolerance; the probability to opt out rises by ``exp(rise)`` with
each.
"""

import duckdb

from sandbox.simulate.parameters import END, Parameters

HOUR = 3_600_000
AFFINITY = (
    "if(list_contains(topics, topic), 1.35, 0.85) * if(list_contains(beliefs, value), 1.4, 1)"
)
MADE_RESPONSE = "if(is_overloading, 0.5, 1) * if(is_confusing, 0.6, 1)"


def response_chance(p: Parameters, contacts: str, strained: str) -> str:
    """Return SQL of the probability to respond, of a person joined with a campaign."""
    return (
        f"least(0.85, {p.response_scale} * rate_of(reciprocity) * responsiveness * {AFFINITY} "
        f"* {MADE_RESPONSE} * if({strained}, 0.35, 1) "
        f"* exp(-{p.response_fall} * greatest(0, {contacts} - own_tolerance)))"
    )


def opt_out_chance(p: Parameters, contacts: str, strained: str) -> str:
    """Return SQL of the probability to opt out, of a person joined with a campaign."""
    return (
        f"least({p.opt_out_most}, opt_out "
        f"* exp({p.opt_out_rise} * greatest(0, {contacts} - own_tolerance))) "
        f"* if({strained}, 2.5, 1) * if(is_overloading, {p.overloading_factor}, 1)"
    )


def responses(db: duckdb.DuckDBPyConnection, p: Parameters) -> None:
    """Make ``responses`` of ``draws``: one row per message that came, with what it led to.

    Whoever opts out, complains or has a dead address gets nothing more, on any channel: with that
    policy the contacts counted before are right although everybody's were counted at once.
    """
    strained = f"(draws.ms >= strained_from and draws.ms < coalesce(strained_until, {END})) is true"
    db.execute(
        f"""
        create or replace temp table responses as
        with considered as (
            select
                person, campaign, draws.ms, draws.is_sms, contacts_28d, content, has_proxy,
                is_overloading, is_confusing, reciprocity, closeness, takes_part,
                draws.ms >= strained_from and draws.ms < coalesce(strained_until, {END})
                    as is_strained,
                has_dead_mail and not draws.is_sms as is_dead,
                {response_chance(p, "contacts_28d", strained)} as p_response,
                {opt_out_chance(p, "contacts_28d", strained)} as p_opt_out
            from draws
            inner join people using (person)
            inner join campaigns using (campaign)
            where is_sent
        ),
        -- One step after the other: DuckDB works out an alias anew wherever it is used beside it.
        bounced as (
            select * exclude (is_strained), coalesce(is_strained, false) as is_strained,
                not is_dead and u2('bounce', person, campaign) < 0.003 as is_soft_bounce
            from considered
        ),
        delivered as (
            select *, not (is_dead or is_soft_bounce) as is_delivered from bounced
        ),
        drawn as (
            select * exclude (takes_part),
                is_delivered and u2('response', person, campaign) < p_response as has_response,
                is_delivered and takes_part and u2('opt out', person, campaign) < p_opt_out
                    as is_opt_out
            from delivered
        ),
        kept as (
            select * from drawn
            qualify coalesce(sum((is_dead or is_opt_out)::int) over (
                partition by person order by ms, campaign
                rows between unbounded preceding and 1 preceding
            ), 0) = 0
        ),
        wanted as (
            select *,
                case when has_response then u2('act', person, campaign) end as act,
                -- an answer comes within the week in which it counts as one
                case when has_response then whole_second(ms + 120000 + least(
                    -ln(u2('delay', person, campaign)) * 1.2, 6.5) * a_day()) end as wanted_at
            from kept
        ),
        acted as (
            select *,
                if(wanted_at < {END}, wanted_at, null) as acted_at,
                case
                    when wanted_at >= {END} then null
                    when act < {p.order_share} * if(content = 'price_offer', 2, 1) then 'order'
                    when act > 1 - 0.5 * closeness ** 2 and not is_sms then 'reply'
                    when act is not null then 'click'
                end as action,
                is_delivered and u2('pulse', person, campaign) < 0.08 as is_asked
            from wanted
        )
        select
            person, campaign, ms, is_sms, contacts_28d, is_strained, is_dead, is_soft_bounce,
            is_delivered, is_confusing, p_response, p_opt_out, is_opt_out, action, acted_at,
            is_opt_out and u2('complaint', person, campaign)
                < {p.complaint_share} * if(is_strained, 2, 1) as is_complaint,
            coalesce(action = 'order' and content = 'price_offer', false) as is_redeemed,
            has_proxy and is_delivered and not is_sms and u2('proxy', person, campaign) < 0.95
                as is_opened_by_proxy,
            is_delivered and not is_sms and (
                coalesce(action in ('click', 'reply'), false)
                or u2('open', person, campaign) < 0.08 + 0.45 * reciprocity
            ) as is_opened,
            case
                when action is null or action = 'order' then whole_second(
                    ms + least(-ln(u2('open at', person, campaign)) * 0.6, 6) * a_day())
                else acted_at - 45000
            end as opened_at,
            whole_second(ms + (0.02 + u2('opt out at', person, campaign)) * 20 * an_hour())
                as opted_out_at,
            is_asked and u2('pulse answer', person, campaign) < 0.15 + 0.6 * reciprocity
                as has_pulse,
            whole_second(ms + (0.2 + 30 * u2('pulse at', person, campaign)) * an_hour())
                as pulsed_at,
            -- the answer is about what the person feels: beyond their tolerance it is too much
            case when is_asked then if(u2('too much', person, campaign) < clip(
                0.06 + 0.5 * is_overloading::int + 3 * least(p_opt_out, 0.06), 0, 0.9
            ), 'yes', 'no') end as is_too_much,
            case when is_asked then if(u2('clear', person, campaign)
                < if(is_confusing, 0.35, 0.92), 'yes', 'no') end as is_clear,
            is_delivered and is_confusing
                and u2('asks', person, campaign) < {p.confusing_contacts} as asks_for_help
        from acted
        """
    )
    db.execute(
        """
        create or replace temp table opt_outs as
        select
            person, min(ms) as stopped_at,
            min(if(is_opt_out and not is_sms, opted_out_at, null)) as left_mail_at,
            min(if(is_opt_out and is_sms, opted_out_at, null)) as left_sms_at,
            min(if(is_complaint, opted_out_at, null)) as complained_at,
            min(if(is_dead, ms, null)) as died_at
        from responses where is_opt_out or is_dead group by person
        """
    )
