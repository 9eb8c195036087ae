"""Where Rapport keeps things and how much it may use, read once from the environment."""

import os
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from rapport.errors import SettingsError

PROJECT_DIR = Path(__file__).resolve().parents[2]
WAREHOUSE_FILE = "rapport_build.duckdb"
SPARK_TABLES = "spark"  # beside it
# Two of the sandbox, real and simulated, and one's own accounts.
ENGINES = ("duckdb", "spark")
COMPANIES = ("complete-journey", "simulated", "own")


@dataclass(frozen=True)
class Variable:
    """A setting of the installation: a variable of the environment.

    Attributes:
        name: ``RAPPORT_<THING>``.
        type: ``text``, ``path``, ``integer`` or one of ``choices``.
        default: as one would write it; None where it depends on the machine or on others, which
            ``sentence`` then says.
        sentence: what it is for.
        least: of a whole number.
        most: of a whole number.
        choices: all that it may be.
    """

    name: str
    type: str
    default: str | None
    sentence: str
    least: int | None = None
    most: int | None = None
    choices: tuple[str, ...] = ()

    def text(self) -> str:
        """Return what the environment says, or the default; empty where neither says anything."""
        return os.environ.get(self.name) or self.default or ""

    def number(self) -> int:
        """Return it as a whole number.

        Raises:
            SettingsError: it is no whole number, below the least or above the most.
        """
        text = self.text()
        if self.least is not None and (not text.isdecimal() or int(text) < self.least):
            raise SettingsError(
                f"{self.name} must be a whole number of at least {self.least}, not {text!r}"
            )
        if self.most is not None and int(text) > self.most:
            raise SettingsError(
                f"{self.name} must be a whole number of at most {self.most}, not {text!r}"
            )
        return int(text)

    def choice(self) -> str:
        """Return it as one of the choices.

        Raises:
            SettingsError: it is none of them.
        """
        text = self.text()
        if text not in self.choices:
            raise SettingsError(f"{self.name} must be one of {self.choices}, not {text!r}")
        return text


# What the environment may say, all of it; the firm's policies are a file (rapport/policy.py).
ENVIRONMENT = {
    variable.name: variable
    for variable in (
        Variable(
            "RAPPORT_COMPANY",
            "choice",
            COMPANIES[0],
            "Whom the nights are about: a company of the sandbox, or one's own accounts.",
            choices=COMPANIES,
        ),
        Variable(
            "RAPPORT_HOME",
            "path",
            None,
            "Folder that holds all state; var in the project, and var/<company> for another "
            "company than the default one, unless set.",
        ),
        Variable(
            "RAPPORT_POLICY",
            "path",
            None,
            "The firm's policies; policy.yml in the home folder, if there is one, unless set.",
        ),
        Variable(
            "RAPPORT_SCHEDULE",
            "text",
            "0 2 * * *",
            "Cron of the nightly run, in UTC; none runs nights only when asked.",
        ),
        Variable(
            "RAPPORT_RELEASE_WITHIN_MINUTES",
            "integer",
            "240",
            "Minutes within which a night must be released, from its begin; then it is told.",
            least=1,
        ),
        Variable(
            "RAPPORT_RELEASE_MAX_AGE_HOURS",
            "integer",
            "30",
            "Hours that the current release may be old: those between two nights, and some.",
            least=1,
        ),
        Variable(
            "RAPPORT_KEEP_RELEASES",
            "integer",
            "7",
            "Nights whose releases stay on disk.",
            least=1,
        ),
        Variable(
            "RAPPORT_ARCHIVE",
            "text",
            None,
            "Object storage that keeps a copy of landing and releases and the tasks' logs, as "
            "s3://bucket/folder; none unless set.",
        ),
        Variable(
            "RAPPORT_MEMORY_LIMIT",
            "text",
            None,
            "DuckDB's memory, as DuckDB writes it; 60 % of the machine's unless set.",
        ),
        Variable(
            "RAPPORT_THREADS",
            "integer",
            None,
            "DuckDB's and dbt's threads; as many as there are processors unless set.",
            least=1,
        ),
        Variable(
            "RAPPORT_ENGINE",
            "choice",
            ENGINES[0],
            "What builds the tables that grow with events: DuckDB, as all else, or Spark, where "
            "one machine is outgrown.",
            choices=ENGINES,
        ),
        Variable(
            "RAPPORT_SPARK_HOST",
            "text",
            None,
            "Host of a Spark cluster's Thrift server, which sees the home folder under the same "
            "path; Spark runs on this machine unless set.",
        ),
        Variable(
            "RAPPORT_SPARK_PORT",
            "integer",
            "10000",
            "Port of the Thrift server.",
            least=1,
            most=65535,
        ),
        Variable(
            "RAPPORT_SPARK_MEMORY",
            "text",
            "3g",
            "Memory of Spark's driver on this machine, as Spark writes it.",
        ),
        Variable(
            "RAPPORT_UI_PORT",
            "integer",
            "8080",
            "Port of Airflow's pages, on this machine only.",
            least=1,
            most=65535,
        ),
        Variable(
            "RAPPORT_SANDBOX_PORT",
            "integer",
            "8765",
            "Port of the sandbox company, on this machine only.",
            least=1,
            most=65535,
        ),
        Variable(
            "RAPPORT_SANDBOX_HOUSEHOLDS",
            "integer",
            None,
            "Size of the sandbox company, for a quick try; all households unless set.",
            least=1,
        ),
    )
}


