"""Import the dashboards of this folder into a Superset: ``python bi/superset/import.py``.

``--check`` only looks whether the release can be read at RAPPORT_BI_URL, which needs no Superset.

Runs with the Python and the configuration of that Superset (``SUPERSET_CONFIG_PATH``). What was
imported before is replaced, whoever changed it; what is of others stays. Which columns a table has
and what they mean is not in the files: Superset reads it from the database.

Environment:
    RAPPORT_BI_URL: where the release is in Postgres, for a login that only reads:
        ``postgresql://<login>:<password>@<host>:<port>/<database>``. Superset keeps it in its own
        metadata, the password encrypted. Without it the connection stays as it was there.
    RAPPORT_BI_OWNER: Superset's user whose the dashboards are; ``admin`` unless said otherwise.
"""

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
DATABASE = "databases/rapport.yaml"
DRIVER = "postgresql+psycopg2"
FORM = "postgresql://<login>:<password>@<host>:<port>/<database>"
MASK = "X" * 10  # Superset's own, for a password that is not told


def reach(url: str) -> None:
    """Read of the release as Superset will; ends the program where that cannot be.

    Args:
        url: of the database.
    """
    from sqlalchemy import create_engine, text
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError, DBAPIError

    try:
        told = make_url(url)
    except (ArgumentError, ValueError):  # it says all of it, the password too
        told = None
    if told is None or not told.drivername.startswith("postgres") or not told.database:
        sys.exit(f"RAPPORT_BI_URL is not of the form {FORM}")
    try:
        with create_engine(told.set(drivername=DRIVER)).connect() as session:
            session.execute(text("select release_id from rapport.release"))
    except DBAPIError as error:
        why = str(error.orig).strip().partition("\n")[0]
        sys.exit(f"the release cannot be read: {why}. {ADVICE}")


def contents(url: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return the files by their place in the folder, and the database's password apart.

    Args:
        url: of the database, in place of the one in the file, which nobody has.
    """
    import yaml
    from sqlalchemy.engine import make_url

    files = {
        path.relative_to(HERE).as_posix(): path.read_text() for path in sorted(HERE.rglob("*.yaml"))
    }
    told = make_url(url)
    shown = told.set(drivername=DRIVER, password=MASK if told.password else None)
    database = yaml.safe_load(files[DATABASE])
    database["sqlalchemy_uri"] = shown.render_as_string(hide_password=False)
    files[DATABASE] = yaml.safe_dump(database)
    return files, {DATABASE: str(told.password)} if told.password else {}


def main() -> None:
    from superset.app import create_app

    with create_app().app_context():
        # Superset's own modules can be imported only where an app is.
        import yaml
        from flask import g
        from sqlalchemy.exc import SQLAlchemyError
        from superset import db, security_manager
        from superset.commands.importers.v1.assets import ImportAssetsCommand
        from superset.connectors.sqla.models import SqlaTable
        from superset.exceptions import SupersetException
        from superset.models.core import Database

        owner = os.environ.get("RAPPORT_BI_OWNER", "admin")
        g.user = security_manager.find_user(username=owner)
        if g.user is None:
            sys.exit(f"Superset has no user {owner!r}; set RAPPORT_BI_OWNER to one that it has")
        uuid = yaml.safe_load((HERE / DATABASE).read_text())["uuid"]
        there = db.session.query(Database).filter_by(uuid=uuid).one_or_none()
        # A connection that is imported replaces the one that is there, its password too.
        url = os.environ.get("RAPPORT_BI_URL") or (there and there.sqlalchemy_uri_decrypted)
        if not url:
            sys.exit(f"Superset has no connection to the release yet; set RAPPORT_BI_URL to {FORM}")
        reach(url)
        files, passwords = contents(url)
        # `superset import-dashboards` leaves charts, tables and connections as they were.
        ImportAssetsCommand(files, passwords=passwords).run()
        for name in (name for name in files if name.startswith("datasets/")):
            uuid = yaml.safe_load(files[name])["uuid"]
            table = db.session.query(SqlaTable).filter_by(uuid=uuid).one()
            try:
                table.fetch_metadata()
            except (SQLAlchemyError, SupersetException) as error:
                why = type(error.__cause__ or error).__name__
                sys.exit(f"{name}: its columns cannot be read: {why}. {ADVICE}")
        db.session.commit()
    kinds = ("dashboards", "charts", "datasets")
    counts = [sum(name.startswith(f"{kind}/") for name in files) for kind in kinds]
    print("imported {} dashboards with {} charts of {} tables".format(*counts))


ADVICE = (
    "Is the release in that database (`rapport bi load`), and may the login of RAPPORT_BI_URL "
    "read it (`grant rapport_reader to <login>`)? docs/runbooks/bi.md"
)

if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        reach(os.environ["RAPPORT_BI_URL"])
    else:
        main()
