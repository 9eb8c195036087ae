"""The example row of every stream: it keeps the contract, and goes all the way to the marts."""

from datetime import date

import duckdb
import pytest

from rapport.contract import PREFIX, Stream, read_contract
from tests.dbt.landing_fixture import COLUMNS, land
from tests.dbt.manifest_views import PROJECT

NIGHT = "2017-03-31"
STREAMS = [stream for stream in read_contract(PROJECT) if stream.sources]
HELD = ("--select", "test_name:as_contracted", "--indirect-selection", "eager")


def put(path, stream: Stream, **instead) -> None:
    """Put the stream's example row in the place of its view, with other values where given."""
    row = {**stream.example, **instead}
    columns = ", ".join(f"{column.name} {column.type}" for column in stream.columns)
    table = f"canonical.{PREFIX}{stream.name}"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema if not exists canonical")
        if not connection.sql(
            f"select 1 from information_schema.tables where table_schema = 'canonical' "
            f"and table_name = '{PREFIX}{stream.name}' and table_type = 'BASE TABLE'"
        ).fetchall():
            connection.execute(f"drop view if exists {table}")
            connection.execute(f"create table {table} ({columns})")
        values = [value if value is None else str(value) for value in row.values()]
        connection.execute(f"insert into {table} values ({', '.join('?' * len(values))})", values)


def held(dbt, warehouse) -> set[str]:
    """Run the contract's tests, and nothing else, and return the streams that broke it."""
    build = dbt(
        *("test", "--vars", f'{{"as_of_date": "{NIGHT}"}}', *HELD),
        environment={
            "RAPPORT_WAREHOUSE": str(warehouse.path),
            "RAPPORT_LANDING": str(warehouse.landing),
            "RAPPORT_TEMP_DIR": str(warehouse.path.with_suffix(".tmp")),
            "RAPPORT_MEMORY_LIMIT": "1GB",
            "RAPPORT_THREADS": "1",
        },
    )
    failures = build.failures()
    broken = {s.name for s in STREAMS if f" as_contracted_{PREFIX}{s.name}_ " in failures}
    assert build.success == (not broken), failures
    return broken


@pytest.fixture
def empty(tmp_path, warehouse):
    return warehouse(tmp_path, tmp_path / "landing")


def test_the_example_rows_keep_the_contract(dbt, empty):
    for stream in STREAMS:
        put(empty.path, stream)
    assert held(dbt, empty) == set()


def test_a_key_that_comes_twice_and_a_null_and_a_word_of_its_own_break_it(dbt, empty):
    """Each stream breaks one promise; without the test that looks for it none would be named."""
    for stream in STREAMS:
        put(empty.path, stream)
        if stream.name == "engagements":
            put(empty.path, stream, engagement_id="another", channel="smoke signals")
        elif stream.name == "tickets":
            put(empty.path, stream, ticket_id="another", is_deleted=None)
        elif stream.key:
            put(empty.path, stream)
        else:
            put(empty.path, stream, source=None)
    assert held(dbt, empty) == {stream.name for stream in STREAMS}


@pytest.fixture(scope="module")
def built(tmp_path_factory, warehouse):
    """A firm without any source of its own, whose streams hold the example rows."""
    folder = tmp_path_factory.mktemp("examples")
    made = warehouse(folder, folder / "landing")
    for source in COLUMNS:
        land(made.landing, source, NIGHT, source, {})
    models = ("--resource-type", "model", "--resource-type", "seed")
    before = ("path:seeds", "+path:models/staging", "path:models/canonical", "+row_conservation")
    first = made.build(NIGHT, *models, "--select", *before)
    assert first.success, first.failures()
    for stream in STREAMS:
        put(made.path, stream)
    with duckdb.connect(str(made.path)) as connection:
        connection.execute("drop view canonical.map_people__named")
        connection.execute(
            "create table canonical.map_people__named as select source, contact_id, "
            "cast(ordered_at as date) as first_load_date, ordered_at as first_named_at "
            "from canonical.canonical_orders union all select source, contact_id, "
            "cast(occurred_at as date), occurred_at from canonical.canonical_message_events"
        )
    second = made.build(
        NIGHT,
        *models,
        *("--select", "path:models/intermediate", "path:models/marts"),
    )
    assert second.success, second.failures()
    return made


def test_the_example_order_is_a_sale_of_what_was_paid_after_discounts(built):
    assert built.rows(
        "select order_id, buyer_kind, status, currency_code, cast(sales_amount as varchar), "
        "cast(retail_discount_amount as varchar) from marts.fct_orders"
    ) == [("10482", "customer", "kept", "EUR", "3.980", "0.500")]


def test_what_is_tied_by_the_examples_is_one_customer_of_two_records_and_one_that_is_mailed(built):
    """The contact's `external_id` is the order's `contact_id`; nobody says whose the profile is."""
    assert built.rows(
        "select has_crm_contact, order_count, company_id, country_code from marts.dim_customers "
        "order by order_count desc"
    ) == [(True, 1, "k9", "DE"), (False, 0, None, None)]


def test_the_example_deal_ticket_and_survey_are_the_customers(built):
    assert built.rows(
        "select deal_id, cast(deal_amount as varchar), currency_code, stage, customer_count "
        "from marts.fct_deals"
    ) == [("5001", "12000.000", "EUR", "contractsent", 1)]
    assert built.rows("select ticket_id, customer_id is null from marts.fct_tickets") == [
        ("7001", False)
    ]


def test_everything_that_happened_in_the_examples_is_a_touchpoint(built):
    assert set(built.rows("select source, event_type, channel from marts.fct_touchpoints")) == {
        ("shop", "ordered", "store"),
        ("hubspot", "called", "phone"),
        ("hubspot", "ticket_opened", "email"),
        ("hubspot", "answered", "email"),
        ("klaviyo", "delivered", "email"),
        ("klaviyo", "viewed", "web"),
    }


def test_the_no_and_the_preferences_of_the_examples_hold(built):
    assert built.rows(
        "select email_consent, max_marketing_messages_30d, pause_until_date "
        "from marts.dim_preferences where max_marketing_messages_30d is not null"
    ) == [("withdrawn", 4, date(2017, 4, 1))]
