"""Trade that the simulated people know nothing of, at the rate of a shop that has it every day.

Returns that name their order and returns that name none, guests, cancellations, other currencies,
postage, goods by weight, two lines of one article, lines with ids of their own. They lie in the
landing beside what the simulator wrote, as orders of their own in the loads of their days, so what
stands there is as it was. Whoever asks about the truth of a company builds it without them.
"""

from datetime import UTC, datetime
from pathlib import Path

import duckdb

from sandbox.simulate.parameters import END

FILE = "trade"  # names its files

# Of a hundred orders so many are followed by one more, which ...
RETURNED = 8  # ... brings a line of it back, three to thirty days later; every second names it
GUESTS = 3  # ... is a guest's
CANCELLED = 2  # ... was cancelled in the shop
ABROAD = 2  # ... is in euros
POSTED = 10  # ... has postage
WEIGHED = 1  # ... is a cheese by weight, and the same article once more

# kind, share of 100, customer, currency, status, order returned
KINDS = (
    ("named", RETURNED / 2, "customer_id", "currency_code", "null", "order_id"),
    ("unnamed", RETURNED / 2, "customer_id", "currency_code", "null", "null"),
    ("guest", GUESTS, "null", "currency_code", "null", "null"),
    ("cancelled", CANCELLED, "customer_id", "currency_code", "'cancelled'", "null"),
    ("abroad", ABROAD, "customer_id", "'EUR'", "null", "null"),
    ("posted", POSTED, "customer_id", "currency_code", "null", "null"),
    ("weighed", WEIGHED, "customer_id", "currency_code", "null", "null"),
)


def land(landing: Path, *, threads: int, memory: str, spill: Path) -> None:
    """Add the trade to a landing that the simulator has just written."""
    shop = landing / "shop"
    nights = sorted(path.name.split("=")[1] for path in shop.glob("orders/load_date=20*"))
    with duckdb.connect() as db:
        db.execute(f"set threads = {threads}; set memory_limit = '{memory}'")
        db.execute(f"set TimeZone = 'UTC'; set temp_directory = '{spill}'")
        db.execute("set preserve_insertion_order = false")
        for stream in ("orders", "order_lines"):
            db.execute(
                f"create view {stream} as select * from read_parquet('{shop}/{stream}/*/*.parquet')"
            )
        db.execute(_orders())
        db.execute(_lines())
        since = "2000-01-01"
        for night in nights:
            (until,) = db.execute(
                "select any_value(_dlt_load_id) from orders where load_date = ?", [night]
            ).fetchone() or ("",)
            # a load is named for two hours after its night ends
            end = datetime.fromtimestamp(float(until) // 1 - 7200, UTC).strftime("%F %T")
            for stream in ("orders", "order_lines"):
                path = shop / stream / f"load_date={night}" / f"{until}.{FILE}.parquet"
                db.execute(
                    f"copy (select * exclude (kind), '{until}' as _dlt_load_id "
                    f"from traded_{stream} where updated_at >= '{since}' and updated_at < '{end}' "
                    f"order by updated_at) "
                    f"to '{path}' (format parquet, compression zstd)"
                )
            since = end


def _orders() -> str:
    """Return SQL of the orders: after those that a digest of the number draws."""
    kinds = " union all ".join(
        f"""
        select
            '{kind}' as kind, '7{number}' || order_id as order_id, {customer} as customer_id,
            store_id, {currency} as currency_code, cast({_later(number)} as varchar) as ordered_at,
            {status} as status, {returned} as returned_order_id
        from orders where hash(order_id, '{kind}') % 1000 < {round(share * 10)}
        """
        for number, (kind, share, customer, currency, status, returned) in enumerate(KINDS)
    )
    last = datetime.fromtimestamp(END / 1000, UTC).strftime("%F %T")
    return f"""
        create temp table traded_orders as
        select kind, order_id, customer_id, store_id, currency_code, ordered_at,
            ordered_at as updated_at, status, returned_order_id
        from ({kinds}) where ordered_at < '{last}'
    """


def _later(number: int) -> str:
    """Return SQL of an instant some days after the order, another for each kind."""
    days = f"cast(3 + hash(order_id, {number}) % 28 as integer)"
    return f"(cast(ordered_at as timestamp) + {days} * interval 1 day)"


def _lines() -> str:
    """Return SQL of their lines: of the articles that the orders before them had."""
    return """
        create temp table traded_order_lines as
        with of_before as (
            select traded.kind, traded.order_id, lines.product_id, lines.quantity,
                lines.sales_amount, traded.updated_at,
                row_number() over (partition by traded.order_id order by lines.product_id) as line
            from traded_orders as traded
            inner join order_lines as lines on substr(traded.order_id, 3) = lines.order_id
        ),
        said as (
            select kind, order_id, product_id,
                case when kind in ('named', 'unnamed') then -1
                    when kind = 'weighed' then 0.356 else quantity::double end as quantity,
                case when kind in ('named', 'unnamed')
                    then -round(sales_amount::double / quantity::double, 2)
                    else sales_amount::double end as amount,
                if(kind = 'weighed', 'kg', null) as quantity_unit, line, updated_at
            from of_before where line = 1 or kind not in ('named', 'unnamed')
            union all
            select kind, order_id, product_id, 1, 2.5, null, 98, updated_at
            from of_before where kind = 'weighed' and line = 1
            union all
            select kind, order_id, 'POST', 1, 4.95, null, 99, updated_at
            from traded_orders where kind = 'posted'
        )
        select kind, order_id, product_id, quantity::varchar as quantity,
            amount::decimal(12, 2)::varchar as sales_amount, '0' as retail_discount_amount,
            '0' as coupon_discount_amount, '0' as coupon_match_discount_amount, updated_at,
            if(kind in ('guest', 'weighed'), order_id || '-' || line, null) as line_id,
            quantity_unit
        from said
    """
