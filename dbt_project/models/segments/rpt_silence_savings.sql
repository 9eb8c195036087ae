with

counted as (

    select
        segment,
        silence_reason,
        clause,
        max(channel) as channel,
        max(currency_code) as currency_code,
        count(*) as silenced_count,
        count(*) filter (where is_contact_avoided) as avoided_contact_count,
        count(*) filter (where is_contact_avoided and saved_value is not null) as measured_contact_count,
        count(*) filter (where is_contact_avoided and saved_value > 0) as losing_contact_count,
        sum(avoided_cost) as avoided_cost,
        {% for column in [
            'avoided_opt_out_count', 'avoided_complaint_count', 'avoided_opt_out_loss', 'avoided_complaint_cost',
            'given_up_sales', 'given_up_margin', 'saved_value',
        ] %}
        sum({{ column }}) filter (where is_contact_avoided) as {{ column }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('segment_silences') }}
    group by segment, silence_reason, clause

)

-- Nothing is expected where no contact was avoided; where none of those avoided was ever tried, nobody knows.
select
    md5(concat_ws('|', segment, silence_reason, coalesce(clause, ''))) as silence_saving_id,
    {{ as_of_date() }} as as_of_date,
    segment,
    silence_reason,
    clause,
    channel,
    cast(silenced_count as bigint) as silenced_count,
    cast(avoided_contact_count as bigint) as avoided_contact_count,
    cast(measured_contact_count as bigint) as measured_contact_count,
    cast(losing_contact_count as bigint) as losing_contact_count,
    currency_code,
    cast(round(avoided_cost * 1e2) / 1e2 as decimal(18, 2)) as avoided_cost_amount,
    {% for column in ['avoided_opt_out_count', 'avoided_complaint_count'] %}
    case when avoided_contact_count = 0 then 0e0 else round({{ column }} * 1e6) / 1e6 end as expected_{{ column }},
    {% endfor %}
    {% for amount, column in {
        'kept_value_amount': 'avoided_opt_out_loss',
        'avoided_complaint_cost_amount': 'avoided_complaint_cost',
        'given_up_sales_amount': 'given_up_sales',
        'given_up_margin_amount': 'given_up_margin',
        'saved_amount': 'saved_value',
    }.items() %}
    cast(
        case when avoided_contact_count = 0 then 0e0 else round({{ column }} * 1e2) / 1e2 end as decimal(18, 2)
    ) as {{ amount }}{{ ',' if not loop.last }}
    {% endfor %}
from counted
