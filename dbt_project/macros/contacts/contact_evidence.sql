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

{#-
    How many days before and after an exposure the evidence of a fact counts. After it: answers, and a later
    message, which takes over those that name none.
-#}
{% macro evidence_reach() -%}
    {%- set after = [7, most_answer_days()] | max %}
    {{ return([
        (ref('fct_touchpoints'), 30, after),
        (ref('fct_control_draws'), 90, after),
    ]) }}
{%- endmacro %}

{#-
    Runs before the exposures and lists the days of customers whose evidence moved: what happened within
    reach of the day, or the type of relationship at the end of the month before.
-#}
{% macro find_days_with_new_evidence() -%}
    {% set found %}
        select distinct
            exposure_date,
            customer_id
        from (
            {% for fact, before, after in evidence_reach() %}
            {{ each_day_between(
                'touched_date - ' ~ after, 'touched_date + ' ~ before, customers_to_follow([fact]), 'customer_id'
            ) }}
            union all
            {% endfor %}
            {{ each_day_between(
                'touched_date + 1',
                'last_day(touched_date + 1)',
                customers_to_follow([ref('fct_relationship_months')]),
                'customer_id',
            ) }}
        ) as every_day
        where exposure_date <= greatest({{ latest_day() }}, (select max(exposure_date) from {{ this }}))
    {% endset %}
    {% set noted %}
        select
            exposure_date as touched_date,
            cast(null as string) as customer_id
        from {{ touched_days() }}
    {% endset %}
    {{ plan_rebuild(found, noted=noted, customers=ref('int_identity__customers')) }}
{%- endmacro %}

{% macro each_day_between(first, last, relation, column=none) -%}
    select
        cast(unnest(generate_series({{ first }}, {{ last }}, interval 1 day)) as date) as exposure_date
        {{- ', ' ~ column if column }}
    from {{ relation }} as listed
{%- endmacro %}

{#-
    What exposures and their consequences are made of, one row per event: all of it, or what is within
    reach of the days to rebuild. A click, a redemption or a reply that names its message is a
    `named_response`; an order or a reply that names none may have come without the message: a
    `response`.
-#}
{% macro contact_evidence() -%}
    {%- set needed = [] %}
    {% for fact, before, after in evidence_reach() if is_incremental() %}
        {% do needed.append(
            each_day_between(
                'exposure_date - ' ~ before,
                'exposure_date + ' ~ after,
                '(select distinct exposure_date from ' ~ touched_days() ~ ')',
            )
        ) %}
    {% endfor %}
    select
        touchpoint_id as event_id,
        customer_id,
        hash(customer_id) as customer_key,
        occurred_at as event_at,
        touchpoint_date as event_date,
        campaign_id,
        message_id,
        -- a message that was inferred would take away from those who were left out what is theirs
        case when is_message_inferred then null else coalesce(campaign_id, message_id) end as message_key,
        channel,
        question,
        answer,
        case
            when is_marketing_contact then 'contact'
            when direction = 'outbound' or {{ is_by_robot() }} then null
            when event_type in ('visited', 'viewed') then 'visit'
            when event_type = 'ordered' then 'response'
            when event_type in ('clicked', 'redeemed', 'replied')
                and coalesce(campaign_id, message_id) is not null then 'named_response'
            when event_type = 'ticket_opened'
                or (event_type in ('called', 'attempted', 'replied') and channel in ('phone', 'chat')) then 'service'
            when event_type in ('redeemed', 'replied') then 'response'
            when {{ is_pulse() }} then 'pulse'
            when event_type = 'unsubscribed' then 'opt_out'
            when event_type = 'complained' then 'complaint'
        end as kind
    from {{ ref('fct_touchpoints') }}
    {% if is_incremental() %}
    where
        touchpoint_date in ({{ needed[0] }})
        and {{ is_of_touched_customer() }}
    {% endif %}
    union all
    select
        draw_id as event_id,
        customer_id,
        hash(customer_id) as customer_key,
        occurred_at as event_at,
        draw_date as event_date,
        campaign_id,
        null as message_id,
        campaign_id as message_key,
        channel,
        null as question,
        null as answer,
        'control' as kind
    from {{ ref('fct_control_draws') }}
    {% if is_incremental() %}
    where
        draw_date in ({{ needed[1] }})
        and {{ is_of_touched_customer() }}
    {% endif %}
{%- endmacro %}
