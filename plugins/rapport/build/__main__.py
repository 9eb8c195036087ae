"""``python -m rapport.build``: have dbt parse the project, as the DAG and every build need it."""

import sys

from rapport.build.project import parse_if_changed
from rapport.errors import SettingsError
from rapport.settings import PROJECT_DIR


def main() -> int:
    """Parse the project if it changed; 1 and dbt's message when it cannot be parsed."""
    try:
        parse_if_changed(PROJECT_DIR / "dbt_project", lambda text: print(text, flush=True))  # noqa: T201
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
