"""What the pressure models conclude, against companies whose truth is known.

python -m benchmarks.pressure                       optima, curves and verdicts against the truth
python -m benchmarks.pressure --through landing     the same with inferred types
"""

import argparse
from pathlib import Path

from benchmarks.pressure import score
from rapport.settings import PROJECT_DIR


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="benchmarks.pressure",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--folder", type=Path, default=PROJECT_DIR / "var" / "benchmarks" / "pressure"
    )
    parser.add_argument("--memory", default="4GB", help="DuckDB's limit (4GB)")
    parser.add_argument("--customers", type=int, default=40_000, help="how many (40,000)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], help="of the companies (1)")
    parser.add_argument(
        "--chase",
        type=float,
        help="how much more those get who answer less (the simulator's own: 0.10)",
    )
    parser.add_argument(
        "--scatter",
        type=float,
        help="how different people of one type are in answering (the simulator's own: 0.35)",
    )
    parser.add_argument(
        "--through",
        choices=["marts", "landing"],
        default="marts",
        help="write the company as the marts that the pressure models read, with the true types "
        "(marts), or land it and build everything, with inferred ones",
    )
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    changes = {"chase": options.chase, "responsiveness_scatter": options.scatter}
    score.run(
        options.folder,
        customers=options.customers,
        seeds=options.seeds,
        changes={name: value for name, value in changes.items() if value is not None},
        memory=options.memory,
        through=options.through,
    )


if __name__ == "__main__":
    main()
