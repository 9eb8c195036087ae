"""dbt on DuckDB as a night runs it: the project is not parsed again."""

import sys

from rapport.build.project import load_manifest
from rapport.build.run import invoke
from rapport.settings import PROJECT_DIR


def main(arguments: list[str]) -> None:
    project = PROJECT_DIR / "dbt_project"
    passed, said = invoke(project, arguments, environment={}, manifest=load_manifest(project))
    if not passed:
        raise SystemExit(said or 1)


if __name__ == "__main__":
    main(sys.argv[1:])
