"""The publish gate over marts and segments that fit together, each time with one thing wrong.

The tables are small and hand-made; the audits over them are dbt's own.
"""

import re
import shutil
from datetime import date
from pathlib import Path

import duckdb
import pytest
import yaml

from rapport.build.project import load_manifest, parse_if_changed
from rapport.build.run import invoke
from rapport.errors import GateFailed
from rapport.gate import run_checkpoint
from rapport.release import current_release, publish_release
from rapport.sources.streams import STREAMS

ROOT = Path(__file__).parents[2]
EXPECTATIONS = ROOT / "expectations"
NIGHT = date(2018, 1, 2)
CANARY = "hopper.canary@example.com"

# 300 customers, one order every second night and one campaign mail each.
TABLES = """
create schema marts; create schema segments; create schema ops;
create schema staging; create schema canonical; create schema intermediate;
create table intermediate.int_clocks__offsets as
    select
        'Asia/Tokyo' as time_zone, 540::bigint as offset_minutes,
        timestamp '1990-01-01' as valid_from, timestamp '2038-01-01' as valid_to;
create table marts.dim_customers as
    select
        'c' || i as customer_id,
        i % 20 <> 9 as has_crm_contact,
        true as has_mailing_profile,
        true as has_shop_account,
        i % 10 <> 9 as has_email_consent,
        'US' as country_code
    from range(300) as _(i);
create table marts.customer_aliases as
    select 'a0' as alias_customer_id, 'c0' as customer_id;
create table marts.identity_changes as
    select 'c0' as customer_id, 'created' as change;
create table marts.dim_preferences as
    select
        customer_id,
        if(has_email_consent, 'granted', 'unknown') as email_consent,
        'unknown' as sms_consent,
        'unknown' as whatsapp_consent,
        'unknown' as push_consent,
        'unknown' as phone_consent,
        'unknown' as post_consent,
        true as is_email_deliverable,
        null::bigint as max_marketing_messages_30d,
        'unknown' as wants_relationship,
        null::varchar[] as allowed_channels,
        null::varchar[] as unwanted_topics,
        []::varchar[] as withdrawn_topics,
        []::varchar[] as withdrawn_email_topics,
        false as is_paused,
        null::date as pause_until_date,
        'Asia/Tokyo' as time_zone,
        if(customer_id = 'c3', [9, 10, 11], null) as allowed_hours,
        if(customer_id = 'c3', ['wed', 'thu'], null) as allowed_weekdays,
        null::bigint as max_marketing_messages_30d
    from marts.dim_customers;
create table marts.fct_consent_events as
    select md5(customer_id) as consent_event_id, customer_id, 'grant' as action
    from marts.dim_customers
    where has_email_consent;
create table marts.fct_orders as
    select
        'o' || i as order_id,
        'c' || (i % 300) as customer_id,
        date '2018-01-02' - (i // 300)::integer * 2 as order_date,
        2::bigint as line_count,
        'USD' as currency_code, 'customer' as buyer_kind, true as is_kept,
        7.50::decimal(18, 3) as sales_amount,
        7.50::decimal(18, 3) as reporting_sales_amount,
        '202' || i as store_id
    from range(18000) as _(i);
create table marts.fct_order_lines as
    select
        order_id, 'p' || n as product_id, 'goods' as product_class, order_date, currency_code,
        if(order_id = 'o800', 5, 3.75)::decimal(18, 3) as gross_amount,
        if(order_id = 'o800', 1.25, 0)::decimal(18, 3) as returned_amount,
        3.75::decimal(18, 3) as sales_amount
    from marts.fct_orders, range(2) as _(n);
create table marts.rpt_channel_months as
    select sum(sales_amount) as sales_amount from marts.fct_orders;
create table marts.rpt_cohort_retention as from marts.rpt_channel_months;
create table canonical.canonical_orders as
    select order_id, currency_code, 'completed' as order_status from marts.fct_orders;
create table staging.base_shop__orders as
    select order_id, false as is_quarantined from marts.fct_orders;
create table canonical.canonical_order_lines as
    select order_id, gross_amount as sales_amount from marts.fct_order_lines;
create table intermediate.int_orders__return_lines as
    select 'o800' as order_id, 2.5 as returned_amount, 2.5 as booked_amount limit 0;
create table intermediate.int_orders__refunds as
    select 'o800' as order_id, 0::bigint as unreadable_count;
create table intermediate.int_orders__refund_events as
    select
        'e1' as event_id, 'o800' as order_id, 'o800' as told_order_id,
        7.5::decimal(18, 3) as order_amount;
create table intermediate.int_orders__returned_lines as
    select 'o800' as order_id, 2.5 as returned_amount;
create table marts.dim_products as select 'p0' as product_id union all select 'p1';
create table marts.dim_campaigns as
    select
        'm' || i as campaign_id,
        timestamp '2017-12-20 09:00:00' as sent_at,
        date '2017-12-20' as offer_from_date,
        date '2018-01-20' as offer_until_date,
        if(i = 0, 300, 150) as audience_count
    from range(2) as _(i);
create table marts.rpt_campaign_performance as
    select
        campaign_id, audience_count::bigint as delivered_count, 2::bigint as unsubscribed_count,
        0::bigint as complained_count
    from marts.dim_campaigns;
create table marts.fct_touchpoints as
    select
        't' || order_id as touchpoint_id, customer_id, order_date as touchpoint_date,
        'ordered' as event_type, false as is_marketing_contact, null::varchar as campaign_id,
        null::varchar as message_id, null::varchar as question, null::varchar as answer,
        null::varchar as answer_mood
    from marts.fct_orders
    union all
    select 'm' || customer_id, customer_id, date '2017-12-20', 'delivered', true, 'm0', 'M0', null,
        null, null
    from marts.dim_customers
    union all
    select 'a' || customer_id || question, customer_id, date '2017-12-21', 'answered', false, 'm0',
        'M0', question, if(question = 'too_much', 'no', 'yes'), null
    from marts.dim_customers, (values ('too_much'), ('clear')) as questions(question)
    where customer_id = 'c5';
create table marts.dim_contact_pressure as
    select
        customer_id,
        0::bigint as marketing_contact_count_1d,
        0::bigint as marketing_contact_count_7d,
        if(customer_id = 'c5', 2, 1)::bigint as marketing_contact_count_30d,
        if(customer_id = 'c5', 2, 1)::bigint as marketing_contact_count_90d,
        if(customer_id = 'c5', 2, 1)::bigint as marketing_contact_count_365d,
        2::bigint as contact_cap_30d,
        if(customer_id = 'c5', 0, 1)::bigint as remaining_30d,
        if(customer_id = 'c5', 'saturated', 'on_target') as saturation
    from marts.dim_customers;
create table marts.dim_customer_relationships as
    select
        customer_id, 'buddy' as relationship_type, 'unknown' as wants_relationship,
        'inferred' as type_basis, 2::bigint as treatment_contact_count_30d,
        ['email', 'sms'] as treatment_channels, true as has_offers
    from marts.dim_customers;
create table marts.fct_contact_days as
    select customer_id, date '2017-12-20' as contact_date, 1::bigint as contact_count
    from marts.dim_customers;
create table marts.fct_contact_exposures as
    select 'm' || customer_id as exposure_id, customer_id from marts.dim_customers;
create table marts.rpt_contact_response_curve as
    select 'buddy' as relationship_type, 'randomised' as evidence, 20000::bigint as exposure_count,
        2 as optimum_contacts_28d;
create table marts.rpt_campaign_overload as
    select 'm0' as campaign_id, 300::bigint as recipient_count, 2::bigint as opt_out_count,
        0::bigint as complaint_count, 'ok' as verdict;
create table intermediate.int_orders__reporting_currency as
    select 'USD' as currency_code, false as is_chosen;
create table marts.source_streams as
    select 'shop.orders' as stream_name, 'shop' as source, 'read' as state,
        null::varchar as missing_scope, 300::bigint as record_count;
create table marts.policies as
    select
        'firm_themes' as policy, '["health", "recipes"]' as value, 'default' as source,
        false as is_changed;
create table marts.rpt_currency_months as
    select
        date '2017-12-01' as month_date, currency_code, rate::decimal(18, 9) as reporting_rate,
        orders::bigint as order_count, amount::decimal(18, 3) as sales_amount,
        (amount * rate)::decimal(18, 3) as reporting_sales_amount
    from (values ('USD', 1, 960, 9600), ('EUR', null, 40, 400))
        as _(currency_code, rate, orders, amount);
create table marts.fct_deals as
    select date '2017-12-01' as opened_date, if(i = 0, null, 1)::decimal(18, 9) as reporting_rate
    from range(40) as _(i);
create table marts.dim_customer_value as
    select
        'c' || i as customer_id,
        60::bigint as order_count,
        0::bigint as other_currency_order_count,
        (1 + i % 5)::integer as recency_quintile,
        (1 + i % 5)::integer as frequency_quintile,
        (1 + i % 5)::integer as monetary_quintile
    from range(300) as _(i);
create table segments.segments as
    from (values
            ('loyal', true, 'offers', 0.1::double, 'Tue-Thu 8:00-12:00', true, 'marketing'),
            ('rest', false, null, 0.0::double, null, false, null)
        ) as _(segment, takes_slot, topic, holdout_share, send_window, is_offer, message_class);
alter table segments.segments add column destination varchar default 'klaviyo';
alter table segments.segments add column last_as_of_date date default date '2018-01-01';
alter table segments.segments add column size bigint;
update segments.segments set size = if(segment = 'loyal', 17, 20);
create table intermediate.int_segments__last_sizes as
    from (values ('loyal', 19::bigint, true), ('rest', 20, true))
        as _(segment, size, is_same_policy);
alter table segments.segments add column skill varchar;
alter table segments.segments add column most_per_owner bigint;
create table staging.base_mapped__contacts as
    select
        'tool' as source, 'x' as contact_id, 'x@example.com' as email, false as is_archived,
        false as is_removed, true as is_seen, false as is_quarantined, 1 as version_rank
    limit 0;
create table staging.base_mapped__consents as
    select
        'tool' as source, 'x' as contact_id, []::varchar[] as addresses, 'email' as channel,
        '*' as topic, 'grant' as action, 'explicit' as evidence, null::timestamp as occurred_at,
        date '2017-12-01' as load_date, false as is_removed, true as is_seen,
        false as is_quarantined, 1 as version_rank
    limit 0;
create table canonical.canonical_partners as
    select unnest(['mill', 'press']) as partner_id;
create table intermediate.int_partners__contacts as
    select unnest(['mill', 'mill', 'press']) as partner_id, timestamp '2017-12-01' as occurred_at;
create table canonical.canonical_partner_issues as
    select 'mill' as partner_id, timestamp '2017-12-01' as opened_at;
create table marts.dim_partners as from canonical.canonical_partners;
create table marts.rpt_partner_relationships as
    select
        partner_id,
        if(partner_id = 'mill', 2, 1) as contact_count_365d,
        if(partner_id = 'mill', 1, 0) as issue_count_365d
    from marts.dim_partners;
create table marts.dim_staff as
    select 'ann' as owner_id, ['negotiation'] as skills, true as is_active;
create table segments.segment_members as
    select
        'c' || i as customer_id,
        if(i < 20, 'loyal', 'rest') as segment,
        if(i < 20, 'email', null) as channel,
        'treatment' as arm,
        -- Wednesday in Tokyo, from eight or from nine
        case
            when i = 3 then timestamp '2018-01-03 00:00'
            when i < 20 then timestamp '2018-01-02 23:00'
        end as allowed_from_at,
        if(i < 20, timestamp '2018-01-03 03:00', null) as allowed_until_at,
        'relationship' as lane,
        null::varchar as owner_id
    from range(40) as _(i)
    where i not in (5, 9, 19);
create table segments.segment_suppressions as
    select 'c9' as customer_id, 'loyal' as segment, 'no_consent' as clause;
create table segments.segment_silences as
    select customer_id, segment, clause, false as is_contact_avoided
    from segments.segment_suppressions;
create table segments.rpt_silence_savings as
    select segment, count(*) as silenced_count from segments.segment_silences group by segment;
create table segments.segment_changes as
    select customer_id, segment, 'joined' as change from segments.segment_members;
create table intermediate.int_segments__qualified as
    select customer_id, segment from segments.segment_members
    union all
    select customer_id, segment from segments.segment_suppressions;
create table intermediate.int_identity__contact_map as
    select 'klaviyo' as source, 'k' || customer_id as source_record_id, customer_id
    from marts.dim_customers
    union all
    select 'hubspot', 'h' || customer_id, customer_id from marts.dim_customers;
create table staging.base_klaviyo__profiles as
    select
        'k' || customer_id as profile_id, customer_id || '@Example.com' as email,
        if(has_email_consent, 'SUBSCRIBED', null) as email_consent,
        'form' as email_consent_method, timestamp '2017-05-01' as email_consent_at,
        timestamp '2017-05-02' as updated_at, false as is_removed, 'Asia/Tokyo' as time_zone
    from marts.dim_customers;
create table staging.stg_klaviyo__profiles as from staging.base_klaviyo__profiles;
create table staging.base_hubspot__contacts as
    select
        'h' || customer_id as contact_id, null::varchar as email,
        []::varchar[] as additional_emails, false as has_opted_out_of_email,
        null::varchar[] as allowed_channels,
        null::timestamp as preferences_updated_at, timestamp '2017-05-02' as updated_at,
        false as is_removed, false as is_archived, null::varchar as time_zone
    from marts.dim_customers;
create table staging.stg_hubspot__contacts as from staging.base_hubspot__contacts;
create table canonical.canonical_preferences as
    select 'hubspot' as source, time_zone from staging.stg_hubspot__contacts;
create table canonical.canonical_contacts as
    select 'klaviyo' as source, time_zone, true as is_current from staging.stg_klaviyo__profiles;
create table staging.base_hubspot__subscription_statuses as
    select
        null::varchar as email, 'email' as channel, '*' as subscription_id,
        'UNSUBSCRIBED' as subscription_status, null::varchar as set_by,
        timestamp '2017-06-01' as set_at, date '2017-06-01' as load_date
    limit 0;
create table staging.stg_hubspot__email_events as
    select null::varchar as email, true as is_refusal, timestamp '2017-06-01' as occurred_at
    limit 0;
create table staging.stg_klaviyo__events as
    select null::varchar as profile_id, 'left' as metric_id, timestamp '2017-06-01' as occurred_at
    limit 0;
create table staging.stg_klaviyo__metrics as
    select 'left' as metric_id, 'Unsubscribed' as metric_name;
create table staging.klaviyo_metrics as
    select
        'Unsubscribed' as metric_name, 'email' as channel, 'withdraw' as consent_action,
        'channel' as consent_level;
create table ops.unreadable_time_zones as
    select 'hubspot' as source, 'Mars/Olympus' as spelling, 1::bigint as record_count where false;
create table ops.unmapped_metrics as
    select 'm1' as metric_id, 'klaviyo_metrics' as missing_in where false;
create table ops.row_conservation as
    select
        split_part(name, '.', 1) as source, split_part(name, '.', 2) as entity,
        -- nothing was removed or refused: as good a night as any
        if(entity in ('removals', 'refusals'), 0, 1000) as landed_count,
        landed_count as staged_count, 0 as superseded_count, 0 as repeated_count,
        0 as left_out_count, 0 as erased_count, 0 as quarantined_count, 0 as waiting_count
    from unnest({STREAMS}) as _(name);
"""

