with

-- Whoever is held back from a list, and whom the lot keeps out of it.
silences as (

    select
        customer_id,
        segment,
        clause
    from {{ ref('segment_suppressions') }}
    union all
    select
        customer_id,
        segment,
        cast(null as string) as clause
    from {{ ref('segment_members') }}
    where arm = 'holdout'

),

written_to as (

    select distinct members.customer_id
    from {{ ref('segment_members') }} as members
    inner join {{ ref('segments') }} as segments on members.segment = segments.segment
    where members.arm = 'treatment' and segments.takes_slot

),

sorted as (

    select
        silences.customer_id,
        silences.segment,
        silences.clause,
        segments.channel,
        segments.priority,
        case
            when silences.clause is null then 'hold_out'
            when silences.clause in ('no_record_in_destination', 'not_deliverable') then 'out_of_reach'
            when
                silences.clause in (
                    'wants_no_relationship', 'opted_out', 'no_consent', 'channel_not_allowed', 'topic_unwanted',
                    'paused', 'no_allowed_time'
                )
                then 'said_no'
            when
                silences.clause in (
                    'treatment_without_offers', 'treatment_without_channel', 'treatment_without_marketing'
                )
                then 'treatment'
            when silences.clause in ('over_cap', 'over_contacted') and pressure.contact_cap_source = 'optimum'
                then 'net_value'
            when silences.clause in ('over_cap', 'over_contacted', 'over_declared_cap', 'over_pulse_cap') then 'cap'
            when silences.clause = 'lower_priority' then 'other_list'
            when silences.clause in ('no_skilled_owner', 'workload_limit') then 'staff'
        end as silence_reason,
        written_to.customer_id is null
        and segments.takes_slot
        and segments.message_class = 'marketing'
        and silence_reason <> 'out_of_reach' as is_candidate
    from silences
    inner join {{ ref('segments') }} as segments on silences.segment = segments.segment
    inner join {{ ref('dim_contact_pressure') }} as pressure
        on silences.customer_id = pressure.customer_id
    left join written_to on silences.customer_id = written_to.customer_id

),

-- They would have heard from us once: by the list of the highest priority.
placed as (

    select
        *,
        is_candidate
        and row_number() over (
            partition by customer_id, is_candidate
            order by priority nulls last, segment nulls last
        ) = 1 as is_contact_avoided
    from sorted

)

select
    placed.customer_id,
    placed.segment,
    placed.silence_reason,
    cast(placed.clause as string) as clause,
    cast(placed.channel as string) as channel,
    placed.is_contact_avoided,
    (select min(priced.currency_code) from {{ ref('dim_next_contact') }} as priced) as currency_code,
    case
        when placed.is_contact_avoided
            then
                cast(
                    {{ contact_cost(
                        'placed.channel', "case when placed.channel = 'phone' then 'human' else 'automated' end"
                    ) }} as double
                )
        else 0e0
    end as avoided_cost,
    {% for column, expected in {
        'avoided_opt_out_count': 'expected_opt_out_rate',
        'avoided_complaint_count': 'expected_complaint_rate',
        'avoided_opt_out_loss': 'expected_opt_out_loss',
        'avoided_complaint_cost': 'expected_complaint_cost',
        'given_up_margin': 'expected_margin',
    }.items() %}
    case when placed.is_contact_avoided then next_contacts.{{ expected }} else 0e0 end as {{ column }},
    {% endfor %}
    case
        when placed.is_contact_avoided
            then round(next_contacts.expected_response_rate * {{ var('response_sales_amount') }} * 1e6) / 1e6
        else 0e0
    end as given_up_sales,
    case when placed.is_contact_avoided then -next_contacts.net_value else 0e0 end as saved_value,
    case
        when placed.is_contact_avoided and next_contacts.customer_id is null
            then cast('What one more contact by ' || placed.channel || ' does, nobody has tried.' as string)
        when placed.is_contact_avoided then next_contacts.reason
    end as next_contact_reason
from placed
left join {{ ref('dim_next_contact') }} as next_contacts
    on placed.customer_id = next_contacts.customer_id and placed.channel = next_contacts.channel
