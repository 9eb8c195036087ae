"""Where Rapport keeps things and how much it may use, read once from the environment."""

import os
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from rapport.errors import SettingsError

PROJECT_DIR = Path(__file__).resolve().parents[2]
WAREHOUSE_FILE = "rapport_build.duckdb"
# Two of the sandbox, real and simulated, and one's own accounts.
COMPANIES = ("complete-journey", "simulated", "own")

# Policies (variables of the dbt project) that a company of the sandbox brings with it, as one
# project serves all; those of one's own company stand in dbt_project.yml. The real households'
# orders fill exactly the year 2017 on New York's clock, and peak at five in the afternoon in winter
# and summer; the simulated firm works from 8 to 18 in UTC, an hour or two later in Berlin.
_POLICIES = {
    "complete-journey": {"reporting_time_zone": "America/New_York"},
    "simulated": {"reporting_time_zone": "Europe/Berlin"},
}


def cutoff_of(as_of: date) -> datetime:
    """Return the first instant that the night of ``as_of`` no longer sees (UTC).

    Example:
        >>> cutoff_of(date(2018, 1, 2)).isoformat()
        '2018-01-03T00:00:00+00:00'
    """
    return datetime(as_of.year, as_of.month, as_of.day, tzinfo=UTC) + timedelta(days=1)


@dataclass(frozen=True)
class Settings:
    """Paths and limits of one installation.

    Attributes:
        home: folder that holds all state (``RAPPORT_HOME``; default ``var`` in the project, and
            ``var/<company>`` for a company that is not the default one).
        project_dir: the checked-out project, with ``dbt_project`` and ``expectations``.
        company: whom the nights are about (``RAPPORT_COMPANY``): ``complete-journey`` (the
            sandbox's, on real purchases), ``simulated`` (the sandbox's, with a known truth) or
            ``own``.
        schedule: cron of the nightly run, or ``None`` to run only when asked
            (``RAPPORT_SCHEDULE``, default ``0 2 * * *``; ``none`` switches it off).
        keep_releases: how many releases stay on disk (``RAPPORT_KEEP_RELEASES``).
        memory_limit: DuckDB's, as DuckDB writes it (``RAPPORT_MEMORY_LIMIT``).
        threads: DuckDB's and dbt's (``RAPPORT_THREADS``).
    """

    home: Path
    project_dir: Path
    company: str
    schedule: str | None
    keep_releases: int
    memory_limit: str
    threads: int

    @classmethod
    def from_env(cls) -> "Settings":
        """Read the environment; every value has a default.

        Raises:
            SettingsError: a number is not a number or below its least value, or the company
                is not known.
        """
        schedule = os.environ.get("RAPPORT_SCHEDULE", "0 2 * * *").strip()
        company = os.environ.get("RAPPORT_COMPANY") or COMPANIES[0]
        if company not in COMPANIES:
            raise SettingsError(f"RAPPORT_COMPANY must be one of {COMPANIES}, not {company!r}")
        return cls(
            company=company,
            home=Path(os.environ.get("RAPPORT_HOME") or _default_home(company)).resolve(),
            project_dir=PROJECT_DIR,
            schedule=None if schedule.lower() in {"", "none"} else schedule,
            keep_releases=whole_number("RAPPORT_KEEP_RELEASES", default=7, least=1),
            memory_limit=os.environ.get("RAPPORT_MEMORY_LIMIT") or _memory_share(0.6),
            threads=whole_number("RAPPORT_THREADS", default=os.cpu_count() or 1, least=1),
        )

    @property
    def has_sandbox(self) -> bool:
        """Whether the sandbox's company is pulled from, not one's own accounts."""
        return self.company != "own"

    @property
    def policies(self) -> dict[str, str]:
        """Variables of the dbt project that the company has of its own."""
        return dict(_POLICIES.get(self.company, {}))

    @property
    def landing_dir(self) -> Path:
        """Parquet as it came, one folder per source and resource."""
        return self.home / "landing"

    @property
    def work_dir(self) -> Path:
        """The extracts' working folders: a load that is not finished waits here."""
        return self.home / "work"

    @property
    def warehouse_path(self) -> Path:
        """The build file. One writer, no readers."""
        return self.home / "warehouse" / WAREHOUSE_FILE

    @property
    def temp_dir(self) -> Path:
        """Where DuckDB spills."""
        return self.home / "warehouse" / "tmp"

    @property
    def releases_dir(self) -> Path:
        """Published releases and ``current``."""
        return self.home / "releases"

    @property
    def data_docs_dir(self) -> Path:
        """What the gate found, as pages."""
        return self.home / "data_docs"

    @property
    def logs_dir(self) -> Path:
        """Logs of processes and of dbt."""
        return self.home / "logs"

    @property
    def build_record_path(self) -> Path:
        """What the last build did, node by node."""
        return self.home / "warehouse" / "last_build.jsonl"

    @property
    def dbt_log_path(self) -> Path:
        """Every line of dbt."""
        return self.logs_dir / "dbt" / "dbt.log"

    @property
    def airflow_home(self) -> Path:
        """Airflow's own folder in embedded mode."""
        return self.home / "airflow"

    @property
    def dbt_project_dir(self) -> Path:
        """The dbt project."""
        return self.project_dir / "dbt_project"

    @property
    def expectations_dir(self) -> Path:
        """Suites, audits and checkpoints."""
        return self.project_dir / "expectations"

    def dbt_environment(self) -> dict[str, str]:
        """Return what ``profiles.yml`` and the sources read from the environment."""
        return {
            "RAPPORT_WAREHOUSE": str(self.warehouse_path),
            "RAPPORT_LANDING": str(self.landing_dir),
            "RAPPORT_MEMORY_LIMIT": self.memory_limit,
            "RAPPORT_TEMP_DIR": str(self.temp_dir),
            "RAPPORT_THREADS": str(self.threads),
            "DBT_LOG_PATH": str(self.dbt_log_path.parent),
            "DBT_LOG_LEVEL_FILE": "info",
        }


def _default_home(company: str) -> Path:
    """A folder for each company, so that one command tries another without mixing the two."""
    home = PROJECT_DIR / "var"
    return home if company == COMPANIES[0] else home / company


def whole_number(name: str, *, default: int, least: int, most: int | None = None) -> int:
    """Return an environment variable as a whole number.

    Raises:
        SettingsError: it is no whole number, below the least or above the most.
    """
    text = os.environ.get(name) or str(default)
    if not text.isdecimal() or int(text) < least:
        raise SettingsError(f"{name} must be a whole number of at least {least}, not {text!r}")
    if most is not None and int(text) > most:
        raise SettingsError(f"{name} must be a whole number of at most {most}, not {text!r}")
    return int(text)


def _memory_share(share: float) -> str:
    """A share of the machine's memory, in DuckDB's spelling."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return f"{int(total * share / 2**20)}MiB"