# What is copied of tables once they have all their columns.
COPIES = """
update marts.fct_touchpoints set source = 'shop';
create table intermediate.int_touchpoints__unified as from marts.fct_touchpoints;
create table canonical.canonical_deals as
    select null::varchar as currency_code, 5::decimal(18, 3) as deal_amount, false as is_deleted,
        'won' as deal_stage, null::varchar[] as stage_history
    from marts.fct_deals;
update marts.fct_deals set deal_amount = 5, currency_code = 'USD';
create table canonical.canonical_tickets as
    select 'x' as ticket_id, false as is_deleted limit 0;
create table canonical.canonical_message_events as
    select 'shop' as source, 'e' as event_id, 'kc3' as contact_id, 'opened' as event_type limit 0;
-- c1 to c9 are called after their number, c3 and c4 after things too
create table intermediate.int_identity__identifiers as
    select
        holder_kind, holder_id, kind, lower(said) as identifier, is_sure,
        ' ' || regexp_replace(lower(said), '[^a-z0-9]+', ' ', 'g') || ' ' as words,
        case
            when is_sure then lower(said)
            when kind <> 'digest' then chr(31) || lower(said) || chr(31)
        end as needle
    from (
        select 'customer_id' as holder_kind, 'c' || i as holder_id, unnest([
            {'kind': 'name', 'said': 'Grace Number' || i, 'is_sure': true},
            {'kind': 'part of a name', 'said': 'Number' || i, 'is_sure': false},
            {'kind': 'address', 'said': 'grace' || i || '@example.com', 'is_sure': true},
            {'kind': 'digest', 'said': md5('grace' || i || '@example.com'), 'is_sure': false}
        ], recursive := true)
        from range(1, 10) as _(i)
        union all
        from (values
            ('customer_id', 'c3', 'part of a name', 'Store', false),
            ('owner_id', 'ann', 'name', 'Ann Hathaway-Smith', true)
        )
    );
"""


