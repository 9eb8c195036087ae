"""What was told already, so that an incident is one message.

``<home>/alerts.jsonl`` has a line per message that reached at least one channel. It is read by
three processes of Airflow that share nothing else than the home folder. Where it cannot be read or
written, people are rather told twice than not at all.
"""

import json
import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from rapport.alerts.message import Alert

FILE = "alerts.jsonl"
AGAIN_AFTER = timedelta(hours=24)

logger = logging.getLogger(__name__)


class Told:
    """The messages of an installation.

    Args:
        home: its folder.
    """

    def __init__(self, home: Path) -> None:
        self._path = home / FILE

    def note(self, alert: Alert, channels: list[str]) -> None:
        """Note that a message was sent."""
        line = {
            "at": alert.at.isoformat(timespec="seconds"),
            "kind": alert.kind,
            "run_id": alert.run_id,
            "release_id": alert.release.release_id if alert.release else None,
            "channels": channels,
        }
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            logger.warning("%s cannot be written: %s", self._path, error.strerror)

    def of_run(self, run_id: str) -> bool:
        """Whether anything was told of a run."""
        return any(each["run_id"] == run_id for each in self._all())

    def of_release(self, release_id: str, now: datetime) -> bool:
        """Whether anything was told within a day while readers had this release."""
        return any(
            each["release_id"] == release_id
            and now - datetime.fromisoformat(each["at"]) < AGAIN_AFTER
            for each in self._all()
        )

    def last(self) -> dict[str, Any] | None:
        """The newest message: ``at``, ``kind``, ``run_id``, ``release_id`` and ``channels``."""
        return max(self._all(), key=lambda each: str(each["at"]), default=None)

    def _all(self) -> Iterator[dict[str, Any]]:
        try:
            lines = self._path.read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError):
            return
        for line in lines:
            try:
                told = json.loads(line)
                datetime.fromisoformat(told["at"])
            except (ValueError, KeyError, TypeError):  # a line that was cut off
                continue
            yield {"kind": "", "run_id": "", "release_id": None, "channels": []} | told
