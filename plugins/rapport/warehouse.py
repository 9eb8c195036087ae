"""The build warehouse: one DuckDB file, one writer, disposable.

It holds nothing that could not be built again from the landing. So it is deleted
rather than mended: when the night goes backwards, or when the models or policies
changed. Incremental models therefore only ever meet their own code and a night
at least as late as the one they were built for.
"""

import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import IO

import duckdb

from rapport.errors import BuildError, DamagedWarehouse
from rapport.settings import SPARK_TABLES, make_private

# For how long whoever wants the file that is built aside waits for another who has it.
ASIDE_SECONDS = 600.0
_BUILD_INPUTS = ("models", "macros", "seeds", "tests", "dbt_project.yml", "profiles.yml")

# Python that models call, and whose tables or fits their rows hold.
_PACKAGE = Path(__file__).parent
_MODEL_CODE = ("identity", "places")
# How DuckDB says that a file is damaged, on opening it or halfway through a query.
_DAMAGE = (
    "Corrupt database file",
    "checksum",
    "not a valid DuckDB database",
    "Serialization Error",
    "Failed to load metadata pointer",
    "database has been invalidated because of a previous fatal error",
)
_MODEL_LIBRARIES = ("babel", "phonenumbers", "scipy", "splink", "tzdata")


def fingerprint(dbt_project_dir: Path) -> str:
    """Return a digest of everything that decides what the models make of the landing."""
    digest = hashlib.sha256()
    roots = [dbt_project_dir / name for name in _BUILD_INPUTS]
    files = {path for root in roots for path in (root, *root.rglob("*")) if path.is_file()}
    for path in sorted(files):
        digest.update(str(path.relative_to(dbt_project_dir)).encode())
        digest.update(path.read_bytes())
    for path in sorted(path for part in _MODEL_CODE for path in (_PACKAGE / part).rglob("*.py")):
        digest.update(str(path.relative_to(_PACKAGE)).encode())
        digest.update(path.read_bytes())
    for library in _MODEL_LIBRARIES:
        digest.update(f"{library} {version(library)}".encode())
    return digest.hexdigest()


