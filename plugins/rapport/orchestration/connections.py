"""From Airflow's connections to what a source needs."""

import json
import os

from airflow.sdk import BaseHook
from airflow.sdk import Connection as AirflowConnection
from airflow.sdk.exceptions import AirflowNotFoundException
from sqlalchemy import URL

from rapport.errors import SourceDenied
from rapport.settings import Settings
from rapport.sources.connection import Connection
from rapport.sources.declared import Declared, declared
from rapport.sources.mapped import MappedSource

DEFAULT_URLS = {
    "hubspot": "https://api.hubapi.com",
    "klaviyo": "https://a.klaviyo.com/api",
}
# Whoever changes something has a connection of its own: pulls may only read.
ACTIVATION = "activate_"
DRIVERS = {
    "mysql": "mysql+pymysql",
    "postgres": "postgresql+psycopg",
    "sqlite": "sqlite",
}
# How PostgreSQL's library encrypts, as Airflow writes it in a connection's extra.
ENCRYPTION = ("sslmode", "sslrootcert", "sslcert", "sslkey")


def declared_sources(*, parses: bool = True) -> Declared:
    """Return what the firm of this installation has.

    Args:
        parses: False where a DAG is read, every few minutes: mappings are not looked into.

    Raises:
        SourcesError: `sources.yml` cannot be used, or nothing says what there is.
    """
    return declared(Settings.from_env(), is_connected, parses=parses)


def is_connected(source: str) -> bool:
    """Whether there is a connection to a source; the environment is looked at first."""
    if os.environ.get(f"AIRFLOW_CONN_{_id_of(source).upper()}"):
        return True
    try:
        BaseHook.get_connection(_id_of(source))
    except AirflowNotFoundException:
        return False
    return True


def bi_connection() -> Connection | None:
    """Return the connection ``rapport_bi``, None where there is none.

    Raises:
        SourceDenied: it cannot be read, is none to PostgreSQL, or something is missing in it.
    """
    if not is_connected("bi"):
        return None
    found = source_connection("bi")
    if not found.url.startswith(DRIVERS["postgres"]):
        raise SourceDenied(found.id, "BI tools are given PostgreSQL; make its type postgres")
    return found


def activation_connection(destination: str) -> Connection:
    """Return the connection ``rapport_activate_<destination>``.

    Raises:
        SourceDenied: there is none, it cannot be read, or it does not say where to.
    """
    return source_connection(f"{ACTIVATION}{destination}")


def _id_of(source: str) -> str:
    return f"rapport_{source}"


def source_connection(source: str, mapped: MappedSource | None = None) -> Connection:
    """Return the connection ``rapport_<source>``.

    Args:
        source: its name.
        mapped: what the firm declares of it, if it is one of its own. Files need no connection:
            those on a disk none at all, others where the machine has no right to the storage.

    Raises:
        SourceDenied: there is no such connection, it cannot be read, its type is not supported, or
            something is missing in it.
    """
    connection_id = _id_of(source)
    variable = f"AIRFLOW_CONN_{connection_id.upper()}"
    try:
        found = BaseHook.get_connection(connection_id)
    except AirflowNotFoundException:
        if mapped and mapped.kind == "files" and not os.environ.get(variable):
            return Connection(connection_id, mapped.path)
        if os.environ.get(variable):  # Airflow takes what it cannot read for absent
            raise SourceDenied(
                connection_id, f"{variable} is set, and is no connection, neither JSON nor a URI"
            ) from None
        raise SourceDenied(
            connection_id,
            "no such Airflow connection. Make it under Admin > Connections, or set "
            f"{variable}{_way_out(source, mapped)}",
        ) from None
    return connection_of(source, found, mapped)


def _way_out(source: str, mapped: MappedSource | None) -> str:
    """What a firm does that has no such thing."""
    if source.startswith(ACTIVATION):
        return ""
    return f"; a firm without it {'removes' if mapped else 'leaves it out of'} " + (
        str(mapped.said_in) if mapped else "sources.yml"
    )


def connection_of(
    source: str, found: AirflowConnection, mapped: MappedSource | None = None
) -> Connection:
    """Return what a source needs of Airflow's connection to it.

    Args:
        source: its name.
        found: Airflow's connection.
        mapped: what the firm declares of it, if it is one of its own.

    Raises:
        SourceDenied: its type is not supported, or something is missing in it.
    """
    connection_id = _id_of(source)
    try:
        json.loads(found.extra or "{}")
    except ValueError:  # of which Airflow makes an empty one
        raise SourceDenied(connection_id, "its extra is not JSON") from None
    vendor = source.removeprefix(ACTIVATION)
    options = found.extra_dejson
    if mapped and mapped.kind != "sql":
        url = mapped.path or _url_of(connection_id, found)
        options = options | {"login": found.login}
    elif vendor in DEFAULT_URLS:
        url = found.host or DEFAULT_URLS[vendor]
    elif source != vendor:
        url = found.host or found.schema or ""
        if not url:
            raise SourceDenied(connection_id, "has no host, which says where to")
    else:
        url = _database_url(connection_id, found)
    return Connection(
        id=connection_id,
        url=url.rstrip("/"),
        secret=found.password or "",
        options=options,
    )


def _url_of(connection_id: str, found: AirflowConnection) -> str:
    """The address of an API: as the host says it, or of its parts."""
    if not found.host:
        raise SourceDenied(connection_id, "has no host, which is the address of the API")
    if "://" in found.host:
        return str(found.host)
    return f"{found.schema or 'https'}://{found.host}{f':{found.port}' if found.port else ''}"


def _database_url(connection_id: str, found: AirflowConnection) -> str:
    if not found.conn_type:  # Airflow makes a URI of whatever is no JSON
        raise SourceDenied(
            connection_id, "has no type: JSON names its conn_type, a URI begins with it"
        )
    if found.conn_type not in DRIVERS:
        raise SourceDenied(
            connection_id,
            f"connection type {found.conn_type!r} is not one of {sorted(DRIVERS)}",
        )
    if found.conn_type == "sqlite":
        if not (path := found.host or found.schema):
            raise SourceDenied(connection_id, "has no host, which is the path of the SQLite file")
        return f"sqlite:///{path}"
    parts = {"host": found.host, "schema (the database)": found.schema, "login": found.login}
    if missing := [name for name, value in parts.items() if not value]:
        raise SourceDenied(connection_id, f"has no {', no '.join(missing)}; set them")
    extra = found.extra_dejson if found.conn_type == "postgres" else {}
    url = URL.create(
        DRIVERS[found.conn_type],
        username=found.login,
        password=found.password,
        host=found.host,
        port=found.port,
        database=found.schema,
        query={key: extra[key] for key in ENCRYPTION if extra.get(key)},
    )
    return url.render_as_string(hide_password=False)
