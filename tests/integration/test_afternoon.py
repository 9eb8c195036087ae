"""The README's afternoon: three CSV files, a first mapping, two answers, and what comes of it."""

import csv
from datetime import date
from decimal import Decimal

import duckdb
import pytest

from rapport.build import run
from rapport.orchestration import cli
from rapport.settings import PROJECT_DIR, Settings
from rapport.sources.connection import Connection
from rapport.sources.declared import Declared
from rapport.sources.mapped import read_source
from rapport.sources.pull import pull

NIGHT = date(2025, 11, 29)
FILES = PROJECT_DIR / "sandbox" / "afternoon"
SAID = "# ? time_zone: UTC", "time_zone: Europe/Berlin #"
CONSENTS = """\
      consents:
        columns:
          contact_id: '"Kundennummer"'
          addresses: '"E-Mail"'
          channel: "'email'"
          action: case "Newsletter" when 'ja' then 'grant' else 'unasked' end
"""


def rows_of(name):
    with (FILES / name).open(encoding="cp1252", newline="") as file:
        return list(csv.DictReader(file, delimiter=";"))


def amount(text):
    return Decimal(text.replace(".", "").replace(",", "."))


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A warehouse of the models that tell of people and orders; every row of the files is in it."""
    home = tmp_path_factory.mktemp("afternoon")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAPPORT_COMPANY", "own")
        patch.setenv("RAPPORT_HOME", str(home))
        patch.setattr("sys.argv", ["rapport", "source", "new", str(FILES)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == 0
        settings = Settings.from_env()
    path = home / "sources" / "afternoon.yml"
    text = path.read_text().replace(*SAID)
    path.write_text(text.replace("  order_lines:\n", f"{CONSENTS}  order_lines:\n", 1))
    source = read_source(path, home, settings.dbt_project_dir)
    declared = Declared(()).with_mapped(source)
    pull(
        "afternoon",
        Connection("rapport_afternoon", ""),
        as_of=NIGHT,
        landing_dir=settings.landing_dir,
        work_dir=settings.work_dir,
        declared=declared,
    )
    models = ("fct_orders", "dim_customers", "row_conservation", "fct_consent_events")
    with (
        run.built_aside(settings, NIGHT, models, declared=declared) as warehouse,
        duckdb.connect(str(warehouse), read_only=True) as connection,
    ):
        yield connection


def test_every_customer_and_order_of_the_files_is_in_the_marts(built):
    customers, orders = rows_of("customers.csv"), rows_of("orders.csv")
    counted = built.sql(
        "select (select count(*) from marts.dim_customers), "
        "(select count(*) from marts.fct_orders), "
        "(select count(*) from marts.fct_orders where status = 'cancelled')"
    ).fetchone()
    cancelled = [row for row in orders if row["Status"] == "storniert"]
    assert counted == (len(customers), len(orders), len(cancelled))


def test_what_was_paid_is_what_the_files_say_in_total(built):
    """The orders' own totals, which nobody maps, against the lines."""
    gross = built.sql("select sum(gross_amount) from marts.fct_orders").fetchone()[0]
    assert gross == sum(amount(row["Gesamtbetrag"]) for row in rows_of("orders.csv"))


def test_only_who_said_yes_has_consented(built):
    granted = built.sql(
        "select count(distinct customer_id) from marts.fct_consent_events where action = 'grant'"
    ).fetchone()[0]
    assert granted == sum(row["Newsletter"] == "ja" for row in rows_of("customers.csv"))
    assert built.sql("from marts.fct_consent_events where action <> 'grant'").fetchall() == []


def test_no_row_is_left_over(built):
    differ = built.sql(
        "select source, entity from ops.row_conservation "
        "where difference <> 0 or (source = 'afternoon' and quarantined_count > 0)"
    ).fetchall()
    assert differ == []
