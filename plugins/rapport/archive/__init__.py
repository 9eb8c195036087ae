"""Object storage that keeps what a lost disk would take: landing, releases and their history.

::

    <RAPPORT_ARCHIVE>/
      landing/<source>/...                as in the home; a list's line is written after its files
      landing/.erased/<request>.json      who may not land again; the key is in the home's backup
      releases/<release_id>/<file>        as in the home; the manifest is written after the others
      releases/history.jsonl              who published, rolled back and removed what
      releases/current.json               {"release_id": ..., "as_of": ...}: written last, whole
      logs/...                            of Airflow's tasks (`rapport.orchestration.logs`)

It is a copy and never a place to work in: nights read and write the home alone, so that a store
which does not answer costs a night nothing but its copy. What is there already is not sent again;
an upload that was interrupted is finished by the next one. A reader beside the installation opens
what ``current.json`` names.
"""

from rapport.archive.copies import Copied, current_in, push, restore, verify
from rapport.archive.erase import count_stale, erase_from_archive
from rapport.archive.store import Store

__all__ = [
    "Copied",
    "Store",
    "count_stale",
    "current_in",
    "erase_from_archive",
    "push",
    "restore",
    "verify",
]