def released(root):
    """The names of all tables that a release shows."""
    text = (root / "dbt_project/macros/release/released.sql").read_text()
    (listed,) = re.findall(r"macro released_tables.*?return\(\[(.*?)\]", text, re.DOTALL)
    return re.findall(r"'(\w+)'", listed)


@pytest.fixture(scope="session")
def good_warehouse(tmp_path_factory):
    """Tables that fit together, and dbt's audits over them; built once."""
    folder = tmp_path_factory.mktemp("publish-gate")
    path = folder / "rapport_build.duckdb"
    project = ROOT / "dbt_project"
    parse_if_changed(project)
    manifest = load_manifest(project)
    with duckdb.connect(str(path)) as connection:
        streams = [stream.full_name for stream in STREAMS]
        connection.execute(TABLES.replace("{STREAMS}", str(streams)))
        connection.execute("create schema metrics")
        for name in released(ROOT):
            model = manifest.nodes[f"model.rapport.{name}"]
            table = f"{model.schema}.{name}"
            columns = [f"{column.name} {column.data_type}" for column in model.columns.values()]
            connection.execute(f"create table if not exists {table} ({', '.join(columns)})")
            for column in columns:
                connection.execute(f"alter table {table} add column if not exists {column}")
        connection.execute(COPIES)
    success, error = invoke(
        project,
        [
            *("--quiet", "run", "--select", "audit"),
            *("--vars", f"{{as_of_date: {NIGHT}, most_calls_per_owner: 17}}"),
            *("--target-path", str(folder / "target"), "--log-path", str(folder / "logs")),
        ],
        environment={"RAPPORT_WAREHOUSE": str(path), "RAPPORT_LANDING": str(folder)},
        manifest=manifest,
    )
    assert success, error
    return path


def only(table, folder):
    """Expectations whose publish checkpoint is cut down to one table; the rest is the real one."""
    cut = folder / "expectations"
    (cut / "checkpoints").mkdir(parents=True)
    (cut / "suites").symlink_to(EXPECTATIONS / "suites")
    checkpoint = yaml.safe_load((EXPECTATIONS / "checkpoints/publish.yml").read_text())
    checkpoint["validations"] = [v for v in checkpoint["validations"] if v["table"] == table]
    (cut / "checkpoints/publish.yml").write_text(yaml.safe_dump(checkpoint))
    return cut


@pytest.fixture
def gate(good_warehouse, tmp_path):
    """Return a function that does something to the warehouse and then asks the gate."""
    warehouse = tmp_path / "rapport_build.duckdb"
    shutil.copy(good_warehouse, warehouse)

    def ask(corruption="", *, table=None):
        with duckdb.connect(str(warehouse)) as connection:
            connection.execute(corruption)
        return run_checkpoint(
            "publish",
            expectations_dir=only(table, tmp_path) if table else EXPECTATIONS,
            data_docs_dir=tmp_path / "docs",
            as_of=NIGHT,
            warehouse_path=warehouse,
        )

    ask.warehouse = warehouse
    return ask


def test_tables_that_fit_together_pass_without_a_word(gate):
    result = gate()
    assert (result.critical, result.warnings) == ([], [])
    assert result.stamp


MEMBERS = (
    "insert into segments.segment_members "
    "(customer_id, segment, channel, arm, allowed_from_at, allowed_until_at, lane, owner_id) "
)

# Seventeen of the list, all hers.
CALLED_BY_ANN = (
    "update segments.segments set destination = 'hubspot', most_per_owner = 17, "
    "message_class = 'service', skill = 'negotiation' where segment = 'loyal'; "
    "update segments.segment_members set owner_id = 'ann' where segment = 'loyal'"
)


def test_an_answer_takes_no_consent_and_no_cap(gate):
    asked = gate(
        f"{CALLED_BY_ANN}; update segments.segment_members set channel = 'phone' "
        "where segment = 'loyal'; update marts.dim_contact_pressure set remaining_30d = 0",
        table="audit.segment_safety",
    )
    assert asked.critical == []