@contextmanager
def build_lock(warehouse_path: Path, *, wait_seconds: float = 0.0) -> Iterator[None]:
    """Hold the right to write the warehouse; the kernel frees it when the process dies.

    Args:
        warehouse_path: the build file.
        wait_seconds: for how long another process that has it is waited for.

    Raises:
        BuildError: another process is building.
    """
    make_private(warehouse_path.parent)
    with warehouse_path.with_suffix(".lock").open("a+") as lock:
        deadline = time.monotonic() + wait_seconds
        while not _locked(lock):
            if time.monotonic() >= deadline:
                lock.seek(0)
                raise BuildError(
                    f"{warehouse_path} is being built by process "
                    f"{lock.read().strip() or 'unknown'}; wait for it, or end it, then run the "
                    "night again"
                )
            time.sleep(0.2)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _locked(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextmanager
def building(
    warehouse_path: Path,
    *,
    loads: Iterable[tuple[str, str]],
    as_of: date,
    code: str,
    whole: bool = False,
) -> Iterator[bool]:
    """Hold the warehouse for one build, and note what the build took in if it succeeds.

    Args:
        warehouse_path: the build file; deleted first when it cannot be built upon.
        loads: (source, load id) of the completed loads that this build takes in. One that
            arrives while the build runs is not among them, and is new to the next build.
        as_of: the night to build.
        code: fingerprint of the dbt project.
        whole: start from nothing in any case.

    Yields:
        True when the build starts from nothing.

    Raises:
        BuildError: another process is building, or has the file open, or the disk is full.
        DamagedWarehouse: the file is damaged, which nobody saw when it was opened.
    """
    with build_lock(warehouse_path):
        taken = set(loads)
        fresh = whole or not _can_build_upon(warehouse_path, as_of, code, taken)
        if fresh:
            discard(warehouse_path)
        with _opened(warehouse_path, fresh) as connection:
            connection.execute("create schema if not exists ops")
            connection.execute(
                "create table if not exists ops.built_loads (source varchar, load_id varchar)"
            )
            connection.execute(
                "create table if not exists ops.touched_days "
                "(model_name varchar, touched_date date, customer_id varchar)"
            )
            connection.execute(
                "create or replace table ops.build_state as "
                "select ?::date as as_of_date, ?::varchar as fingerprint",
                [as_of, code],
            )
        yield fresh
        with _opened(warehouse_path, fresh) as connection:
            connection.execute("begin")
            connection.execute("delete from ops.built_loads")
            connection.execute("delete from ops.touched_days")
            for load in sorted(taken):
                connection.execute("insert into ops.built_loads values (?, ?)", load)
            connection.execute("commit")
            connection.execute("checkpoint")


@contextmanager
def _opened(warehouse_path: Path, fresh: bool) -> Iterator[duckdb.DuckDBPyConnection]:
    try:
        with duckdb.connect(str(warehouse_path)) as connection:
            yield connection
    except duckdb.Error as error:
        told = f"{warehouse_path}: {(str(error).splitlines() or [''])[0]}"
        if is_damage(str(error)) and not fresh:
            raise DamagedWarehouse(told) from None
        raise BuildError(told) from error


@dataclass(frozen=True)
class BuildState:
    """What a build file says of itself.

    Attributes:
        as_of: the night that it was last built for.
        code: fingerprint of the dbt project and of the policies that its lasting models hold.
        is_finished: whether that build came to its end.
    """

    as_of: date
    code: str
    is_finished: bool


def state_of_build(warehouse_path: Path) -> BuildState:
    """Return what a build file says of itself; nothing is changed.

    Raises:
        BuildError: no build was begun in it, or another process has it open.
        DamagedWarehouse: it cannot be read.
    """
    try:
        with duckdb.connect(str(warehouse_path), read_only=True) as connection:
            state = connection.execute(
                "select as_of_date, fingerprint, exists (select 1 from ops.built_loads) "
                "from ops.build_state"
            ).fetchone()
    except duckdb.CatalogException:
        state = None
    except duckdb.Error as error:
        if "set lock" in str(error).lower():
            raise BuildError(f"{warehouse_path} is open in another process") from None
        raise DamagedWarehouse(
            f"{warehouse_path} cannot be read ({type(error).__name__}): the next night builds it "
            "anew from the landing"
        ) from None
    if state is None:
        raise BuildError(f"{warehouse_path} holds no build: the next night makes one")
    return BuildState(*state)


def held_by(warehouse_path: Path) -> str:
    """Return which process builds the warehouse; empty when none does."""
    path = warehouse_path.with_suffix(".lock")
    if not path.is_file():
        return ""
    with path.open("r") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return lock.read().strip() or "unknown"
    return ""


def discard(warehouse_path: Path) -> None:
    """Delete the build file, and what Spark made of it; the next build starts from nothing."""
    for path in (warehouse_path, warehouse_path.with_suffix(".duckdb.wal")):
        path.unlink(missing_ok=True)
    shutil.rmtree(warehouse_path.with_name(SPARK_TABLES), ignore_errors=True)


def is_damage(message: str) -> bool:
    """Whether an error of DuckDB's says that its file is not as it was written."""
    return any(sign in message for sign in _DAMAGE)


def _can_build_upon(
    warehouse_path: Path, as_of: date, code: str, loads: set[tuple[str, str]]
) -> bool:
    if not warehouse_path.exists():
        return False
    try:
        with duckdb.connect(str(warehouse_path)) as connection:
            state = connection.execute(
                "select as_of_date, fingerprint from ops.build_state"
            ).fetchone()
            built = connection.execute("select source, load_id from ops.built_loads").fetchall()
    except duckdb.IOException as error:
        if "set lock" in str(error).lower():
            raise BuildError(
                f"{warehouse_path} is open in another process; close it: the build is its only user"
            ) from None
        return False  # damaged: it is made again
    except duckdb.Error:
        return False
    # A load that is not there any more was damaged; its rows must not stay either.
    return state is not None and state[0] <= as_of and state[1] == code and loads.issuperset(built)
