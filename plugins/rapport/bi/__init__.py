"""Postgres for BI tools: the releases that readers of files have, as schemas of a database.

::

    rapport                           the release that is current, under the name that tools use
    rapport_2018_01_01_9d1f0c2b7a55   those before it that are still on disk, newest nights first
    rapport_loading                   one that is being loaded, or was when a process died

A schema holds every table of the release under its own name, ``release`` with one row among them,
with descriptions, keys and the grant of the role `READER`. It is built aside; the current one is
switched by renaming two schemas in one transaction (`rapport.bi.switch`).

Which release is current says the folder of releases, and nothing else: a night, a rollback and a
subtraction switch there, and Postgres follows. Which ones stay is that folder's too.
"""

from rapport.bi.load import customers_held, given_to_postgres, load
from rapport.bi.server import READER, SCHEMA, Held, Server, held_releases

__all__ = [
    "READER",
    "SCHEMA",
    "Held",
    "Server",
    "customers_held",
    "given_to_postgres",
    "held_releases",
    "load",
]
