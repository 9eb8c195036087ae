"""What the firm sends: its campaigns, and who gets them: by chance in the pool, else by habit."""

import duckdb

from sandbox.simulate.engine import choose, texts
from sandbox.simulate.parameters import BLOCK, DAY, END, TOPICS, VALUES, Parameters

COUPONS = 5  # products with a coupon in each price offer


def schedule(db: duckdb.DuckDBPyConnection, p: Parameters) -> None:
    """Make ``campaigns`` and ``coupons``: evenly through each block of 28 days."""
    content = {"price_offer": 0.4, "advice": 0.2, "news": 0.2, "values": 0.2}
    step = BLOCK // p.campaigns_per_block
    sms = [str(3 + 5 * i) for i in range(round(p.sms_share * p.campaigns_per_block))]
    db.execute(
        f"""
        create table campaigns as
        select
            campaign, block, ms, is_sms, topic, content, value,
            u('arm', campaign) < {p.holdout_campaign_share} as has_holdout,
            (1000 + campaign)::varchar as campaign_id,
            '01' || upper(hex16(chance('message', campaign))) || lpad(campaign::varchar, 8, '0')
                as message_id,
            'Campaign ' || campaign || ': ' || replace(topic, '_', ' ') as name,
            '"Subject":"News for you","Campaign Name":"' || name || '","$message":"' || message_id
                || '"' as about,
            u('made', campaign) < {p.overloading_share} as is_overloading,
            u('made', campaign) between {p.overloading_share}
                and {p.overloading_share + p.confusing_share} as is_confusing
        from (
            select
                range + 1 as campaign, range // {p.campaigns_per_block} as block,
                hour_of_day({p.start} + a_day() + range * {step}::bigint, 8, 16, u('at', range))
                    as ms,
                -- spread, and not drawn: every block has its two
                range % {p.campaigns_per_block} in (
                    {", ".join(sms)}
                ) as is_sms,
                picked({texts(TOPICS)}, u('topic', range)) as a_topic,
                {choose(content, "u('content', range)")} as content,
                if(content = 'price_offer', 'offers', a_topic) as topic,
                if(content = 'values', picked({texts(VALUES)}, u('value', range)), null) as value
            from range({(END - p.start - 2 * DAY) // step})
        )
        where ms < {END} - a_day()
        """
    )
    db.execute(
        f"""
        create table coupons as
        select
            campaign, campaign_id, number, 50000000000 + campaign * 100 + number as coupon_upc,
            1000000 + (campaign * 37 + number * 61) % 600 as product_id,
            ms, ms - 5 * a_day() as created_at, ms + 20 * a_day() as valid_until
        from campaigns, range({COUPONS}) as numbers(number)
        where content = 'price_offer'
        """
    )


def sends(db: duckdb.DuckDBPyConnection, p: Parameters) -> None:
    """Make ``draws``: who was to get what, with the number of contacts in the 28 days before.

    In the pool a person has an intensity per block, drawn from nothing but chance, and each
    scheduled message reaches them with that probability; else they are its control group. Outside
    the pool the firm chases those who answer little: there the number of contacts and the response
    are related through what the person is.
    """
    db.execute(
        f"""
        create or replace temp table draws as
        with reached as (
            -- campaigns are evenly spaced: the first that can reach a person needs no search
            select
                person, is_in_pool, z_responsive, takes_mail, takes_sms and phone is not null
                    as takes_sms,
                in_mailing_since + an_hour() as since, coalesce(left_at, {END}) as until,
                unnest(range(
                    greatest(1, (in_mailing_since - {p.start}) // {BLOCK // p.campaigns_per_block}),
                    (select max(campaign) + 1 from campaigns)
                )) as campaign
            from people
        ),
        offered as (
            select
                person, campaign, block, is_sms, has_holdout, is_in_pool, z_responsive,
                campaigns.ms, is_overloading
            from reached inner join campaigns using (campaign)
            where campaigns.ms > since and campaigns.ms < until
                and if(is_sms, takes_sms, takes_mail)
        ),
        intense as (
            select person, campaign, is_sms, has_holdout, is_in_pool, ms,
                case when is_in_pool then 0.03 + 0.97 * u2('intensity', person, block) ** 1.3
                    else clip(
                        {p.reach} - {p.chase} * z_responsive + 0.25 * is_overloading::int
                            + 0.08 * (u2('whim', person, block) - 0.5),
                        0.02, 0.95
                    )
                end as intensity
            from offered
        ),
        decided as (
            select * exclude (intensity), u2('sent', person, campaign) < intensity as is_sent
            from intense
        ),
        drawn as (
            select person, campaign, is_sms, has_holdout, is_in_pool, is_sent,
                ms + (1500 * u2('minute', person, campaign))::bigint * 1000 as ms
            from decided where is_sent or (is_in_pool and has_holdout)
        ),
        -- what else reached them is a contact too, whoever sent it
        counted as (
            select *, count(*) over (
                partition by person, is_sent order by ms
                range between {BLOCK} preceding and current row
            ) - 1 as contacts
            from (
                select * from drawn
                union all by name
                select person, true as is_sent, ms from other_contacts
            )
        )
        select
            person, campaign, ms, is_sms, is_sent, has_holdout, is_in_pool,
            if(is_sent, contacts, null) as contacts_28d
        from counted where campaign is not null
        """
    )
