"""Import the dashboards of this folder into a Superset: ``python bi/superset/import.py``.

Runs with the Python and the configuration of that Superset (``SUPERSET_CONFIG_PATH``). What was
imported before is replaced, whoever changed it; what is of others stays. Which columns a table has,
and what they mean, Superset then reads from the database.

Environment:
    RAPPORT_BI_URL: where the release is in Postgres, for a role that only reads:
        ``postgresql://<role>:<password>@<host>:<port>/<database>``. Superset keeps it in its own
        metadata, the password encrypted. Without it the connection stays as it was.
    RAPPORT_BI_OWNER: Superset's user whose the dashboards are; ``admin`` unless said otherwise.
"""

import os
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
DATABASE = "databases/rapport.yaml"
MASK = "X" * 10  # Superset's own, for a password that is not told


def contents(url: str | None) -> tuple[dict[str, str], dict[str, str]]:
    """Return the files by their place in the folder, and the password apart.

    Args:
        url: of the database, in place of the one in the file.
    """
    import yaml
    from sqlalchemy.engine import make_url

    files = {
        path.relative_to(HERE).as_posix(): path.read_text() for path in sorted(HERE.rglob("*.yaml"))
    }
    if url is None:
        return files, {}
    told = make_url(url)
    database = yaml.safe_load(files[DATABASE])
    shown = told.set(drivername="postgresql+psycopg2", password=told.password and MASK)
    database["sqlalchemy_uri"] = shown.render_as_string(hide_password=False)
    files[DATABASE] = yaml.safe_dump(database)
    return files, {DATABASE: told.password} if told.password else {}


def main() -> None:
    from superset.app import create_app

    with create_app().app_context():
        from flask import g
        from superset import db, security_manager
        from superset.commands.importers.v1.assets import ImportAssetsCommand
        from superset.connectors.sqla.models import SqlaTable
        from superset.models.core import Database

        name = os.environ.get("RAPPORT_BI_OWNER", "admin")
        g.user = security_manager.find_user(username=name)
        if g.user is None:
            sys.exit(f"Superset has no user {name!r}; set RAPPORT_BI_OWNER to one that it has.")
        url = os.environ.get("RAPPORT_BI_URL")
        uuid = "e6cb8bb0-0000-0000-0000-000000000000"
        files, passwords = contents(url)
        ImportAssetsCommand(files, passwords=passwords).run()


if __name__ == "__main__":
    main()
