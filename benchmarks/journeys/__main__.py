"""How well the steps of journeys are counted, on simulated companies whose truth is known.

python -m benchmarks.journeys                     a company of 5,000 customers
python -m benchmarks.journeys --seeds 4 5 --customers 2000
python -m benchmarks.journeys --apart             nobody tries again before they are silent
"""

import argparse
from dataclasses import replace
from pathlib import Path

from benchmarks.journeys import causes, defined, simulated
from rapport.settings import PROJECT_DIR
from sandbox.simulate.parameters import Parameters

# No try begins within the timeout of another, and nothing else is done on the web or in chats.
APART = {"days_between_tries": 1.0, "chats": 0.0, "confusing_share": 0.0, "order_share": 0.0}
_OF_OTHERS = 12_000  # customers of each other company
_FIRST_OTHER = 101  # its seed


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="benchmarks.journeys",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--folder", type=Path, default=PROJECT_DIR / "var" / "benchmarks")
    parser.add_argument("--customers", type=int, default=5_000, help="of each company (5,000)")
    parser.add_argument(
        "--others", type=int, default=235_000, help="of whom the truth is (235,000)"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], help="1")
    parser.add_argument(
        "--companies", type=int, default=0, help="so many others as a truth too (0)"
    )
    parser.add_argument("--apart", action="store_true", help="tries lie apart")
    parser.add_argument("--memory", default="2GB", help="DuckDB's limit (2GB)")
    options = parser.parse_args()
    of_others = {}
    if options.companies:
        large = Parameters(customers=_OF_OTHERS)
        seeds = range(_FIRST_OTHER, _FIRST_OTHER + options.companies)
        of_others = defined.elsewhere(large, seeds).probabilities()
    for seed in options.seeds:
        parameters = Parameters(customers=options.customers, seed=seed)
        if options.apart:
            parameters = replace(parameters, **APART)
        folder = options.folder / f"journeys_{seed}{'_apart' if options.apart else ''}"
        simulated.make(folder, parameters, options.memory)
        many = defined.others(parameters, options.others)
        print(defined.report(many, options.customers, f"seed {seed}, the definition"))
        by_definition = simulated.compare(folder, many.probabilities())
        print(simulated.report(by_definition, f"seed {seed}, by the definition"))
        if of_others:
            found = simulated.compare(folder, of_others)
            print(simulated.report(found, f"seed {seed}, by the definition in other companies"))
        by_chain = simulated.compare(folder, simulated.chain(folder))
        print(simulated.report(by_chain, f"seed {seed}, by the chain"))
        if not options.apart:
            for cause, cells in causes.without(folder, parameters, options.memory).items():
                print(simulated.report(cells, f"seed {seed}, by the chain, {cause}"))


if __name__ == "__main__":
    main()
