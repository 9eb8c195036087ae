"""How to reach a source: what Airflow's connection says, without Airflow."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Connection:
    """Address and credentials of one source.

    Attributes:
        id: the connection's name, which errors carry.
        url: base URL of an API, or the SQLAlchemy URL of a database.
        secret: token or key; never shown.
        options: the connection's extra fields.
    """

    id: str
    url: str = field(repr=False)  # a database's URL holds its password
    secret: str = field(default="", repr=False)
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
