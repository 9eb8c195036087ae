"""``python -m rapport.build``: have dbt parse the project, as the DAG and every build need it.

And write its documentation of it, which the page in Airflow's UI links.
"""

import sys

from rapport.build.project import docs_path, parse_if_changed, write_docs
from rapport.errors import SettingsError
from rapport.settings import PROJECT_DIR


def main() -> int:
    """Parse the project if it changed; 1 and dbt's message when it cannot be parsed."""
    project = PROJECT_DIR / "dbt_project"
    try:
        parse_if_changed(project, lambda text: print(text, flush=True))  # noqa: T201
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    if not docs_path(project).exists():
        try:
            write_docs(project)
        except SettingsError as error:  # nights need none
            print(error, flush=True)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
