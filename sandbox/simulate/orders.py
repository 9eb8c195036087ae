"""What people buy: BG/NBD for when, Gamma-Gamma for how much, and the orders a campaign caused."""

import duckdb

from sandbox.simulate.engine import texts
from sandbox.simulate.parameters import END, Parameters

CATEGORIES = (
    "BAKERY",
    "CHEESE",
    "COFFEE",
    "DAIRY",
    "DELI",
    "EGGS",
    "FISH",
    "FLOWERS",
    "FRUIT",
    "GRAINS",
    "HERBS",
    "HOUSEHOLD",
    "JUICE",
    "MEAT",
    "NUTS",
    "OILS",
    "PASTA",
    "SWEETS",
    "TEA",
    "VEGETABLES",
)
PER_CATEGORY = 30
STORES = 40
WEB_STORE = 900  # store_id of what was ordered on the web


def catalogue(db: duckdb.DuckDBPyConnection, p: Parameters) -> None:
    """Make ``products``: thirty in each of the twenty categories."""
    db.execute(
        f"""
        create table products as
        select
            1000000 + range as product_id,
            1 + range % 90 as manufacturer_id,
            if(category in ('FLOWERS', 'HOUSEHOLD'), 'NON FOOD', 'GROCERY') as department,
            if(u('own brand', range) < 0.3, 'Private', 'National') as brand,
            category as product_category,
            category || ' ' || picked(['FRESH', 'DRY', 'FROZEN', 'FINE', 'PLAIN'], u('sort', range))
                as product_type,
            picked(['100 G', '250 G', '500 G', '1 KG', '1 L'], u('size', range)) as package_size,
            {p.start} - 400 * a_day() + range * 7919 % 400000 * 60000::bigint as updated_at
        from (
            select range, ({texts(CATEGORIES)})[1 + range // {PER_CATEGORY}] as category
            from range({PER_CATEGORY * len(CATEGORIES)})
        )
        """
    )


def purchases(db: duckdb.DuckDBPyConnection, p: Parameters) -> None:
    """Make ``tries`` and ``purchases``: the first order and the repeats until dropout or the end.

    After each repeat a person leaves with their own probability, so the number of repeats is
    geometric; between them lie exponential times with their own rate. That is BG/NBD as Fader,
    Hardie and Lee wrote it. Only a strained relationship departs from it: 45 % of the orders in
    it do not happen; these are tries and no purchases.
    """
    db.execute(
        f"""
        create or replace temp table tries as
        with lives as (
            select
                person, born, rate, strained_from, strained_until, usual_hour, utc_offset,
                1 + floor(ln(u('leaves', person)) / ln(1 - drop_chance)) as repeats_alive,
                rate * ({END} - born) as expected
            from people
        ),
        counted as (
            select *, least(repeats_alive, ceil(expected + 7 * sqrt(expected) + 12))::bigint as most
            from lives
        ),
        repeats as (
            select *, unnest(range(1, most + 1)) as k from counted
        ),
        timed as (
            select *,
                born + sum(-ln(u2('gap', person, k)) / rate) over (
                    partition by person order by k rows unbounded preceding
                ) as instant
            from repeats
        ),
        ordered as (
            select person, 0 as k, born as ms, strained_from, strained_until from people
            union all
            select
                person, k,
                -- the day is the process's, the hour their habit
                whole_second(greatest(
                    born + k * 1000,
                    day_of(instant::bigint) + 3600000 * (
                        usual_hour - utc_offset + 3 * (u2('hour', person, k) - 0.5)
                    )
                )) as ms,
                strained_from, strained_until
            from timed where instant < {END}
        )
        select
            person, k, ms,
            not coalesce(
                k > 0 and ms >= strained_from and ms < coalesce(strained_until, {END})
                and u2('stays away', person, k) < 0.45, false
            ) as is_purchase
        from ordered where ms < {END}
        """
    )
    db.execute(
        "create or replace temp view purchases as select person, k, ms from tries where is_purchase"
    )


def orders(db: duckdb.DuckDBPyConnection, p: Parameters) -> None:
    """Make ``orders`` and ``order_lines`` of the purchases and of the responses that bought."""
    db.execute(
        f"""
        create or replace temp table orders as
        with every as (
            select person, k, ms, null::bigint as campaign, false as is_redeemed from purchases
            union all
            select person, 5000 + campaign, acted_at, campaign, is_redeemed
            from responses where action = 'order'
        )
        select
            person::bigint * 10000 + k as order_id, person, k, ms, campaign, customer_id, email,
            is_redeemed,
            is_redeemed or u2('discount', person, k) < price_focus as is_discounted,
            -- the web takes what does not go through people
            if(campaign is not null and not is_redeemed, true,
                u2('web', person, k) >= human_share) as is_web,
            if(is_web, {WEB_STORE}, 1 + if(
                u2('home store', person, k) < 0.85, chance('store', person),
                chance('stores', order_id)) % {STORES}) as store_id,
            1 + floor(5 * u2('lines', person, k) * u2('lines~', person, k))::bigint as lines,
            5 + round(15 * commitment)::bigint as breadth,
            greatest(lines * 25, round(100 * -ln(
                {" * ".join(f"u2('spend {i}', person, k)" for i in range(p.spend_shape))}
            ) / spend_rate))::bigint as cents
        from every inner join people using (person)
        """
    )
    db.execute(
        f"""
        create or replace temp table order_lines as
        with parted as (
            select *, unnest(range(lines)) as line from orders
        ),
        weighed as (
            select *,
                0.5 + u2('weight', order_id, line) as weight,
                -- five different categories of theirs in a row: no product comes twice
                ((chance('home', person) + 3 * ((chance('aisle', order_id) + line) % breadth))
                    % {len(CATEGORIES)})::bigint as category
            from parted
        ),
        shared as (
            select *,
                floor(cents * weight / sum(weight) over (partition by order_id))::bigint as part
            from weighed
        )
        select
            order_id,
            1000000 + category * {PER_CATEGORY} + chance('product', order_id * 8 + line)
                % {PER_CATEGORY} as product_id,
            1 + floor(3 * u2('quantity', order_id, line) ** 3)::bigint as quantity,
            -- the first line takes the cents that rounding left
            (if(line = 0, cents - sum(part) over (partition by order_id) + part, part) / 100.0)
                ::decimal(12, 2) as sales_amount,
            if(line = 0 and is_discounted and not is_redeemed, round(part * 0.15) / 100, 0)
                ::decimal(12, 2) as retail_discount_amount,
            if(line = 0 and is_redeemed, round(part * 0.20) / 100, 0)
                ::decimal(12, 2) as coupon_discount_amount,
            0::decimal(12, 2) as coupon_match_discount_amount,
            ms
        from shared
        """
    )
