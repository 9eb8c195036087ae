{#- Everything that a release shows; a test holds this list against the models. -#}
{% macro released_tables() -%}
    {{ return([
        'customer_aliases',
        'dim_campaigns',
        'dim_companies',
        'dim_contact_pressure',
        'dim_customer_habits',
        'dim_customer_marketing',
        'dim_customer_relationships',
        'dim_customer_value',
        'dim_customers',
        'dim_next_contact',
        'dim_partners',
        'dim_preferences',
        'dim_products',
        'dim_shared_values',
        'dim_staff',
        'dim_unexpressed_needs',
        'fct_campaign_arms',
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
        'rpt_campaign_uplift',
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
        'rpt_page_signals',
        'rpt_partner_relationships',
        'rpt_pipeline',
        'rpt_programme_health',
        'rpt_public_voice',
        'rpt_public_voice_leads',
        'rpt_relationship_portfolio',
        'rpt_relationship_transitions',
        'rpt_signal_coverage',
        'rpt_value_calibration',
        'rpt_value_model',
        'rpt_value_parameters',
        'source_streams',
        'fct_journeys',
        'rpt_emotion_journey',
        'rpt_emotion_coverage',
        'rpt_service_journeys',
        'fct_service_journeys',
        'fct_journey_steps',
        'rpt_silence_savings',
        'rpt_store_relationships',
        'segment_changes',
        'segment_members',
        'segment_silences',
        'segment_suppressions',
        'segments',
        'key_figures',
        'monthly_figures',
    ]) }}
{%- endmacro %}

{#- What catalogues and the firm itself name things by: words, whoever is called so too. -#}
{% macro vocabularies() -%}
    {{ return(['dim_campaigns', 'dim_products', 'policies', 'segments', 'source_streams']) }}
{%- endmacro %}

{#- The columns of a released table by its contract, each as (name, what it is for text, most characters); `none` is
    no text, `text` one, `list` several. Nobody knows them while dbt parses: one stands for them. -#}
{% macro columns_of(table) -%}
    {% set found = [] %}
    {% set model = graph.get('nodes', {}).get('model.rapport.' ~ table) if execute else none %}
    {% for column in (model.columns.values() if model else []) %}
        {% set type = column.data_type | lower %}
        {% set form = 'none' if 'string' not in type and 'string' not in type else 'list' if '[]' in type else 'text' %}
        {% set most = column.config.meta.get('most_characters', most_characters()) %}
        {% do found.append((column.name, form, most)) %}
    {% endfor %}
    {{ return(found or [('customer_id', 'text', most_characters())]) }}
{%- endmacro %}

{#- Those that are text. -#}
{% macro texts_of(table) -%}
    {{ return(columns_of(table) | rejectattr(1, 'equalto', 'none') | list) }}
{%- endmacro %}

{#- Characters of a text that is released, unless its column says `most_characters`: what most databases have room for,
    and what vendors allow a name. -#}
{% macro most_characters() -%}
    {{ return(255) }}
{%- endmacro %}

{#- Text that identifiers are looked for in, and they themselves. -#}
{% macro compared_text(expression) -%}
    lower(strip_accents({{ expression }}))
{%- endmacro %}

{#- Its words, each between blanks. -#}
{% macro spaced_words(expression) -%}
    (' ' || trim(regexp_replace({{ expression }}, '[^\p{L}\p{N}]+', ' ', 'g')) || ' ')
{%- endmacro %}

{#- The text columns of a released table, a list as one text with a sign between its members that no text has. -#}
{% macro as_texts(table) -%}
    {% for name, form, _ in texts_of(table) %}
    {{- 'array_to_string(' ~ name ~ ', chr(31)) as ' ~ name if form == 'list' else name }}{{ ', ' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{#- The members of such a text, and what is no list as one. -#}
{% macro members(text) -%}
    string_split({{ text }}, chr(31))
{%- endmacro %}

{#-
    Which column of a released table names a row of which other: by its name, as `<entity>_id` names an entity
    everywhere. As (table, column, the table it names, its key there, whether every one must be known). A vendor may
    tell of a campaign, a colleague, a company or an article that it has deleted; what we make ourselves has to fit.
-#}
{% macro released_references() -%}
    {% set named = {
        'customer_id': ('dim_customers', true),
        'order_id': ('fct_orders', true),
        'deal_id': ('fct_deals', true),
        'ticket_id': ('fct_tickets', true),
        'journey_id': ('fct_journeys', true),
        'touchpoint_id': ('fct_touchpoints', true),
        'segment': ('segments', true),
        'partner_id': ('dim_partners', true),
        'campaign_id': ('dim_campaigns', false),
        'owner_id': ('dim_staff', false),
        'company_id': ('dim_companies', false),
        'product_id': ('dim_products', false),
    } %}
    {#- former ids and former lists, and what another says of an order -#}
    {% set apart = [
        'customer_aliases.alias_customer_id',
        'fct_order_lines.returned_order_id',
        'identity_changes.customer_id',
        'identity_changes.other_customer_id',
        'segment_changes.customer_id',
        'segment_changes.segment',
    ] %}
    {% set found = [] %}
    {% for table in released_tables() %}
        {% for name, form, _ in columns_of(table) if form == 'text' and not name.startswith('vendor_') %}
            {% for key, (target, is_ours) in named.items() %}
                {% if (name == key or name.endswith('_' ~ key)) and table != target and table ~ '.' ~ name not in apart %}
                    {% do found.append((table, name, target, key, is_ours)) %}
                {% endif %}
            {% endfor %}
        {% endfor %}
    {% endfor %}
    {{ return(found) }}
{%- endmacro %}
