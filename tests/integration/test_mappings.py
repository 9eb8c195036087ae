"""The mappings that ship: from made-up files of the true shape to rows of the canonical streams.

Each vendor's folder below `tests/fixtures/exports` holds what its export or database looks like,
where that is told stands in the mapping, and `expected.yml` says what comes of which row. All are
sources of one firm; its files are pulled and dbt types them, once for all tests.
"""

import shutil
import sqlite3
import zipfile
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
import yaml

from rapport.build import run
from rapport.settings import PROJECT_DIR, Settings
from rapport.sources.connection import Connection
from rapport.sources.declared import Declared
from rapport.sources.mapped import read_all
from rapport.sources.pull import pull

NIGHT = date(2025, 12, 1)
EXPORTS = Path(__file__).parents[1] / "fixtures" / "exports"
VENDORS = tuple(sorted(path.parent.name for path in EXPORTS.glob("*/expected.yml")))
ZONES = {"mailchimp": "Europe/Berlin", "hubspot_csv": "Europe/Berlin"}
# What a row of staging says of itself, and not of what happened.
OF_STAGING = (
    *("source", "landed_stream", "landed_table", "landed_key", "landed_file", "landed_line"),
    *("item_number", "load_id", "load_date", "last_load_date", "first_load_date", "is_new_load"),
    *("row_hash", "record_key", "is_seen", "quarantine_reason", "is_quarantined"),
    *("unreadable_fields", "payload", "version_rank", "is_removed", "successor_key"),
    *("line_number", "is_repeat"),
)


class Firm:
    """A firm whose sources are one of each vendor's, after their pull."""

    def __init__(self, home: Path):
        (home / "sources").mkdir()
        connections = {}
        for vendor in VENDORS:
            said = [f"uses: {vendor}"]
            if (EXPORTS / vendor / "shop.sql").exists():
                connections[vendor] = Connection(vendor, f"sqlite:///{shop_of(vendor, home)}")
            else:
                said.append(f"path: {vendor}")
                shutil.copytree(EXPORTS / vendor, home / vendor)
                (home / vendor / "expected.yml").unlink()
            if vendor in ZONES:
                said.append(f"time_zone: {ZONES[vendor]}")
            (home / f"sources/my_{vendor}.yml").write_text("\n".join(said))
        packed(home / "mailchimp" / "audience")
        self.settings = Settings(
            home=home,
            project_dir=PROJECT_DIR,
            company="complete-journey",
            schedule=None,
            keep_releases=1,
            memory_limit="2GiB",
            threads=1,
        )
        mapped = read_all(home, self.settings.dbt_project_dir)
        self.declared = Declared(()).with_mapped(*mapped)
        for source in mapped:
            pull(
                source.name,
                connections.get(source.name.removeprefix("my_"), Connection(source.name, "")),
                as_of=NIGHT,
                landing_dir=self.settings.landing_dir,
                work_dir=self.settings.work_dir,
                declared=self.declared,
            )
        self.streams = sorted({each["stream"] for one in mapped for each in one.variables()})
        models = [f"base_mapped__{stream}" for stream in self.streams]
        self.rows = {}
        with (
            run.built_aside(self.settings, NIGHT, models, declared=self.declared) as path,
            duckdb.connect(str(path), read_only=True) as asked,
        ):
            for stream in self.streams:
                told = asked.execute(f"from staging.base_mapped__{stream} order by all")
                names = [name for name, *_ in told.description]
                self.rows[stream] = [dict(zip(names, row, strict=True)) for row in told.fetchall()]

    def of(self, vendor: str) -> dict[str, list[dict[str, object]]]:
        """Return what came of a vendor's rows, by stream: what each says, and of which row."""
        found = {}
        for stream, rows in self.rows.items():
            mine = [row for row in rows if row["source"] == f"my_{vendor}"]
            if mine:
                found[stream] = [said(row) for row in sorted(mine, key=place)]
        return found


def shop_of(vendor: str, home: Path) -> Path:
    path = home / f"{vendor}.sqlite"
    with sqlite3.connect(path) as shop:
        shop.executescript((EXPORTS / vendor / "shop.sql").read_text())
    return path


def packed(folder: Path) -> None:
    """Pack a folder as it comes from the vendor, and take it away."""
    with zipfile.ZipFile(folder.with_suffix(".zip"), "w") as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, f"members_export_0a1b2c3d4e/{path.name}")
    shutil.rmtree(folder)


def place(row: dict) -> tuple:
    return (row["landed_table"], *of_row(row), row["item_number"])


def of_row(row: dict) -> tuple[str, int]:
    file = Path(row["landed_file"] or "").name
    return (file, row["landed_line"] or 0) if file else (str(row["landed_key"]), 0)


def said(row: dict) -> dict[str, object]:
    file, line = of_row(row)
    told = {name: text(value) for name, value in row.items() if name not in OF_STAGING}
    return {"of": f"{file}:{line}" if line else file} | {
        name: value for name, value in told.items() if value not in (None, [])
    }


def text(value: object) -> object:
    if isinstance(value, Decimal):
        return f"{value:.2f}"
    if isinstance(value, list | bool) or value is None:
        return value
    return str(value)


@pytest.fixture(scope="module")
def firm(tmp_path_factory):
    return Firm(tmp_path_factory.mktemp("firm"))


@pytest.mark.parametrize("vendor", VENDORS)
def test_each_row_becomes_what_is_written_beside_its_file(firm, vendor):
    assert firm.of(vendor) == yaml.safe_load((EXPORTS / vendor / "expected.yml").read_text())


def test_no_row_of_any_file_is_in_quarantine_or_has_a_field_that_nobody_can_read(firm):
    assert [
        (stream, row["source"], row["quarantine_reason"], row["unreadable_fields"])
        for stream, rows in firm.rows.items()
        for row in rows
        if row["is_quarantined"] or row["unreadable_fields"]
    ] == []
