{#- An answer to the question about a message, which it names; surveys name none. -#}
{% macro is_pulse() -%}
    (event_type = 'answered' and question in ('too_much', 'clear') and message_id is not null)
{%- endmacro %}

{#-
    Every message to a customer, one row each: marketing, service and transactional ones, and the
    pulse questions. A pulse is known by its answers: however many of them, it was one question.
-#}
{% macro messages_to_customers() -%}
    select
        customer_id,
        touchpoint_date as contact_date,
        channel,
        case when is_marketing_contact then 'marketing' else message_class end as message_class
    from {{ ref('fct_touchpoints') }}
    where
        is_marketing_contact
        or (
            direction = 'outbound'
            and message_class in ('service', 'transactional')
            and event_type in ('sent', 'delivered')
        )
    union all
    select distinct on (customer_id, touchpoint_date, message_id)
        customer_id,
        touchpoint_date as contact_date,
        channel,
        'pulse' as message_class
    from {{ ref('fct_touchpoints') }}
    where {{ is_pulse() }}
{%- endmacro %}

{#- Days whose messages are other than the fact has them; the sums of digests need no sorting. -#}
{% macro find_changed_contact_days() -%}
    {% if execute and is_incremental() %}
        {% call statement('touched_days') %}
            create or replace temporary table {{ touched_days() }} as

            with

            found as (

                select
                    contact_date,
                    sum(hash(customer_id, channel, message_class)) as digest
                from ({{ messages_to_customers() }}) as messages
                group by contact_date

            ),

            built as (

                select
                    contact_date,
                    sum(contact_count * hash(customer_id, channel, message_class)) as digest
                from {{ this }}
                group by contact_date

            )

            select coalesce(found.contact_date, built.contact_date) as contact_date
            from found
            full outer join built on found.contact_date = built.contact_date
            where found.digest is distinct from built.digest
        {% endcall %}
        {% set days = run_query('select count(*) from ' ~ touched_days()).columns[0].values()[0] %}
        {{ log(this.identifier ~ ': ' ~ days ~ ' days to rebuild', info=true) }}
    {% endif %}
{%- endmacro %}

{#- How far around an exposure, in days, each kind of evidence counts; whole calendar days. -#}
{% macro evidence_reach() -%}
    {{ return({
        'contact': (30, 0),
        'control': (90, 0),
        'service': (28, 3),
        'visit': (0, 3),
        'named_response': (0, 7),
        'response': (0, 7),
        'opt_out': (0, 7),
        'complaint': (0, 7),
        'pulse': (0, 7),
    }) }}
{%- endmacro %}

{#-
    What exposures and their consequences are made of, one row per event. A click, a redemption or a
    reply that names its message is a `named_response`; an order or a reply that names none may have
    come without the message: a `response`.
-#}
{% macro contact_evidence() -%}
    select
        touchpoint_id as event_id,
        customer_id,
        hash(customer_id) as customer_key,
        occurred_at,
        touchpoint_date as event_date,
        campaign_id,
        message_id,
        coalesce(campaign_id, message_id) as message_key,
        channel,
        question,
        answer,
        case
            when is_marketing_contact then 'contact'
            when direction = 'outbound' then null
            when event_type in ('visited', 'viewed') then 'visit'
            when event_type = 'ordered' then 'response'
            when event_type in ('clicked', 'redeemed', 'replied')
                and coalesce(campaign_id, message_id) is not null then 'named_response'
            when event_type = 'ticket_opened'
                or (event_type in ('called', 'replied') and channel in ('phone', 'chat')) then 'service'
            when event_type in ('redeemed', 'replied') then 'response'
            when {{ is_pulse() }} then 'pulse'
            when event_type = 'unsubscribed' then 'opt_out'
            when event_type = 'complained' then 'complaint'
        end as kind
    from {{ ref('fct_touchpoints') }}
    union all
    select
        draw_id as event_id,
        customer_id,
        hash(customer_id) as customer_key,
        occurred_at,
        draw_date as event_date,
        campaign_id,
        null as message_id,
        campaign_id as message_key,
        null as channel,
        null as question,
        null as answer,
        'control' as kind
    from {{ ref('int_pressure__control_draws') }}
{%- endmacro %}

{#- A digest per day with an exposure of everything that the day's rows rest on. -#}
{% macro evidence_by_day() -%}
    with

    events as (

        select
            event_date,
            kind,
            sum(
                hash(customer_key, occurred_at, message_key, channel, question, answer)
            ) as digest
        from ({{ contact_evidence() }}) as evidence
        where kind is not null
        group by event_date, kind

    ),

    days as (

        select
            event_date,
            {% for kind in evidence_reach() %}
            coalesce(any_value(digest) filter (where kind = '{{ kind }}'), 0) as {{ kind }}_digest,
            {% endfor %}
            count(*) filter (where kind in ('contact', 'control')) > 0 as is_exposed
        from events
        group by event_date

    ),

    -- What happened within reach of the day, kind by kind.
    reached as (

        select
            days.event_date,
            days.is_exposed,
            hash(
                {% for kind, (back, ahead) in evidence_reach().items() %}
                sum({{ kind }}_digest) over (
                    order by {{ day_number('event_date') }}
                    range between {{ back }} preceding and {{ ahead }} following
                ){{ ',' if not loop.last }}
                {% endfor %}
            ) as digest
        from days

    ),

    types as (

        select
            month_end_date,
            sum(hash(customer_id, relationship_type)) as digest
        from {{ ref('fct_relationship_months') }}
        group by month_end_date

    )

    select
        reached.event_date as exposure_date,
        hash(reached.digest, types.digest) as evidence_digest
    from reached
    left join types
        on types.month_end_date = cast(date_trunc('month', reached.event_date) as date) - 1
    where reached.is_exposed
{%- endmacro %}

{#- Days whose evidence is other than when the fact was built, and days without exposures now. -#}
{% macro find_days_with_new_evidence() -%}
    {% if execute and is_incremental() %}
        {% call statement('touched_days') %}
            create or replace temporary table {{ touched_days() }} as

            with

            found as (

                select * from ({{ evidence_by_day() }}) as evidence

            ),

            built as (

                select
                    exposure_date,
                    any_value(evidence_digest) as evidence_digest
                from {{ this }}
                group by exposure_date

            )

            select
                coalesce(found.exposure_date, built.exposure_date) as exposure_date,
                found.evidence_digest
            from found
            full outer join built on found.exposure_date = built.exposure_date
            where found.evidence_digest is distinct from built.evidence_digest
        {% endcall %}
        {% set days = run_query('select count(*) from ' ~ touched_days()).columns[0].values()[0] %}
        {{ log(this.identifier ~ ': ' ~ days ~ ' days to rebuild', info=true) }}
    {% endif %}
{%- endmacro %}
