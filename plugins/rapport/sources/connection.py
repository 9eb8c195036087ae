"""How to reach a source: what Airflow's connection says, without Airflow."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rapport.sources.deadline import Deadline

DEADLINE_SECONDS = 3600.0


@dataclass(frozen=True)
class Connection:
    """Address and credentials of one source.

    Attributes:
        id: the connection's name, which errors carry.
        url: base URL of an API, or the SQLAlchemy URL of a database.
        secret: token or key; never shown.
        options: the connection's extra fields.
        deadline: when the pull that this is made for must have ended; `dataclasses.replace` gives
            it anew.
    """

    id: str
    url: str = field(repr=False)  # a database's URL holds its password
    secret: str = field(default="", repr=False)
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    deadline: Deadline = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        seconds = float(self.options.get("deadline_seconds", DEADLINE_SECONDS))
        object.__setattr__(self, "deadline", Deadline(self.id, seconds))
