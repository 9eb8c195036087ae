"""How well the steps of journeys are counted, on simulated companies whose chain is known.

python -m benchmarks.journeys                     a company of 5,000 customers
python -m benchmarks.journeys --seeds 4 5 --customers 2000
"""

import argparse
from pathlib import Path

from benchmarks.journeys import causes, simulated
from rapport.settings import PROJECT_DIR
from sandbox.simulate.parameters import Parameters


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="benchmarks.journeys",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--folder", type=Path, default=PROJECT_DIR / "var" / "benchmarks")
    parser.add_argument("--customers", type=int, default=5_000, help="of each company (5,000)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], help="1")
    parser.add_argument("--memory", default="2GB", help="DuckDB's limit (2GB)")
    options = parser.parse_args()
    for seed in options.seeds:
        folder = options.folder / f"journeys_{seed}"
        simulated.make(folder, customers=options.customers, seed=seed, memory=options.memory)
        print(simulated.report(simulated.compare(folder), f"seed {seed}"))
        parameters = Parameters(customers=options.customers, seed=seed)
        for cause, cells in causes.without(folder, parameters, options.memory).items():
            print(simulated.report(cells, f"seed {seed}, {cause}"))


if __name__ == "__main__":
    main()
