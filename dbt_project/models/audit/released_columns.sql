{#- Everything that a release shows; a test holds this list against the models. -#}
{% set tables = [
    'customer_aliases',
    'dim_campaigns',
    'dim_companies',
    'dim_contact_pressure',
    'dim_customer_habits',
    'dim_customer_marketing',
    'dim_customer_relationships',
    'dim_customer_value',
    'dim_customers',
    'dim_preferences',
    'dim_products',
    'dim_shared_values',
    'dim_staff',
    'dim_unexpressed_needs',
    'fct_campaign_baselines',
    'fct_campaign_orders',
    'fct_campaign_recipients',
    'fct_consent_events',
    'fct_contact_days',
    'fct_contact_exposures',
    'fct_control_draws',
    'fct_customer_categories',
    'fct_customer_months',
    'fct_deal_stages',
    'fct_deals',
    'fct_exposure_days',
    'fct_flow_orders',
    'fct_message_sends',
    'fct_order_lines',
    'fct_orders',
    'fct_relationship_evidence',
    'fct_relationship_months',
    'fct_tickets',
    'fct_touchpoints',
    'fct_vendor_orders',
    'identity_changes',
    'policies',
    'rpt_campaign_attribution',
    'rpt_campaign_overload',
    'rpt_campaign_performance',
    'rpt_channel_attribution',
    'rpt_category_affinities',
    'rpt_channel_months',
    'rpt_cohort_retention',
    'rpt_contact_response_curve',
    'rpt_currency_months',
    'rpt_flow_performance',
    'rpt_human_touch',
    'rpt_journey_friction',
    'rpt_journey_transitions',
    'rpt_message_variations',
    'rpt_owner_relationships',
    'rpt_pipeline',
    'rpt_relationship_portfolio',
    'rpt_relationship_transitions',
    'rpt_signal_coverage',
    'source_streams',
    'fct_journeys',
    'rpt_emotion_journey',
    'rpt_emotion_coverage',
    'rpt_service_journeys',
    'fct_service_journeys',
    'fct_journey_steps',
    'segment_changes',
    'segment_members',
    'segment_suppressions',
    'segments',
    'key_figures',
    'monthly_figures',
] %}

with

scanned as (

    {% for table in tables %}
    {% if not loop.first %}
    union all
    {% endif %}
    select
        '{{ table }}' as table_name,
        column_name,
        identifier_count
    from (
        unpivot (
            select count(*) filter (where {{ looks_like_an_identifier('columns(*)') }})
            from {{ ref(table) }}
        )
        on columns(*) into name column_name value identifier_count
    )
    {% endfor %}

)

select
    table_name || '.' || column_name as released_column,
    column_name,
    identifier_count
from scanned
