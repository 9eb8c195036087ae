"""What the pressure models conclude, against companies whose truth is known; and what they cost.

python -m benchmarks.pressure score     optima, curves and verdicts against the simulated truth
python -m benchmarks.pressure score --through landing     the same with inferred types
python -m benchmarks.pressure scale     seconds, memory and a night's increment on a large company
"""

import argparse
from pathlib import Path

from rapport.settings import PROJECT_DIR


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="benchmarks.pressure",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", choices=["score", "scale"])
    parser.add_argument("--folder", type=Path, default=PROJECT_DIR / "var" / "benchmarks")
    parser.add_argument("--memory", default="4GB", help="DuckDB's limit (4GB)")
    parser.add_argument("--customers", type=int, help="how many (score 40,000; scale 1,000,000)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], help="score: of the companies")
    parser.add_argument(
        "--chase",
        type=float,
        help="score: how much more those get who answer less (the simulator's own: 0.10)",
    )
    parser.add_argument(
        "--scatter",
        type=float,
        help="score: how different people of one type are in answering (the simulator's own: 0.35)",
    )
    parser.add_argument(
        "--through",
        choices=["marts", "landing"],
        default="marts",
        help="score: write the company as the marts that the pressure models read, with the true "
        "types (marts), or land it and build everything, with inferred ones",
    )
    parser.add_argument(
        "--touchpoints", type=int, default=100, help="scale: of each customer (100)"
    )
    options = parser.parse_args()
    folder = options.folder / f"pressure-{options.what}"
    folder.mkdir(parents=True, exist_ok=True)
    if options.what == "score":
        from benchmarks.pressure import score

        changes = {"chase": options.chase, "responsiveness_scatter": options.scatter}
        score.run(
            folder,
            customers=options.customers or 40_000,
            seeds=options.seeds,
            changes={name: value for name, value in changes.items() if value is not None},
            memory=options.memory,
            through=options.through,
        )
    else:
        from benchmarks.pressure import scale

        scale.run(
            folder,
            customers=options.customers or 1_000_000,
            touchpoints=options.touchpoints,
            memory=options.memory,
        )


main()
