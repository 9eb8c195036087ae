"""The company as it stands in its folder: where its databases are, and how large it is."""

import json
from dataclasses import dataclass
from pathlib import Path

COMPLETE_JOURNEY, SIMULATED = "complete-journey", "simulated"


@dataclass(frozen=True)
class Company:
    """A prepared company.

    Attributes:
        folder: holds the two databases and the marker.
        fingerprint: changes when the data set, the size or the building code changes.
        households: how many were asked for; None means all of them.
        counts: rows by table or collection, at the end of time.
        name: ``complete-journey``, or ``simulated`` (its households are people, and it has a
            ``truth.duckdb``).
        days: length of the history of a simulated one.
        seed: of a simulated one.
    """

    folder: Path
    fingerprint: str
    households: int | None
    counts: dict[str, int]
    name: str = COMPLETE_JOURNEY
    days: int | None = None
    seed: int | None = None

    @property
    def shop_path(self) -> Path:
        """The shop's SQLite database; its views are what the shop shows."""
        return self.folder / "shop.sqlite"

    @property
    def crm_path(self) -> Path:
        """Every version of every record that the two APIs serve."""
        return self.folder / "crm.sqlite"

    @property
    def truth_path(self) -> Path:
        """What is true about a simulated company, for tests and benchmarks only."""
        return self.folder / "truth.duckdb"

    @property
    def marker_path(self) -> Path:
        """Written last: where it stands, the company is whole."""
        return self.folder / "prepared.json"


def find(home: Path) -> Company | None:
    """Return the company that stands below ``home``, or None."""
    folder = Path(home).resolve() / "sandbox"
    try:
        marker = json.loads((folder / "prepared.json").read_text())
    except FileNotFoundError:
        return None
    company = Company(folder, **marker)
    return company if company.shop_path.exists() and company.crm_path.exists() else None
