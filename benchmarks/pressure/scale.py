"""Seconds, memory and a night's increment, on touchpoints drawn at random in no order at all.

Bare queries are what each model rests on with nothing concluded: its rows scanned once and counted
by its own grain. The ratio of processor seconds is what the conclusions cost.
"""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import duckdb

from benchmarks.pressure.build import MODELS, build, processor_seconds
from benchmarks.pressure.company import tables

LAST, NEXT = "2018-01-02", "2018-01-03"
DAYS = 540

# Shares of the touchpoints: what a retailer's log looks like, with a third of it marketing.
TOUCHPOINTS = """
insert into marts.fct_touchpoints
select
    't' || i, md5('P' || customer), happened, happened::date,
    kind.channel, kind.direction, kind.actor, kind.message_class, kind.event_type, kind.counts,
    'klaviyo', if(kind.named, campaign, null), if(kind.named, 'M' || campaign, null),
    if(kind.event_type = 'answered', 'too_much', null),
    if(kind.event_type = 'answered', 'no', null)
from (
    select i, hash(i) as h, hash(i, 1) as g, hash(i, 2) % {customers} as customer,
        {at} as happened,
        (10000 + date_diff('day', date '2016-07-01', happened::date) // 3)::varchar as campaign,
        (g % 1000)::integer as place
    from range({first}, {last}) as numbers(i)
)
inner join kinds as kind on place >= kind.low and place < kind.high
"""
KINDS = [
    (280, "email", "outbound", "automated", "marketing", "delivered", True, True),
    (40, "sms", "outbound", "automated", "marketing", "delivered", True, True),
    (200, "email", "inbound", "human", None, "opened", False, True),
    (30, "email", "inbound", "human", None, "clicked", False, True),
    (100, "store", "inbound", "human", None, "ordered", False, False),
    (220, "web", "inbound", "human", None, "visited", False, False),
    (30, "email", "inbound", "human", None, "replied", False, False),
    (25, "phone", "inbound", "human", None, "called", False, False),
    (10, "web", "inbound", "human", None, "ticket_opened", False, False),
    (58, "email", "outbound", "human", "service", "sent", False, False),
    (5, "email", "inbound", "human", None, "answered", False, True),
    (2, "email", "inbound", "human", None, "unsubscribed", False, True),
]
# Of each model: what it scans, counted by its grain.
BARE = {
    "fct_contact_days": """
        select customer_id, touchpoint_date, channel, message_class, count(*)
        from marts.fct_touchpoints
        where is_marketing_contact or message_class = 'service' or event_type = 'answered'
        group by all
    """,
    "fct_contact_exposures": """
        select customer_id, touchpoint_date, count(*) filter (where is_marketing_contact),
            count(*) filter (where event_type in ('ordered', 'replied')),
            count(*) filter (where event_type in ('called', 'ticket_opened')),
            count(*) filter (where event_type = 'visited'), count(campaign_id)
        from (
            select customer_id, touchpoint_date, is_marketing_contact, event_type, campaign_id
            from marts.fct_touchpoints where event_type <> 'opened'
            union all
            select customer_id, draw_date, false, 'control', campaign_id
            from marts.fct_control_draws
        )
        group by all
    """,
    "rpt_contact_response_curve": """
        select relationship_type, arm, contact_count_28d, count(*),
            count(*) filter (where has_named_response or has_unnamed_response),
            count(*) filter (where has_opt_out), count(*) filter (where has_complaint)
        from marts.fct_contact_exposures group by all
    """,
    "rpt_campaign_overload": """
        select campaign_id, count(*), count(*) filter (where has_opt_out),
            count(*) filter (where has_complaint), sum(service_contact_count_3d)
        from marts.fct_contact_exposures where arm = 'contact' group by all
    """,
    "dim_contact_pressure": """
        select customer_id, channel, sum(contact_count),
            sum(contact_count) filter (where contact_date > date '2017-12-03')
        from marts.fct_contact_days where contact_date > date '2017-01-02' group by all
    """,
}


def run(folder: Path, *, customers: int, touchpoints: int, memory: str) -> None:
    """Draw the company, build it whole, then one night more, and print what each took."""
    path = folder / "company.duckdb"
    path.unlink(missing_ok=True)
    draw(path, customers, touchpoints, memory)
    print(f"{customers:,} customers, {customers * touchpoints:,} touchpoints", flush=True)
    shutil.rmtree(path.with_suffix(".target"), ignore_errors=True)
    build_parse(path, memory)

    whole, whole_cpu, peak = measured(path, LAST, memory)
    bare = {model: bare_seconds(path, model, memory) for model in MODELS}
    with duckdb.connect(str(path)) as db:
        another_day(db, customers, touchpoints)
    night, night_cpu, _ = measured(path, NEXT, memory)

    print(f"{'model':30}{'whole s':>10}{'one night s':>14}{'bare cpu s':>14}")
    for model in MODELS:
        print(f"{model:30}{whole[model]:10.1f}{night[model]:14.1f}{bare[model]:14.1f}")
    bare_cpu = sum(bare.values())
    print(
        f"processor seconds: whole {whole_cpu:.0f}, bare {bare_cpu:.0f}: "
        f"ratio {whole_cpu / bare_cpu:.1f}; one night {night_cpu:.0f}: "
        f"{night_cpu / whole_cpu:.0%} of the whole; peak memory {peak:.1f} GB"
    )


