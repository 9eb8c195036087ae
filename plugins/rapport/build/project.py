"""The dbt project as dbt has parsed it: once per change, for every night and every warehouse.

Parsing takes longer than a small company's build, and dbt parses anew whenever `--vars` differ,
which the night makes them do every night. Nothing in the parsed project depends on the night
or on where the landing lies, so a build is handed what was parsed before.
"""

import fcntl
import os
import pickle
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rapport.build.lasting import lasting_of, save_lasting
from rapport.build.parts import parsed_dir, parts_of, save_parts
from rapport.errors import SettingsError
from rapport.settings import WAREHOUSE_FILE
from rapport.warehouse import fingerprint

_NO_NIGHT = "{as_of_date: 1970-01-01}"
_MANIFEST = "manifest.pickle"  # dbt documents no way to read its own files back
_MARK = "rapport_fingerprint"
_DOCS = "static_index.html"  # as dbt calls it


def parse_if_changed(dbt_project_dir: Path, say: Callable[[str], None] = lambda _: None) -> str:
    """Have dbt parse the project if it changed since it was last parsed.

    Args:
        dbt_project_dir: the project; what is parsed lies in its ``target/parsed``, apart from
            what dbt leaves when somebody runs it by hand.
        say: told how long it took.

    Returns:
        The project's fingerprint.

    Raises:
        SettingsError: dbt cannot parse it; the message is dbt's.
    """
    folder = parsed_dir(dbt_project_dir)
    code = fingerprint(dbt_project_dir)
    if _is_parsed(folder, code):
        return code
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two at once would write one file
        if not _is_parsed(folder, code):
            began = time.monotonic()
            (folder / _MARK).unlink(missing_ok=True)
            (folder / _DOCS).unlink(missing_ok=True)  # of the project as it was
            manifest = _parse(dbt_project_dir)
            # Its members and not the object: dbt's own pickling mixes them up.
            (folder / _MANIFEST).write_bytes(pickle.dumps(manifest.to_dict()))
            writable = manifest.writable_manifest().to_dict()
            save_parts(parts_of(writable), dbt_project_dir)
            save_lasting(lasting_of(writable), dbt_project_dir)
            (folder / _MARK).write_text(_marked(code))
            say(f"dbt project parsed ({time.monotonic() - began:.1f} s)")
    return code


def is_parsed(dbt_project_dir: Path) -> bool:
    """Whether the project is parsed as it stands."""
    return _is_parsed(parsed_dir(dbt_project_dir), fingerprint(dbt_project_dir))


def docs_path(dbt_project_dir: Path) -> Path:
    """Return where dbt's documentation of the parsed project is, once it was written: one page."""
    return parsed_dir(dbt_project_dir) / _DOCS


def write_docs(dbt_project_dir: Path) -> None:
    """Have dbt write its documentation of the project as it was parsed.

    It is of the project and not of a night: no warehouse is asked what is in it, as every mart's
    columns and types are in its contract. So it is made once per change, and costs no night.

    Raises:
        SettingsError: dbt cannot write it; the message is dbt's.
    """
    from dbt.cli.main import dbtRunner

    project, folder = str(dbt_project_dir), str(parsed_dir(dbt_project_dir))
    command = ["--quiet", "--log-level-file", "none", "docs", "generate", "--static"]
    command += ["--no-compile", "--empty-catalog", "--vars", _NO_NIGHT, "--target-path", folder]
    with variables_set({"RAPPORT_WAREHOUSE": WAREHOUSE_FILE}):
        written = dbtRunner(manifest=load_manifest(dbt_project_dir)).invoke(
            [*command, "--project-dir", project, "--profiles-dir", project]
        )
    if not written.success:
        raise SettingsError(f"dbt cannot write its documentation: {written.exception}")


def load_manifest(dbt_project_dir: Path) -> Any:
    """Return the parsed project as dbt's object; a new one for each run, as dbt writes in it."""
    from dbt.contracts.graph.manifest import Manifest

    members = pickle.loads((parsed_dir(dbt_project_dir) / _MANIFEST).read_bytes())
    return Manifest.from_dict(members)


def _marked(code: str) -> str:
    """What the project was parsed from and by."""
    return " ".join([code, *(f"{name} {version(name)}" for name in ("dbt-core", "dbt-duckdb"))])


def _is_parsed(folder: Path, code: str) -> bool:
    mark = folder / _MARK  # written last
    return mark.exists() and mark.read_text() == _marked(code)


def _parse(dbt_project_dir: Path) -> Any:
    from dbt.cli.main import dbtRunner

    project, folder = str(dbt_project_dir), str(parsed_dir(dbt_project_dir))
    command = ["--quiet", "parse", "--project-dir", project, "--profiles-dir", project]
    command += ["--vars", _NO_NIGHT, "--target-path", folder, "--log-path", folder]
    # dbt takes over what it parsed before, unit tests too that are gone or have moved (1.11.16); it
    # then misses their models, though the project is sound.
    for anew in ([], ["--no-partial-parse"]):
        messages: list[str] = []
        runner = dbtRunner(callbacks=[lambda event, said=messages: said.append(event.info.msg)])
        # dbt writes the database's name, which is that of its file, into every node.
        with variables_set({"RAPPORT_WAREHOUSE": WAREHOUSE_FILE}):
            parsed = runner.invoke([*command, *anew])
        if parsed.success:
            return parsed.result
    raise SettingsError(f"dbt cannot parse the project: {parsed.exception or messages[-5:]}")


@contextmanager
def variables_set(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for as long as the block lasts, as dbt reads its profile there."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
