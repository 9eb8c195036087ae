"""How well and how fast records are tied to customers.

python -m benchmarks.identity scale       a million contact records: seconds and memory
python -m benchmarks.identity febrl       precision and recall on Febrl 1 to 4
python -m benchmarks.identity simulated   the same on the sandbox's simulated company
python -m benchmarks.identity households  whether any two people who live together are tied
"""

import argparse
from pathlib import Path

from rapport.settings import PROJECT_DIR


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="benchmarks.identity",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", choices=["scale", "febrl", "simulated", "households"])
    parser.add_argument("--folder", type=Path, default=PROJECT_DIR / "var" / "benchmarks")
    parser.add_argument("--people", type=int, default=400_000, help="scale: how many (400,000)")
    parser.add_argument("--memory", default="2GB", help="scale: DuckDB's limit (2GB)")
    parser.add_argument("--fuzzy", action="store_true", help="scale: with likeness (off)")
    parser.add_argument(
        "--customers", type=int, default=20_000, help="simulated: how many (20,000)"
    )
    parser.add_argument("--seed", type=int, default=11, help="simulated: of the company (11)")
    options = parser.parse_args()
    folder = options.folder / options.what
    folder.mkdir(parents=True, exist_ok=True)
    if options.what == "scale":
        from benchmarks.identity import scale

        scale.run(folder, people=options.people, memory=options.memory, is_fuzzy=options.fuzzy)
    elif options.what == "febrl":
        from benchmarks.identity import febrl

        febrl.run(folder)
    elif options.what == "households":
        from benchmarks.identity import households

        households.run(folder)
    else:
        from benchmarks.identity import simulated

        simulated.run(folder, customers=options.customers, seed=options.seed)


if __name__ == "__main__":
    main()