STOPS = {
    "amounts of no currency": (
        "audit.currencies",
        "update intermediate.int_orders__reporting_currency set currency_code = 'XXX'",
        "is_known): 1 of 1 rows",
    ),
    "an e-mail address in a mart": (
        "audit.released_columns",
        f"update marts.dim_customers set country_code = '{CANARY}' where customer_id = 'c3'",
        "identifier_count): 1 of",
        "dim_customers.country_code",
    ),
    "a telephone number inside a text": (
        "audit.released_columns",
        "update marts.fct_orders set store_id = 'call +84 912 345 678 please' "
        "where order_id = 'o3'",
        "identifier_count): 1 of",
        "fct_orders.store_id",
    ),
    "a telephone number in groups": (
        "audit.released_columns",
        "update marts.fct_orders set store_id = '(021) 555 12 34' where order_id = 'o3'",
        "identifier_count): 1 of",
        "fct_orders.store_id",
    ),
    "a column that its contract has not": (
        "audit.released_columns",
        "alter table marts.dim_customers rename country_code to phone_number",
        "audit.released_columns: Binder Error",
    ),
    "the address of somebody on a list in what is said of them": (
        "audit.released_columns",
        "update segments.segment_members set reason = 'Wrote from GRACE3@example.com.' "
        "where customer_id = 'c3'",
        "named_count): 1 of",
        "segment_members.reason",
    ),
    "the name of somebody in a sentence about them": (
        "audit.released_columns",
        "update segments.segment_suppressions set reason = 'Call Grace Number9, please.'",
        "named_count): 1 of",
        "segment_suppressions.reason): 1",
    ),
    "the name of a colleague in a row of theirs": (
        "audit.released_columns",
        "update marts.dim_staff set team = 'Team of Ann Hathaway-Smith'",
        "dim_staff.team): 1",
    ),
    "a column of first names": (
        "audit.released_columns",
        "update marts.dim_customer_habits set usual_channel = 'x'; "
        "insert into marts.dim_customer_habits (customer_id, usual_channel) "
        "select 'c' || i, 'number' || i from range(1, 10) as _(i)",
        "dim_customer_habits.usual_channel): 9",
    ),
    "a list of names": (
        "audit.released_columns",
        "insert into marts.dim_customer_habits (customer_id, interests) "
        "select 'c' || i, ['opera', 'number' || i] from range(1, 10) as _(i)",
        "dim_customer_habits.interests): 9",
    ),
    "a bare digest of an address": (
        "audit.released_columns",
        "update marts.dim_customers set company_id = md5('grace3@example.com') "
        "where customer_id = 'c8'",
        "dim_customers.company_id): 1",
    ),
    "a report by name": (
        "audit.released_columns",
        "insert into marts.rpt_channel_months (channel, sales_amount) "
        "select 'Grace Number' || i, 0 from range(1, 6) as _(i)",
        "rpt_channel_months.channel): 5",
    ),
    "a text of a megabyte": (
        "audit.released_columns",
        "update marts.dim_campaigns set campaign_name = repeat('x', 1000000) "
        "where campaign_id = 'm1'",
        "overlong_count): 1 of",
        "dim_campaigns.campaign_name): 1",
    ),
    "a member of a list of a megabyte": (
        "audit.released_columns",
        "update marts.dim_preferences set unwanted_topics = ['x', repeat('x', 1000000)] "
        "where customer_id = 'c3'",
        "dim_preferences.unwanted_topics): 1",
    ),
    "a row about somebody whom no table has": (
        "audit.released_references",
        "update marts.fct_consent_events set customer_id = 'ghost' where customer_id = 'c3'",
        "orphan_count): 1 of",
        "(reference fct_consent_events.customer_id): 1",
    ),
    "lines of an order that is not there": (
        "audit.released_references",
        "delete from marts.fct_orders where order_id = 'o700'",
        "(reference fct_order_lines.order_id): 2",
    ),
    "colleagues whom nobody knows": (
        "audit.released_references",
        "update marts.dim_customers set owner_id = 'bob'",
        "unknown_share): 1 of",
        "(reference dim_customers.owner_id): 1",
    ),
    "a deal that no mart has": (
        "audit.record_conservation",
        "delete from marts.fct_deals where rowid = 0",
        "record_difference): 1 of 4 rows (records_of deals, USD): 1",
        "amount_difference): 1 of 4 rows (records_of deals, USD): 5",
    ),
    "a ticket that no mart has": (
        "audit.record_conservation",
        "insert into canonical.canonical_tickets values ('t', false)",
        "(records_of tickets): 1",
    ),
    "a touchpoint that was made anew on no day": (
        "audit.record_conservation",
        "delete from marts.fct_touchpoints where touchpoint_id = 'mc3'",
        "(records_of touchpoints, shop): 1",
    ),
    "an event of somebody we know that is no touchpoint": (
        "audit.record_conservation",
        "insert into canonical.canonical_message_events values ('klaviyo', 'e', 'kc3', 'opened')",
        "(records_of events of messages): 1",
    ),
    "a list that is another than the last": (
        "audit.segment_sizes",
        "update segments.segments set size = 900 where segment = 'rest'",
        "is_no_other_list): 1 of 2 rows (segment rest: 20 before, 900 now)",
    ),
    "silence that is counted of others than were held back": (
        "audit.silence_balance",
        "update segments.rpt_silence_savings set silenced_count = 7",
        "is_balanced): 1 of 1 rows (segment loyal)",
    ),
    "a partner of whom a contact is not counted": (
        "audit.partner_records",
        "update marts.rpt_partner_relationships set contact_count_365d = 1",
        "is_conserved): 1 of 2 rows (records_of_partners contacts)",
    ),
    "a contact that counts as avoided and is made": (
        "audit.silence_balance",
        "update segments.segment_silences set customer_id = 'c3', is_contact_avoided = true",
        "twice_count): 1 of 1 rows (segment loyal)",
    ),
    "a list of which next to nothing is left": (
        "audit.segment_sizes",
        "update intermediate.int_segments__last_sizes set size = 1500 where segment = 'loyal'",
        "is_no_other_list): 1 of 2 rows (segment loyal: 1500 before, 17 now)",
    ),
    "a member of whom the destination has no record": (
        "audit.segment_safety",
        "update marts.dim_customers set has_mailing_profile = false where customer_id = 'c3'",
        "unreachable_count): 1 of 2 rows (segment loyal): 1",
    ),
    "a hold-out that is no draw": (
        "audit.segment_safety",
        "update segments.segment_members set arm = 'holdout' where segment = 'loyal'",
        "holdout_chance): 1 of 2 rows (segment loyal)",
    ),
    "somebody held out of a list without a hold-out": (
        "audit.segment_safety",
        "update segments.segment_members set arm = 'holdout' where customer_id = 'c30'",
        "holdout_chance): 1 of 2 rows (segment rest)",
    ),
    "a member who never agreed to e-mail": (
        "audit.segment_safety",
        "update marts.dim_preferences set email_consent = 'unknown' where customer_id = 'c3'",
        "unconsented_count): 1 of 2 rows (segment loyal)",
    ),
    "a member who opted out": (
        "audit.segment_safety",
        "update marts.dim_preferences set email_consent = 'withdrawn' where customer_id = 'c3'",
        "unconsented_count): 1 of 2 rows (segment loyal)",
    ),
    "a member whose consent ran out": (
        "audit.segment_safety",
        "update marts.dim_preferences set email_consent = 'expired' where customer_id = 'c3'",
        "unconsented_count): 1 of 2 rows (segment loyal)",
    ),
    "a member of whom consent is not known": (
        "audit.segment_safety",
        "update marts.dim_preferences set email_consent = null where customer_id = 'c3'",
        "unconsented_count): 1 of 2 rows (segment loyal)",
    ),
    "a member without a contract": (
        "audit.segment_safety",
        "delete from marts.dim_preferences where customer_id = 'c3'",
        "unconsented_count): 1 of 2 rows (segment loyal)",
    ),
    "a member whom the mailing tool blocks": (
        "audit.segment_safety",
        "update marts.dim_preferences set is_email_deliverable = false where customer_id = 'c3'",
        "unconsented_count): 1 of 2 rows (segment loyal)",
    ),
    "a member whose address said no in the CRM, whoever it belongs to there": (
        "audit.address_opt_outs",
        "insert into staging.base_hubspot__subscription_statuses values ('C3@example.com', "
        "'email', '*', 'UNSUBSCRIBED', null, timestamp '2017-06-01', date '2017-06-02')",
        "opted_out_count): 1 of 2 rows (segment loyal)",
    ),
    "a member whose further address in the CRM opted out": (
        "audit.address_opt_outs",
        "update staging.base_hubspot__contacts set additional_emails = ['c3@example.com'], "
        "has_opted_out_of_email = true, updated_at = timestamp '2017-06-01' "
        "where contact_id = 'hc200'",
        "opted_out_count): 1 of 2 rows (segment loyal)",
    ),
    "a member who unsubscribed after they had subscribed": (
        "audit.address_opt_outs",
        "insert into staging.stg_klaviyo__events values ('kc3', 'left', timestamp '2017-06-01')",
        "opted_out_count): 1 of 2 rows (segment loyal)",
    ),
    "a member whose other address, which they have as well, opted out": (
        "audit.address_opt_outs",
        "update staging.stg_hubspot__contacts set email = 'other@example.com' "
        "where contact_id = 'hc3'; "
        "insert into staging.base_hubspot__subscription_statuses values ('other@example.com', "
        "'email', '*', 'UNSUBSCRIBED', null, timestamp '2017-04-01', date '2017-06-02')",
        "opted_out_count): 1 of 2 rows (segment loyal)",
    ),
    "a new spelling of time zones": (
        "audit.time_zones",
        "insert into ops.unreadable_time_zones values ('klaviyo', 'Tokyo time', 200)",
        "unreadable_share): 1 of 2 rows (source klaviyo)",
    ),
    "a member who wants no relationship": (
        "audit.segment_safety",
        "update marts.dim_preferences set wants_relationship = 'no' where customer_id = 'c3'",
        "unwilling_count): 1 of 2 rows (segment loyal)",
    ),
    "a member who does not want e-mail": (
        "audit.segment_safety",
        "update marts.dim_preferences set allowed_channels = ['post'] where customer_id = 'c3'",
        "unwanted_count): 1 of 2 rows (segment loyal)",
    ),
    "a member who does not want the topic": (
        "audit.segment_safety",
        "update marts.dim_preferences set unwanted_topics = ['offers'] where customer_id = 'c3'",
        "unwanted_count): 1 of 2 rows (segment loyal)",
    ),
    "a member who objected to the topic": (
        "audit.segment_safety",
        "update marts.dim_preferences set withdrawn_topics = ['offers'] where customer_id = 'c3'",
        "unwanted_count): 1 of 2 rows (segment loyal)",
    ),
    "a member who unsubscribed from the topic": (
        "audit.segment_safety",
        "update marts.dim_preferences set withdrawn_email_topics = ['offers'] "
        "where customer_id = 'c3'",
        "unwanted_count): 1 of 2 rows (segment loyal)",
    ),
    "a member who asked for a pause": (
        "audit.segment_safety",
        "update marts.dim_preferences set is_paused = true where customer_id = 'c3'",
        "unwanted_count): 1 of 2 rows (segment loyal)",
    ),
    "a member who would be woken": (
        "audit.segment_safety",
        "update segments.segment_members set allowed_from_at = '2018-01-02 23:45' "
        "where customer_id = 'c3'",
        "untimely_count): 1 of 2 rows (segment loyal)",
    ),
    "a member who would get it a minute late": (
        "audit.segment_safety",
        "update segments.segment_members set allowed_until_at = '2018-01-03 03:01' "
        "where customer_id = 'c3'",
        "untimely_count): 1 of 2 rows (segment loyal)",
    ),
    "a member who does not allow the weekday": (
        "audit.segment_safety",
        "update marts.dim_preferences set allowed_weekdays = ['mon'] where customer_id = 'c3'",
        "untimely_count): 1 of 2 rows (segment loyal)",
    ),
    "a member whose pause lasts": (
        "audit.segment_safety",
        "update marts.dim_preferences set pause_until_date = '2018-01-03' where customer_id = 'c3'",
        "untimely_count): 1 of 2 rows (segment loyal)",
    ),
    "a member who would get it at no time at all": (
        "audit.segment_safety",
        "update segments.segment_members set allowed_from_at = null where customer_id = 'c3'",
        "untimely_count): 1 of 2 rows (segment loyal)",
    ),
    "a member who would get it at once": (
        "audit.segment_safety",
        "update segments.segment_members set allowed_from_at = '2018-01-02 00:00', "
        "allowed_until_at = '2018-01-02 03:00' where customer_id = 'c3'",
        "untimely_count): 1 of 2 rows (segment loyal)",
    ),
    "a segment that is sent on another day": (
        "audit.segment_safety",
        "update segments.segments set send_window = 'Fri 8:00-12:00' where segment = 'loyal'",
        "untimely_count): 1 of 2 rows (segment loyal)",
    ),
    "a member whose clock nobody knows": (
        "audit.segment_safety",
        "update marts.dim_preferences set time_zone = 'Mars/Olympus' where customer_id = 'c3'",
        "untimely_count): 1 of 2 rows (segment loyal)",
    ),
    "a member who allows no message at all": (
        "audit.segment_safety",
        "update marts.dim_preferences set max_marketing_messages_30d = 0 where customer_id = 'c3'",
        "over_declared_cap_count): 1 of 2 rows (segment loyal)",
    ),
    "a member who had as many as they allow": (
        "audit.segment_safety",
        "update marts.dim_preferences set max_marketing_messages_30d = 1 where customer_id = 'c3'",
        "over_declared_cap_count): 1 of 2 rows (segment loyal)",
    ),
    "a member who had as many as suit them": (
        "audit.segment_safety",
        "update marts.dim_contact_pressure set remaining_30d = 0 where customer_id = 'c3'",
        "over_cap_count): 1 of 2 rows (segment loyal)",
    ),
    "a member in the lane of another wish": (
        "audit.segment_safety",
        "update marts.dim_customer_relationships set wants_relationship = 'no' "
        "where customer_id = 'c3'",
        "mistreated_count): 1 of 2 rows (segment loyal)",
    ),
    "an offer to a member whose treatment has none": (
        "audit.segment_safety",
        "update marts.dim_customer_relationships set has_offers = false where customer_id = 'c3'",
        "mistreated_count): 1 of 2 rows (segment loyal)",
    ),
    "a member by a channel that their treatment leaves out": (
        "audit.segment_safety",
        "update marts.dim_customer_relationships set treatment_channels = ['phone'] "
        "where customer_id = 'c3'",
        "mistreated_count): 1 of 2 rows (segment loyal)",
    ),
    "a member who is to be left alone": (
        "audit.segment_safety",
        MEMBERS + "values ('c30', 'loyal', 'email', 'treatment', "
        "'2018-01-03 00:00', '2018-01-03 03:00', 'relationship', null)",
        "resting_count): 1 of 2 rows (segment loyal)",
    ),
    "a member who was held back": (
        "audit.segment_safety",
        "insert into segments.segment_suppressions (customer_id, segment, clause) "
        "values ('c3', 'loyal', 'over_cap')",
        "suppressed_count): 1 of 2 rows (segment loyal)",
    ),
    "a member nobody knows": (
        "audit.segment_safety",
        MEMBERS + "values ('ghost', 'rest', null, 'treatment', null, null, 'relationship', null)",
        "unknown_count): 1 of 2 rows (segment rest)",
    ),
    "somebody who said that it is too much, and goes on getting as much": (
        "audit.contact_caps",
        "update marts.fct_touchpoints set answer = 'yes' where question = 'too_much'",
        "unheard_count): 1 of 1 rows",
    ),
    "somebody who qualifies and is neither listed nor held back": (
        "audit.segment_safety",
        "insert into intermediate.int_segments__qualified values ('c5', 'loyal')",
        "unaccounted_count): 1 of 2 rows (segment loyal)",
    ),
    "a segment that was built and is not accounted for": (
        "audit.segment_safety",
        "insert into intermediate.int_segments__qualified values ('c5', 'forgotten')",
        "unaccounted_count): 1 of 3 rows (segment forgotten)",
    ),
    "a member who does not qualify": (
        "audit.segment_safety",
        "delete from intermediate.int_segments__qualified where customer_id = 'c30'",
        "unaccounted_count): 1 of 2 rows (segment rest)",
    ),
    "a call that nobody is to make": (
        "audit.segment_safety",
        "update segments.segments set destination = 'hubspot', most_per_owner = 100 "
        "where segment = 'loyal'",
        "misrouted_count): 1 of 2 rows (segment loyal)",
    ),
    "a list of calls that goes to the mailing tool": (
        "audit.segment_safety",
        f"{CALLED_BY_ANN}; update segments.segments set destination = 'klaviyo'",
        "misrouted_count): 1 of 2 rows (segment loyal)",
    ),
    "a mailing that calls itself service": (
        "audit.segment_safety",
        "update segments.segments set message_class = 'service' where segment = 'loyal'",
        "misrouted_count): 1 of 2 rows (segment loyal)",
    ),
    "a colleague without the skill": (
        "audit.segment_safety",
        f"{CALLED_BY_ANN}; update marts.dim_staff set skills = []",
        "misrouted_count): 1 of 2 rows (segment loyal)",
    ),
    "more calls than a colleague can make": (
        "audit.segment_safety",
        f"{CALLED_BY_ANN}; update segments.segments set most_per_owner = 16 "
        "where segment = 'loyal'",
        "misrouted_count): 1 of 2 rows (segment loyal)",
    ),
    "a call to somebody who said no to the telephone": (
        "audit.segment_safety",
        f"{CALLED_BY_ANN}; update segments.segment_members set channel = 'phone' "
        "where segment = 'loyal'; update marts.dim_preferences set phone_consent = 'withdrawn' "
        "where customer_id = 'c3'",
        "unconsented_count): 1 of 2 rows (segment loyal)",
    ),
    "a segment nobody owns": (
        "audit.segment_safety",
        MEMBERS + "values ('c80', 'secret', null, 'treatment', null, null, 'relationship', null)",
        "is_defined): 1 of 3 rows (segment secret)",
    ),
    "a segment of nearly everybody": (
        "audit.segment_safety",
        MEMBERS
        + "select customer_id, 'loyal', null, 'treatment', null, null, 'relationship', null "
        "from marts.dim_customers",
        "addressed_share): 1 of 2 rows (segment loyal): 1",
    ),
    "no segments": (
        "audit.segment_safety",
        "delete from segments.segments; delete from segments.segment_members; "
        "delete from segments.segment_suppressions; delete from segments.segment_silences; "
        "delete from segments.rpt_silence_savings; "
        "delete from intermediate.int_segments__qualified",
        "empty",
    ),
    "an order without its lines": (
        "audit.order_days",
        "delete from marts.fct_order_lines where order_id = 'o700'",
        "line_difference): 1 of 60 rows (order_day 2017-12-29)",
    ),
    "an amount that changed in one table": (
        "audit.order_days",
        "update marts.fct_orders set sales_amount = 7.51 where order_id = 'o700'",
        "sales_difference): 1 of 60 rows (order_day 2017-12-29)",
    ),
    "lines counted twice": (
        "audit.order_days",
        "insert into marts.fct_order_lines from marts.fct_order_lines where order_id = 'o700'",
        "line_difference",
    ),
    "an order that no journey has": (
        "audit.order_days",
        "delete from marts.fct_touchpoints where touchpoint_id = 'to700'",
        "touchpoint_difference): 1 of 60 rows (order_day 2017-12-29)",
    ),
    "a line that no mart has": (
        "audit.revenue_conservation",
        "insert into canonical.canonical_order_lines select 'o700', 1.00",
        "line_difference): 1 of 1 rows (revenue_of marts, USD)",
    ),
    "an order that no mart has": (
        "audit.revenue_conservation",
        "insert into canonical.canonical_orders select 'of a guest', 'USD', null",
        "order_difference): 1 of 1 rows (revenue_of marts, USD)",
    ),
    "a return that is booked nowhere": (
        "audit.revenue_conservation",
        "update marts.fct_order_lines set returned_amount = 0 where order_id = 'o800'",
        "returned_difference): 1 of 1 rows (revenue_of marts, USD)",
    ),
    "a return that is booked twice": (
        "audit.revenue_conservation",
        "update marts.fct_order_lines set gross_amount = 3.75 where order_id = 'o800'",
        "staged_difference): 1 of 1 rows (revenue_of marts, USD)",
    ),
    "guests who are in no month of the channels": (
        "audit.revenue_conservation",
        "update marts.rpt_channel_months set sales_amount = sales_amount - 7.50",
        "channel_difference): 1 of 1 rows (revenue_of marts, USD)",
    ),
    "an order on no day": (
        "audit.order_days",
        "update marts.fct_orders set order_date = null where order_id = 'o700'",
        "order_day",
    ),
    "no order for two weeks": (
        "audit.order_flow",
        "delete from marts.fct_orders where order_date > '2017-12-15'",
        "newest_order_age_days): 1 of 1 rows",
    ),
    "a contact that does not count": (
        "audit.contact_windows",
        "update marts.dim_contact_pressure set marketing_contact_count_30d = 0 "
        "where customer_id = 'c3'",
        "difference): 1 of 5 rows (window_days 30)",
    ),
    "a customer whose pressure is lost": (
        "audit.contact_windows",
        "delete from marts.dim_contact_pressure where customer_id = 'c3'",
        "difference): 3 of 5 rows (window_days 30, 90, 365)",
    ),
    "a pulse question that does not count": (
        "audit.contact_windows",
        "update marts.dim_contact_pressure set marketing_contact_count_90d = 1 "
        "where customer_id = 'c5'",
        "difference): 1 of 5 rows (window_days 90)",
    ),
    "somebody without a cap": (
        "audit.contact_caps",
        "update marts.dim_contact_pressure set contact_cap_30d = null where customer_id = 'c3'",
        "uncapped_count): 1 of 1 rows",
    ),
    "a cap above what they allow": (
        "audit.contact_caps",
        "update marts.dim_preferences set max_marketing_messages_30d = 0 where customer_id = 'c3'",
        "above_declared_count): 1 of 1 rows",
    ),
    "marketing to somebody who wants no relationship": (
        "audit.contact_caps",
        "update marts.dim_preferences set wants_relationship = 'no' where customer_id = 'c3'",
        "unwanted_count): 1 of 1 rows",
    ),
    "a cap that a curve raised": (
        "audit.contact_caps",
        "update marts.dim_contact_pressure set contact_cap_30d = 9 where customer_id = 'c3'",
        "above_treatment_count): 1 of 1 rows",
    ),
    "somebody silenced by a guess": (
        "audit.contact_caps",
        "update marts.dim_contact_pressure set contact_cap_30d = 0, remaining_30d = 0 "
        "where customer_id = 'c3'",
        "silenced_count): 1 of 1 rows",
    ),
    "more left than the cap leaves": (
        "audit.contact_caps",
        "update marts.dim_contact_pressure set remaining_30d = 1 where customer_id = 'c5'",
        "overdrawn_count): 1 of 1 rows",
    ),
    "a verdict from a handful": (
        "audit.contact_caps",
        "update marts.rpt_campaign_overload set recipient_count = 12, verdict = 'overloaded'",
        "handful_verdict_count): 1 of 1 rows",
    ),
    "an optimum from a handful": (
        "audit.contact_caps",
        "update marts.rpt_contact_response_curve set exposure_count = 12",
        "handful_optimum_count): 1 of 1 rows",
    ),
    "a value class that does not exist": (
        "audit.value_classes",
        "update marts.dim_customer_value set recency_quintile = 9 where customer_id = 'c3'",
        "unclassed_count): 1 of 3 rows (measure recency)",
    ),
    "a buyer without a value class": (
        "audit.value_classes",
        "update marts.dim_customer_value set monetary_quintile = null where customer_id = 'c3'",
        "unclassed_count): 1 of 3 rows (measure monetary)",
    ),
    "no customers": (
        "audit.identity_health",
        "delete from marts.dim_customers",
        "customer_count): 1 of 1 rows",
    ),
    "buyers whom no other source knows": (
        "audit.identity_health",
        "update marts.dim_customers set has_crm_contact = false, has_mailing_profile = false "
        "where customer_id <> 'c1'",
        "unmatched_buyer_share): 1 of 1 rows",
    ),
    "contacts of unknown campaigns": (
        "audit.campaign_reach",
        "update marts.fct_touchpoints set campaign_id = 'x' where is_marketing_contact",
        "orphan_contact_share): 1 of 1 rows",
    ),
    "a campaign whose tables count other unsubscriptions": (
        "audit.campaign_reach",
        "update marts.rpt_campaign_overload set opt_out_count = 3",
        "disagreeing_count): 1 of 1 rows",
    ),
    "a stream in quarantine": (
        "audit.stream_quality",
        "update ops.row_conservation set quarantined_count = 60, waiting_count = 60 "
        "where entity = 'orders'",
        "waiting_share): 1 of 40 rows (stream_name shop.orders)",
    ),
    "a stream that nobody counts": (
        "audit.stream_quality",
        "delete from ops.row_conservation where entity = 'orders'",
        "expect_table_row_count_to_be_between(table): found 39",
    ),
    "a mart that is gone": (
        "audit.value_classes",
        "drop table marts.dim_customer_value",
        "audit.value_classes: Catalog Error",
    ),
    "an audit that is gone": (
        "audit.segment_safety",
        "drop view audit.segment_safety",
        "segment_safety does not exist",
    ),
}


