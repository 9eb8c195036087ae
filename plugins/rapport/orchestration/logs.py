"""Airflow's logging, and the tasks' logs in the archive too.

Named by ``[logging] logging_config_class``. A task's log is sent when the task has ended; the home
stays the place where it is read, and the archive is asked for a log that is not there any more.
Airflow's own way to S3 brings fifteen packages and knows no other kind of store
(docs/decisions/0040-object-storage-keeps-a-copy.md).
"""

import logging
from os import PathLike
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from airflow.config_templates.airflow_local_settings import (
    BASE_LOG_FOLDER,
    DEFAULT_LOGGING_CONFIG,
)

from rapport.errors import ArchiveError
from rapport.settings import Settings

if TYPE_CHECKING:
    from rapport.archive import Store

LOGS = "logs"
LOGGING_CONFIG = DEFAULT_LOGGING_CONFIG
DEFAULT_REMOTE_CONN_ID = None

logger = logging.getLogger(__name__)


class ArchivedLogs:
    """What Airflow asks of a remote task log (``airflow.logging.remote.RemoteLogIO``).

    Args:
        store: the archive.
        folder: of the logs here.
    """

    processors = ()

    def __init__(self, store: "Store", folder: Path) -> None:
        self._store = store
        self._folder = folder

    def upload(self, path: PathLike[str] | str, ti: Any = None) -> None:
        """Send a log, all of it as it is now; that it cannot be sent fails no task."""
        here = self._folder / path
        if not here.is_file():
            return
        try:
            self._store.put({f"{LOGS}/{here.relative_to(self._folder).as_posix()}": here})
        except ArchiveError as error:
            logger.warning("the task's log stays here only: %s", error)

    def read(self, relative_path: str, ti: Any) -> tuple[list[str], list[str] | None]:
        """Return where a log was found and what it says; nothing if it is still here.

        What a trigger said is beside it, under its name with an ending.
        """
        here = self._folder / relative_path
        if here.exists() or any(here.parent.glob(f"{here.name}.trigger.*")):
            return [], None
        asked = PurePosixPath(LOGS, relative_path)
        try:
            names = [
                f"{asked.parent}/{name}"
                for name in sorted(self._store.sizes(str(asked.parent)))
                if name == asked.name or name.startswith(f"{asked.name}.trigger.")
            ]
            said = [(self._store.read(name) or b"").decode(errors="replace") for name in names]
        except ArchiveError as error:
            return [str(error)], None
        return [f"{self._store.url}/{name}" for name in names], said or None


def _of(settings: Settings) -> ArchivedLogs | None:
    if settings.archive is None:
        return None
    from rapport.archive import Store  # with all that reads a landing: every process is here

    return ArchivedLogs(Store(settings.archive), Path(BASE_LOG_FOLDER))


REMOTE_TASK_LOG = _of(Settings.from_env())
