"""What attribution with intervals costs: ``python -m benchmarks.attribution``.

Simulates journeys into a parquet file of touches and prints, each of a process of its own, start
and reading of the file included: CPU and wall seconds and peak memory of all models with their
intervals, and of a bare group-by of the same paths in numpy (how many journeys, conversions and
what money per path), which is the least that anybody must do who looks at paths.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import numpy as np

from rapport.journey.attribution import Policy
from rapport.journey.months import channel_credits

ROOT = Path(__file__).parents[2]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="benchmarks.attribution",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--journeys", type=int, default=1_000_000)
    parser.add_argument("--channels", type=int, default=12)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--months", type=int, default=1, help="over which they are spread (1)")
    parser.add_argument("--touches", type=float, default=4.0, help="on average in a journey (4)")
    parser.add_argument("--of", choices=["models", "bare"], help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.of:
        rows = {"models": _models, "bare": _bare}[options.of](options.file, options.draws)
        print(json.dumps([rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "touches.parquet"
        simulate(file, options.journeys, options.channels, options.months, options.touches)
        print("| | rows | CPU s | wall s | peak MB |\n|---|--:|--:|--:|--:|")
        measured = {
            name: _measured(name, label, file, options.draws)
            for name, label in {"models": "all models, intervals", "bare": "bare group-by"}.items()
        }
    print(f"\nratio of CPU: {measured['models'] / measured['bare']:.1f}")


def simulate(file: Path, journeys: int, channels: int, months: int, touches: float) -> None:
    """Write touches of journeys, one in ten converted, as ``int_journey__touches`` has them."""
    random = np.random.default_rng(1)
    length = random.geometric(1 / touches, journeys)
    owner = np.repeat(np.arange(journeys), length)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(length) - length, length)
    # some channels are common, and journeys go on with the channel they are at
    likely = 1 / np.arange(1, channels + 1)
    channel = random.choice(channels, len(owner), p=likely / likely.sum())
    stays = (place > 0) & (random.random(len(owner)) < 0.3)
    for _ in range(3):
        channel = np.where(stays, np.roll(channel, 1), channel)
    rate = np.bincount(owner, np.linspace(0.01, 0.05, channels)[channel], minlength=journeys)
    is_converted = random.random(journeys) < rate
    value = np.where(is_converted, random.gamma(2, 20, journeys).round(2), 0)
    customer = random.integers(0, max(journeys * 7 // 10, 1), journeys)
    begun = random.integers(0, months, journeys)
    hours = random.exponential(100, len(owner)).round(1)
    columns = {
        "journey": owner,
        "customer": customer[owner],
        "month": begun[owner],
        "is_converted": is_converted[owner],
        "conversion_value": value[owner],
        "touch_number": place + 1,
        "channel": channel,
        "is_direct": channel == channels - 1,
        "hours_before_end": hours,
    }
    with duckdb.connect() as connection:
        connection.register("simulated", columns)
        connection.execute(
            """
            copy (
                select
                    'j' || journey as journey_id,
                    md5(cast(customer as varchar)) as customer_id,
                    'counted' as impressions,
                    cast(
                        date '2017-01-01' + to_months(cast(month as integer)) as date
                    ) as ended_month,
                    is_converted,
                    conversion_value,
                    touch_number,
                    'channel ' || channel as channel,
                    cast(null as varchar) as campaign_id,
                    is_direct,
                    hours_before_end
                from simulated
            ) to '"""
            + str(file)
            + "' (format parquet)"
        )


def _models(file: Path, draws: int) -> int:
    with duckdb.connect(config={"threads": 1}) as connection:
        touches = connection.read_parquet(str(file))
        found = channel_credits(touches, Policy(prior_journeys=10, draws=draws))
    return found.num_rows


def _bare(file: Path, draws: int) -> int:
    with duckdb.connect(config={"threads": 1}) as connection:
        columns = connection.sql(
            "select dense_rank() over (order by journey_id) - 1 as journey, "
            "cast(substr(channel, 9) as integer) as code, is_converted, conversion_value "
            f"from read_parquet('{file}') order by journey, touch_number"
        ).fetchnumpy()
    journey, code = columns["journey"], columns["code"].astype(np.uint64)
    first = np.flatnonzero(np.diff(journey, prepend=-1))
    place = (
        np.arange(len(journey)) - np.repeat(first, np.diff(first, append=len(journey)))
    ).astype(np.uint64)
    # a path as one number: what would be the letters of a word, mixed
    mixed = (code + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15) ** (place + np.uint64(1))
    word = np.add.reduceat(mixed ^ (mixed >> np.uint64(31)), first)
    paths, which = np.unique(word, return_inverse=True)
    converted = columns["is_converted"][first].astype(np.float64)
    np.bincount(which)
    np.bincount(which, converted)
    np.bincount(which, columns["conversion_value"][first] * converted)
    return len(paths)


def _measured(name: str, label: str, file: Path, draws: int) -> float:
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    command = [sys.executable, "-m", "benchmarks.attribution", "--of", name, "--file", str(file)]
    done = subprocess.run(
        [*command, "--draws", str(draws)], cwd=ROOT, check=True, capture_output=True, text=True
    )
    wall = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    rows, peak = json.loads(done.stdout)
    print(f"| {label} | {rows:,} | {cpu:.1f} | {wall:.1f} | {peak:,.0f} |", flush=True)
    return cpu


if __name__ == "__main__":
    main()
