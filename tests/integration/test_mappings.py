"""The mappings that ship: from made-up files of the true shape to rows of the canonical streams.

Each vendor's folder below `tests/fixtures/exports` holds what its export or database looks like,
where that is told stands in the mapping, and `expected.yml` says what comes of which row: its file
and line, or its key, and all that is not null, false or a discount of 0. All are sources of one
firm; what they have is pulled and dbt types it, once for all tests.
"""

import csv
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
    *("said_at", "last_load_id", "removed_date"),
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
        mapped = read_all([home / "sources"], home, self.settings.dbt_project_dir)
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
        name: value
        for name, value in told.items()
        if value not in (None, [])
        and not (value is False and name != "is_email_deliverable")
        and not (value == "0.00" and "discount" in name)
    }


def text(value: object) -> object:
    if isinstance(value, Decimal):
        return f"{value:.2f}"
    if isinstance(value, list):
        return sorted(value)
    if isinstance(value, bool) or value is None:
        return value
    return str(value)


@pytest.fixture(scope="module")
def firm(tmp_path_factory):
    return Firm(tmp_path_factory.mktemp("firm"))


@pytest.mark.parametrize("vendor", VENDORS)
def test_each_row_becomes_what_is_written_beside_its_file(firm, vendor):
    assert firm.of(vendor) == yaml.safe_load((EXPORTS / vendor / "expected.yml").read_text())


def test_the_lines_of_a_shopify_order_add_up_to_its_subtotal_postage_and_tip(firm):
    """Shopify's API reference: the subtotal is after discounts, before shipping, taxes and tips."""
    with (EXPORTS / "shopify/orders_export_1.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    tips = {row["Name"]: Decimal(row["Lineitem price"]) for row in rows if is_tip(row)}
    paid = {
        f"my_shopify:{row['Name']}": Decimal(row["Subtotal"])
        + Decimal(row["Shipping"])
        + tips.get(row["Name"], 0)
        for row in rows
        if row["Subtotal"]
    }
    assert summed(firm, "shopify", sign=1) == paid
    # 5.95 of 29.75 with tax were given back, of which 25.00 without
    assert summed(firm, "shopify", sign=-1) == {"my_shopify:#1003": Decimal("-5.00")}


def test_the_lines_of_a_woocommerce_order_or_refund_add_up_to_its_total_without_taxes(firm):
    shop = sqlite3.connect(":memory:")
    shop.executescript((EXPORTS / "woocommerce/shop.sql").read_text())
    totals = shop.execute(
        """
        select o.id, round(o.total_amount - o.tax_amount - coalesce(d.shipping_tax_amount, 0), 2)
        from wp_wc_orders as o
        left join wp_wc_order_operational_data as d on o.id = d.order_id
        where o.status in ('wc-completed', 'wc-processing', 'wc-cancelled', 'wc-refunded')
        """
    )
    paid = {f"my_woocommerce:{order}": Decimal(f"{total:.2f}") for order, total in totals}
    paid["my_woocommerce:1011"] = Decimal(
        "-10.00"
    )  # 11.90 with tax, of 59.50 of which 50.00 without
    paid["my_woocommerce:1012"] = Decimal("0.00")  # the order's status says it
    assert summed(firm, "woocommerce") == paid


def summed(firm: Firm, vendor: str, sign: int = 0) -> dict[str, Decimal]:
    """What the lines of each order add up to; those of one sign alone, if one is given."""
    sums: dict[str, Decimal] = {}
    for line in firm.of(vendor)["order_lines"]:
        amount = Decimal(str(line["sales_amount"]))
        if amount * sign >= 0:
            order = str(line["order_id"])
            sums[order] = sums.get(order, Decimal(0)) + amount
    return {order: total for order, total in sums.items() if sign >= 0 or total}


def is_tip(row: dict[str, str]) -> bool:
    return row["Lineitem name"] == "Tip" and not row["Lineitem sku"]


def test_no_row_of_any_file_is_in_quarantine_or_has_a_field_that_nobody_can_read(firm):
    assert [
        (stream, row["source"], row["quarantine_reason"], row["unreadable_fields"])
        for stream, rows in firm.rows.items()
        for row in rows
        if row["is_quarantined"] or row["unreadable_fields"]
    ] == []