@pytest.mark.parametrize("what", STOPS)
def test_it_stops(gate, tmp_path, what):
    table, corruption, *signs = STOPS[what]
    with pytest.raises(GateFailed) as failed:
        gate(corruption, table=table)
    message = "\n".join(failed.value.failures)
    for sign in signs:
        assert sign in message
    pages = [page.read_text() for page in (tmp_path / "docs").rglob("*.html")]
    assert not [text for text in [message, *pages] if CANARY in text or "345 678" in text]


WARNS = {
    "a contact with a partner that no list has": (
        "audit.partner_records",
        "insert into intermediate.int_partners__contacts values ('nobody', timestamp '2017-12-01')",
        "untied_share): 1 of 2 rows (records_of_partners contacts): 0.25",
    ),
    "one order in ten in a currency without a rate": (
        "audit.currencies",
        "update marts.rpt_currency_months set order_count = 107 where currency_code = 'EUR'",
        "is_little_left_out): 1 of 1 rows (reporting_currency_code USD)",
    ),
    "few orders of much money in a currency that had a rate once": (
        "audit.currencies",
        "update marts.rpt_currency_months set sales_amount = 600 where currency_code = 'EUR'; "
        "insert into marts.rpt_currency_months (month_date, currency_code, reporting_rate, "
        "order_count, sales_amount, reporting_sales_amount) "
        "values ('2017-11-01', 'EUR', 1.2, 1, 10, 12)",
        "is_little_left_out): 1 of 1 rows (reporting_currency_code USD)",
    ),
    "a firm that sells in pounds and reports in dollars": (
        "audit.currencies",
        "update marts.rpt_currency_months set currency_code = 'GBP', reporting_rate = null, "
        "reporting_sales_amount = null",
        "is_little_left_out): 1 of 1 rows",
    ),
    "deals in a currency without a rate": (
        "audit.currencies",
        "update marts.fct_deals set reporting_rate = null",
        "is_little_of_deals_left_out): 1 of 1 rows (reporting_currency_code USD)",
    ),
    "orders three days old": (
        "audit.order_flow",
        "delete from marts.fct_orders where order_date > '2017-12-29'; "
        "delete from marts.fct_order_lines where order_date > '2017-12-29'; "
        "delete from marts.fct_touchpoints where touchpoint_date > '2017-12-29'",
        "newest_order_age_days",
    ),
    "a time zone that nobody can read": (
        "audit.time_zones",
        "insert into ops.unreadable_time_zones values ('klaviyo', 'Mars/Olympus', 3)",
        "unreadable_count): 1 of 2 rows (source klaviyo)",
    ),
    "a survey of one to five where the policies have nought to two": (
        "audit.survey_scales",
        "insert into marts.fct_touchpoints (touchpoint_id, customer_id, touchpoint_date, "
        "event_type, is_marketing_contact, campaign_id, message_id, question, answer, answer_mood) "
        "select 's' || answer, 'c1', '2017-12-21', 'answered', "
        "false, null, null, 'csat', answer, mood from (values ('1', 'neutral'), ('4', null), "
        "('5', null)) as answers (answer, mood)",
        "off_scale_count): 1 of 3 rows (survey csat: 2 of 3 answers, by 1 customer, not from 0 to "
        "2; they go from 1 to 5)",
    ),
    "a new segment that nobody is in": (
        "audit.segment_sizes",
        "insert into segments.segments by name "
        "select 'new' as segment, true as takes_slot, 0.1 as holdout_share, false as is_offer, "
        "0 as size",
        "is_newly_empty): 1 of 3 rows (segment new): 1",
    ),
    "a list three times as long": (
        "audit.segment_sizes",
        "update segments.segments set size = 200 where segment = 'rest'",
        "is_about_as_long): 1 of 2 rows (segment rest: 20 before, 200 now)",
    ),
    "another list under another policy": (
        "audit.segment_sizes",
        "update segments.segments set size = 900 where segment = 'rest'; "
        "update intermediate.int_segments__last_sizes set is_same_policy = false",
        "is_about_as_long",
    ),
    "another list after a fortnight": (
        "audit.segment_sizes",
        "update segments.segments set size = 900, last_as_of_date = '2017-12-19' "
        "where segment = 'rest'",
        "is_about_as_long",
    ),
    "a segment that the firm has no more": (
        "audit.segment_sizes",
        "insert into intermediate.int_segments__last_sizes values ('old', 30, true)",
        "is_gone): 1 of 3 rows (segment old: 30 before, 0 now): 1",
    ),
    "a hold-out that lots seldom make": (
        "audit.segment_safety",
        "update segments.segment_members set arm = 'holdout' where segment = 'loyal' "
        "and substr(customer_id, 2)::int between 6 and 17",
        "holdout_chance): 1 of 2 rows (segment loyal)",
    ),
    "classes that tie": (
        "audit.value_classes",
        "update marts.dim_customer_value set frequency_quintile = 5",
        "largest_share): 1 of 3 rows (measure frequency)",
    ),
    "everybody agrees": (
        "audit.identity_health",
        "update marts.dim_customers set has_email_consent = true",
        "consent_share",
    ),
    "a row in quarantine": (
        "audit.stream_quality",
        "update ops.row_conservation set quarantined_count = 1, waiting_count = 1 "
        "where entity = 'orders'",
        "waiting_count): 1 of 40 rows (stream_name shop.orders)",
    ),
    "a line that waits for its order": (
        "audit.revenue_conservation",
        "insert into canonical.canonical_order_lines select 'of tomorrow', 1.00",
        "waiting_line_count): 1 of 2 rows (revenue_of order has not come, none)",
    ),
    "a refund whose amount cannot be read": (
        "audit.revenue_conservation",
        "update intermediate.int_orders__refunds set unreadable_count = 1",
        "unreadable_refund_count): 1 of 1 rows",
    ),
    "refunds of an order that nobody knows": (
        "audit.revenue_conservation",
        "insert into intermediate.int_orders__refund_events "
        "values ('e2', null, 'of another shop', 7.5), ('e3', null, 'of another shop', null)",
        "waiting_refund_count): 1 of 2 rows (revenue_of refunds, order has not come: 2 of 7.500)",
    ),
    "a refund that names no order": (
        "audit.revenue_conservation",
        "insert into intermediate.int_orders__refund_events values ('e2', null, null, 7.5)",
        "(revenue_of refunds, no order is named: 1 of 7.500)",
    ),
    "an order of a state that nobody knows": (
        "audit.order_statuses",
        "update canonical.canonical_orders set order_status = 'in_limbo' where order_id = "
        "(select min(order_id) from canonical.canonical_orders)",
        "unknown_order_count): 1 of 3 rows (order_status in_limbo: 1 order)",
    ),
    "a metric that nobody has said the meaning of": (
        "audit.mail_metrics",
        "insert into ops.unmapped_metrics values ('m', 'klaviyo_metrics')",
        "Each needs a row in the seed klaviyo_metrics",
    ),
    "a metric of returns that takes no money back": (
        "audit.mail_metrics",
        "insert into ops.unmapped_metrics values ('m', 'refunded_order_metrics')",
        "uncounted_return_metric_count): 1 of 1 rows",
    ),
    "a campaign that reached nobody": (
        "audit.campaign_reach",
        "update marts.dim_campaigns set audience_count = 0 where campaign_id = 'm1'",
        "unreached_count",
    ),
}