def cutoff_of(as_of: date) -> datetime:
    """Return the first instant that the night of ``as_of`` no longer sees (UTC).

    Example:
        >>> cutoff_of(date(2018, 1, 2)).isoformat()
        '2018-01-03T00:00:00+00:00'
    """
    return datetime(as_of.year, as_of.month, as_of.day, tzinfo=UTC) + timedelta(days=1)


def make_private(folder: Path) -> None:
    """Make a folder that its owner alone may enter; one that was there is closed to others.

    A folder that belongs to another user (a mounted volume) stays as they set it up.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if folder.stat().st_uid == os.getuid() and folder.stat().st_mode & 0o077:
        folder.chmod(0o700)


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
        engine: what builds the tables that grow with events (``RAPPORT_ENGINE``): ``duckdb`` or
            ``spark``.
        archive: object storage that keeps a copy, as fsspec writes it (``RAPPORT_ARCHIVE``).
        policy_path: the firm's policies (``RAPPORT_POLICY``), which must then be there; None for
            ``policy.yml`` in the home folder, which need not.
        release_within_minutes: how long after its begin a night's release must be out
            (``RAPPORT_RELEASE_WITHIN_MINUTES``).
        release_max_age_hours: how old the current release may be
            (``RAPPORT_RELEASE_MAX_AGE_HOURS``).
    """

    home: Path
    project_dir: Path
    company: str
    schedule: str | None
    keep_releases: int
    memory_limit: str
    threads: int
    archive: str | None = None
    policy_path: Path | None = None
    release_within_minutes: int = 240
    release_max_age_hours: int = 30
    engine: str = ENGINES[0]

    @classmethod
    def from_env(cls) -> "Settings":
        """Read the environment; every value has a default.

        Raises:
            SettingsError: a number is not a number or below its least value, the company is not
                known, or the home is a file.
        """
        company = ENVIRONMENT["RAPPORT_COMPANY"].choice()
        # Said to be empty, it is switched off too.
        schedule = os.environ.get("RAPPORT_SCHEDULE", ENVIRONMENT["RAPPORT_SCHEDULE"].text())
        home, policy = ENVIRONMENT["RAPPORT_HOME"].text(), ENVIRONMENT["RAPPORT_POLICY"].text()
        archive = ENVIRONMENT["RAPPORT_ARCHIVE"].text().rstrip("/")
        if archive and not re.fullmatch(r"[a-z0-9+]+://.+", archive):
            raise SettingsError(f"RAPPORT_ARCHIVE must be like s3://bucket/folder, not {archive!r}")
        there = Path(home or _default_home(company)).expanduser().resolve()
        if there.exists() and not there.is_dir():
            raise SettingsError(f"RAPPORT_HOME must be a folder, and {there} is none")
        is_counted = bool(os.environ.get("RAPPORT_THREADS"))
        return cls(
            company=company,
            home=there,
            project_dir=PROJECT_DIR,
            schedule=None if schedule.strip().lower() in {"", "none"} else schedule.strip(),
            keep_releases=ENVIRONMENT["RAPPORT_KEEP_RELEASES"].number(),
            memory_limit=ENVIRONMENT["RAPPORT_MEMORY_LIMIT"].text() or _memory_share(0.6),
            threads=ENVIRONMENT["RAPPORT_THREADS"].number() if is_counted else os.cpu_count() or 1,
            engine=ENVIRONMENT["RAPPORT_ENGINE"].choice(),
            archive=archive or None,
            policy_path=Path(policy).expanduser().resolve() if policy else None,
            release_within_minutes=ENVIRONMENT["RAPPORT_RELEASE_WITHIN_MINUTES"].number(),
            release_max_age_hours=ENVIRONMENT["RAPPORT_RELEASE_MAX_AGE_HOURS"].number(),
        )

    @property
    def has_sandbox(self) -> bool:
        """Whether the sandbox's company is pulled from, not one's own accounts."""
        return self.company != "own"

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
    def aside_path(self) -> Path:
        """A file that a few models are built in while the build file must stay as it is.

        Of the same name, as views and the parsed project refer to it by that.
        """
        return self.home / "warehouse" / "aside" / WAREHOUSE_FILE

    @property
    def temp_dir(self) -> Path:
        """Where DuckDB spills."""
        return self.home / "warehouse" / "tmp"

    @property
    def spark_tables_dir(self) -> Path:
        """Tables that Spark made or reads, as parquet: one folder per schema and table."""
        return self.warehouse_path.with_name(SPARK_TABLES)

    @property
    def spark_python(self) -> Path:
        """The Python of the environment that has Spark, and dbt for it."""
        return self.project_dir / ".spark" / "bin" / "python"

    @property
    def spark_target(self) -> str:
        """Where Spark runs, by its name in ``profiles.yml``."""
        return "spark_cluster" if ENVIRONMENT["RAPPORT_SPARK_HOST"].text() else "spark"

    @property
    def releases_dir(self) -> Path:
        """Published releases and ``current``."""
        return self.home / "releases"

    @property
    def erasures_dir(self) -> Path:
        """Reports of who was erased; the tombstones lie in the landing."""
        return self.home / "erasures"

    @property
    def activation_dir(self) -> Path:
        """The account of what was sent to destinations."""
        return self.home / "activation"

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
    def policy_files(self) -> list[tuple[str, Path]]:
        """Files of policies by the name of their source, each going before the ones before it."""
        files = [
            ("company", self.project_dir / "sandbox" / "policies" / f"{self.company}.yml"),
            ("policy.yml", self.policy_path or self.home / "policy.yml"),
        ]
        return [each for each in files if each[1].exists() or each[1] == self.policy_path]

    @property
    def expectations_dir(self) -> Path:
        """Suites, audits and checkpoints."""
        return self.project_dir / "expectations"

    def dbt_environment(self, path: Path | None = None) -> dict[str, str]:
        """Return what ``profiles.yml`` and the sources read from the environment.

        Args:
            path: the file that is built; the build file by default.
        """
        path = path or self.warehouse_path
        return {
            "RAPPORT_WAREHOUSE": str(path),
            "RAPPORT_LANDING": str(self.landing_dir),
            "RAPPORT_MEMORY_LIMIT": self.memory_limit,
            "RAPPORT_TEMP_DIR": str(path.parent / "tmp"),
            "RAPPORT_THREADS": str(self.threads),
            "DBT_LOG_PATH": str(self.dbt_log_path.parent),
            "DBT_LOG_LEVEL_FILE": "info",
        }

    def spark_environment(self) -> dict[str, str]:
        """Return what a dbt on Spark reads from the environment."""
        said = self.dbt_environment()
        del said["DBT_LOG_PATH"]  # each dbt writes a log of its own
        return said | {
            "RAPPORT_SPARK_TABLES": str(self.spark_tables_dir),
            "RAPPORT_SPARK_MEMORY": ENVIRONMENT["RAPPORT_SPARK_MEMORY"].text(),
        }


def _default_home(company: str) -> Path:
    """A folder for each company, so that one command tries another without mixing the two."""
    home = PROJECT_DIR / "var"
    return home if company == COMPANIES[0] else home / company


def _memory_share(share: float) -> str:
    """A share of the machine's memory, in DuckDB's spelling."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return f"{int(total * share / 2**20)}MiB"
