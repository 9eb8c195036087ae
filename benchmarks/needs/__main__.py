"""Whether unexpressed needs come true: ``python -m benchmarks.needs [WAREHOUSE]``.

Takes a finished build of the real households (the one of ``make run`` unless another is named),
makes their needs anew as of nights before its end, and holds the three strongest of each customer
against what they then bought for the first time. Prints the tables of the README.
"""

import argparse
import tempfile
from datetime import date, timedelta
from pathlib import Path

import duckdb

from benchmarks.needs.hold_out import HIDDEN_DAYS, HoldOut, hold_out
from rapport.settings import Settings

# Nights whose hidden days end before those of the last begin; the policy was chosen on them.
EARLIER_DAYS = (120, 90, 60)

# The project's policy, the other approach, which keeps far more pairs, and what its parts do.
APPROACHES: dict[str, dict[str, object]] = {
    "as shipped": {},
    "all pairs": {
        "need_most_telling_categories": 10,
        "need_most_affinities": 1000,
        "need_lift_power": 2,
    },
    "without lifts": {"need_lift_power": 0},
    "offered ones too": {"need_most_offered_categories": 0},
}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="benchmarks.needs",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "warehouse", type=Path, nargs="?", default=Settings.from_env().warehouse_path
    )
    parser.add_argument("--only-held-out", action="store_true", help="leave the earlier nights out")
    options = parser.parse_args()
    night = _last_order_date(options.warehouse) - timedelta(days=HIDDEN_DAYS)
    earlier = () if options.only_held_out else EARLIER_DAYS
    print(
        "| night | needs by | guesses | came true | customers with a hit | popular | by lot "
        "| lift |"
    )
    print("|---|---|--:|--:|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as folder:
        for days in (*earlier, 0):
            as_of = night - timedelta(days=days)
            for name, policy in APPROACHES.items():
                found = hold_out(options.warehouse, Path(folder) / "night", as_of, policy)
                print(_row(found, name, held_out=days == 0), flush=True)


def _last_order_date(warehouse: Path) -> date:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        (last,) = connection.sql("select max(order_date) from marts.fct_orders").fetchone() or (
            None,
        )
    assert isinstance(last, date), f"{warehouse} holds no orders"
    return last


def _row(found: HoldOut, name: str, *, held_out: bool) -> str:
    night = f"**{found.as_of}**" if held_out else str(found.as_of)
    needs, popular = found.needs, found.popular
    return (
        f"| {night} | {name} | {needs.guesses:,} | {needs.hit_share:.1%} "
        f"| {needs.reached_share:.1%} | {popular.hit_share:.1%}, {popular.reached_share:.1%} "
        f"| {found.chance:.1%} | {found.lift:.3f} ({found.lift_low:.3f} to {found.lift_high:.3f}) |"
    )


if __name__ == "__main__":
    main()
