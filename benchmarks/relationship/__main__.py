"""How well the types of relationship are inferred, on simulated companies whose truth is known.

python -m benchmarks.relationship                     three companies of 20,000 customers
python -m benchmarks.relationship --seeds 4 --customers 2000
"""

import argparse
from pathlib import Path

from benchmarks.relationship import simulated
from rapport.settings import PROJECT_DIR


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="benchmarks.relationship",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--folder", type=Path, default=PROJECT_DIR / "var" / "benchmarks")
    parser.add_argument("--customers", type=int, default=20_000, help="of each company (20,000)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="1 2 3")
    parser.add_argument("--memory", default="2GB", help="DuckDB's limit (2GB)")
    options = parser.parse_args()
    for seed in options.seeds:
        folder = options.folder / f"relationship_{seed}"
        simulated.make(folder, customers=options.customers, seed=seed, memory=options.memory)
        print(simulated.compare(folder).report(f"seed {seed}"))


if __name__ == "__main__":
    main()