def measured(path: Path, as_of: str, memory: str) -> tuple[dict[str, float], float, float]:
    """Return seconds per model, processor seconds without dbt's own, and the peak in GB."""
    start = processor_seconds()
    build_parse(path, memory)
    own = processor_seconds() - start
    peak = Peak()
    start = processor_seconds()
    seconds = build(path, as_of, memory=memory)
    return seconds, processor_seconds() - start - own, peak.stop()


def build_parse(path: Path, memory: str) -> None:
    """Run dbt on no model: what it takes to start."""
    build(path, LAST, memory=memory, models=("no_such_model",))


class Peak:
    """Watches the largest resident memory of this process's children."""

    def __init__(self) -> None:
        self.largest = 0
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def _watch(self) -> None:
        children = Path(f"/proc/{os.getpid()}/task")
        while not self.done.wait(0.3):
            for listed in children.glob("*/children"):
                for child in listed.read_text().split():
                    status = Path(f"/proc/{child}/status")
                    if status.exists():
                        for line in status.read_text().splitlines():
                            if line.startswith("VmHWM"):
                                self.largest = max(self.largest, int(line.split()[1]))

    def stop(self) -> float:
        """Return the peak in GB."""
        self.done.set()
        self.thread.join()
        return self.largest / 1024**2


def bare_seconds(path: Path, model: str, memory: str) -> float:
    """Return the processor seconds of a bare query, in a process of its own."""
    script = (
        "import sys, duckdb\n"
        "db = duckdb.connect(sys.argv[1])\n"
        f"db.execute(\"set threads = 2; set memory_limit = '{memory}'; "
        'set preserve_insertion_order = false")\n'
        "db.execute('create temp table counted as ' + sys.argv[2])\n"
    )
    start = processor_seconds()
    subprocess.run([sys.executable, "-c", script, str(path), BARE[model]], check=True)
    return processor_seconds() - start


def draw(path: Path, customers: int, touchpoints: int, memory: str) -> None:
    """Write the company, in pieces so that it fits the memory."""
    with duckdb.connect(str(path)) as db:
        db.execute(f"set memory_limit = '{memory}'")
        db.execute("set threads = 2; set preserve_insertion_order = false")
        db.execute(tables(""))
        low = 0
        db.execute(
            "create table kinds (low integer, high integer, channel varchar, direction varchar, "
            "actor varchar, message_class varchar, event_type varchar, counts boolean, "
            "named boolean)"
        )
        for share, *rest in KINDS:
            db.execute(
                "insert into kinds values (?, ?, ?, ?, ?, ?, ?, ?, ?)", [low, low + share, *rest]
            )
            low += share
        at = f"timestamp '{LAST}' + interval 1 day - to_seconds((1 + h % {DAYS * 86_400})::bigint)"
        piece = 20_000_000
        for first in range(0, customers * touchpoints, piece):
            last = min(first + piece, customers * touchpoints)
            db.execute(TOUCHPOINTS.format(customers=customers, at=at, first=first, last=last))
        for number in range(2):
            db.execute(
                f"""
                insert into marts.fct_control_draws
                select 'd' || touchpoint_id, customer_id, occurred_at + interval 30 second,
                    touchpoint_date, campaign_id, 'email'
                from marts.fct_touchpoints
                where is_marketing_contact and hash(touchpoint_id) % 10 = {number}
                """
            )
        db.execute(
            f"""
            insert into marts.dim_customers
            select md5('P' || i), timestamp '2016-06-01' from range({customers}) as _(i);
            insert into marts.dim_campaigns
            select distinct campaign_id, 'Campaign ' || campaign_id, 'email'
            from marts.fct_touchpoints where campaign_id is not null;
            insert into marts.dim_preferences
            select md5('P' || i), case i % 3 when 0 then 'Europe/Berlin' when 1
                then 'America/New_York' else 'Asia/Tehran' end,
                if(i % 5 = 0, i % 9, null), if(i % 7 = 0, 9, null), if(i % 7 = 0, 18, null),
                timestamp '2017-06-01'
            from range({customers}) as _(i);
            insert into marts.fct_relationship_months
            select md5('P' || i), last_day(month)::date,
                'type_' || (i + month(month)) % 9
            from range({customers}) as _(i), range(
                timestamp '2016-07-01', timestamp '2018-01-01', interval 1 month
            ) as months(month);
            insert into marts.dim_customer_relationships
            select md5('P' || i), 'type_' || i % 9, 'unknown', 2 + i % 4
            from range({customers}) as _(i);
            """
        )


def another_day(db: duckdb.DuckDBPyConnection, customers: int, touchpoints: int) -> None:
    """Add the next night's touchpoints; one in a hundred of them is of the day before."""
    db.execute(
        "delete from ops.touched_days; "
        f"insert into ops.touched_days select 'fct_touchpoints', date '{NEXT}' - day::integer "
        "from range(2) as days(day)"
    )
    total = customers * touchpoints
    at = f"timestamp '{NEXT}' + to_seconds((h % 86400)::bigint - if(g % 100 = 0, 86400, 0))"
    db.execute(
        TOUCHPOINTS.format(customers=customers, at=at, first=total, last=total + total // DAYS)
    )