PASSES = {
    "a first release": (
        "audit.segment_sizes",
        "delete from intermediate.int_segments__last_sizes; "
        "update segments.segments set size = 900, last_as_of_date = null",
    ),
    "a list of three that has nine": (
        "audit.segment_sizes",
        "update segments.segments set size = 9 where segment = 'rest'; "
        "update intermediate.int_segments__last_sizes set size = 3 where segment = 'rest'",
    ),
    "a list that was empty before": (
        "audit.segment_sizes",
        "update segments.segments set size = 0 where segment = 'rest'; "
        "update intermediate.int_segments__last_sizes set size = 0 where segment = 'rest'",
    ),
    "three of seventeen held out": (
        "audit.segment_safety",
        "update segments.segment_members set arm = 'holdout' "
        "where customer_id in ('c1', 'c2', 'c3')",
    ),
    "a leave-alone list of nearly everybody": (
        "audit.segment_safety",
        "delete from segments.segment_members where segment = 'rest'; "
        + MEMBERS
        + "select customer_id, 'rest', null, 'treatment', null, null, 'relationship', null "
        "from marts.dim_customers where substr(customer_id, 2)::int >= 20; "
        "delete from intermediate.int_segments__qualified where segment = 'rest'; "
        "insert into intermediate.int_segments__qualified "
        "select customer_id, segment from segments.segment_members where segment = 'rest'",
    ),
    "somebody who is called like a thing": (
        "audit.released_columns",
        "update marts.fct_orders set channel = 'store'",
    ),
    "the digits of a number in the id of an order": (
        "audit.released_columns",
        "update marts.fct_orders set store_id = '84912345678'",
    ),
    "a brand with somebody's name": (
        "audit.released_columns",
        "update marts.dim_products set brand = 'Grace Number3'",
    ),
    "a campaign that the vendor has deleted": (
        "audit.released_references",
        "update marts.dim_customer_marketing set last_contact_campaign_id = 'gone'; "
        "update marts.fct_touchpoints set campaign_id = 'gone' where touchpoint_id = 'mc3'",
    ),
}


@pytest.mark.parametrize("what", PASSES)
def test_it_passes_without_a_word(gate, what):
    table, change = PASSES[what]
    result = gate(change, table=table)
    assert (result.critical, result.warnings) == ([], [])


@pytest.mark.parametrize("what", WARNS)
def test_it_warns_and_goes_on(gate, what):
    table, corruption, sign = WARNS[what]
    warnings = gate(corruption, table=table).warnings
    assert [warning for warning in warnings if sign in warning]


def test_a_corrupted_mart_leaves_the_last_release_in_place(gate, tmp_path):
    releases = tmp_path / "releases"
    passed = gate()
    publish = {"warehouse_path": gate.warehouse, "releases_dir": releases, "as_of": NIGHT}
    good = publish_release(**publish, gate=passed.summary())

    with pytest.raises(GateFailed, match="sales_difference"):
        gate("update marts.fct_orders set sales_amount = 0 where order_id = 'o700'")
    with pytest.raises(Exception, match="changed after the gate had passed it"):
        publish_release(**publish, gate=passed.summary())
    assert current_release(releases) == good.release_id
    for folder in releases.glob("2018*"):
        folder.chmod(0o755)
