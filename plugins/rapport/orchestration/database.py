"""``python -m rapport.orchestration.database POOLS``: have Airflow's database ready.

Both commands in one process, as most of the time of each is Airflow's start.
"""

import sys

from airflow.cli import cli_parser


def main(pools: str) -> None:
    """Bring the schema up to date and the pools as the file has them."""
    for command in (["db", "migrate"], ["pools", "import", pools]):
        arguments = cli_parser.get_parser().parse_args(command)
        arguments.func(arguments)


if __name__ == "__main__":
    main(sys.argv[1])
