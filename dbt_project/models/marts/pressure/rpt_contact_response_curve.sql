-- Exposures whose week of answers is over, of the last year or so.
with

exposures as (

    select
        relationship_type,
        least(contact_count_28d, {{ var('response_curve_most_contacts') }}) as contacts_28d,
        arm,
        campaign_id,
        channel,
        is_in_experiment,
        {% for count in ['exposure', 'response', 'named_response', 'opt_out', 'complaint'] %}
        sum({{ count }}_count) as {{ count }}_count{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('fct_exposure_days') }}
    where
        exposure_date > {{ latest_day() }} - {{ var('response_curve_days') }}
        and exposure_date < {{ latest_day() }} - 7
    group by relationship_type, contacts_28d, arm, campaign_id, channel, is_in_experiment

),

drawn as (

    select distinct campaign_id
    from {{ ref('fct_exposure_days') }}
    where arm = 'control'

),

of_campaigns as (

    select
        exposures.*,
        case
            when exposures.is_in_experiment and drawn.campaign_id is not null then 'randomised'
            else 'observational'
        end as evidence,
        exposures.exposure_count * {{ contact_cost('exposures.channel') }} as cost
    from exposures
    left join drawn on exposures.campaign_id = drawn.campaign_id

),

counted as (

    select
        relationship_type,
        evidence,
        contacts_28d,
        {% for count in ['exposure', 'response', 'named_response', 'opt_out', 'complaint'] %}
        cast(coalesce(sum({{ count }}_count) filter (where arm = 'contact'), 0) as bigint)
            as {{ count }}_count,
        {% endfor %}
        {% for count, controls in {
            'exposure': 'control', 'response': 'control_response', 'opt_out': 'control_opt_out'
        }.items() %}
        cast(coalesce(sum({{ count }}_count) filter (where arm = 'control'), 0) as bigint)
            as {{ controls }}_count,
        {% endfor %}
        {{ ratio("sum(cost) filter (where arm = 'contact')", "sum(exposure_count) filter (where arm = 'contact')") }}
            as cost_per_contact
    from of_campaigns
    group by relationship_type, evidence, contacts_28d

),

-- What a message brought that would not have come without it. Without a control arm nobody can
-- know of an order what brought it, so that only answers that name the message count, while every
-- opt-out does: in doubt for the customer's peace.
rates as (

    select
        *,
        {% for share in ['response', 'opt_out', 'complaint'] %}
        {{ ratio(share ~ '_count', 'exposure_count') }} as {{ share }}_rate,
        {{ wilson_low(share ~ '_count', 'exposure_count') }} as {{ share }}_rate_low,
        {{ wilson_high(share ~ '_count', 'exposure_count') }} as {{ share }}_rate_high,
        {% endfor %}
        {{ ratio('named_response_count', 'exposure_count') }} as named_response_rate,
        {{ wilson_low('named_response_count', 'exposure_count') }} as named_response_rate_low,
        {{ wilson_high('named_response_count', 'exposure_count') }} as named_response_rate_high,
        {% for share in ['response', 'opt_out'] %}
        {{ ratio('control_' ~ share ~ '_count', 'control_count') }} as control_{{ share }}_rate,
        {{ wilson_low('control_' ~ share ~ '_count', 'control_count') }}
            as control_{{ share }}_rate_low,
        {{ wilson_high('control_' ~ share ~ '_count', 'control_count') }}
            as control_{{ share }}_rate_high,
        {% endfor %}
    from counted
    where exposure_count > 0

),

-- Each part of the net value with how far it may lie below and above (method of variance
-- estimates recovery: the squares of the distances of independent parts add up).
parts as (

    select
        *,
        case
            when evidence = 'observational' then named_response_rate
            else response_rate - (1 - named_response_rate) * control_response_rate
        end as caused_response_rate,
        case
            when evidence = 'observational' then opt_out_rate
            else opt_out_rate - control_opt_out_rate
        end as caused_opt_out_rate,
        case
            when evidence = 'observational' then named_response_rate - named_response_rate_low
            else
                sqrt(
                    power(response_rate - response_rate_low, 2)
                    + power(
                        (1 - named_response_rate)
                        * (control_response_rate_high - control_response_rate), 2
                    )
                )
        end as response_below,
        case
            when evidence = 'observational' then named_response_rate_high - named_response_rate
            else
                sqrt(
                    power(response_rate_high - response_rate, 2)
                    + power(
                        (1 - named_response_rate)
                        * (control_response_rate - control_response_rate_low), 2
                    )
                )
        end as response_above,
        case
            when evidence = 'observational' then opt_out_rate - opt_out_rate_low
            else
                sqrt(
                    power(opt_out_rate - opt_out_rate_low, 2)
                    + power(control_opt_out_rate_high - control_opt_out_rate, 2)
                )
        end as opt_out_below,
        case
            when evidence = 'observational' then opt_out_rate_high - opt_out_rate
            else
                sqrt(
                    power(opt_out_rate_high - opt_out_rate, 2)
                    + power(control_opt_out_rate - control_opt_out_rate_low, 2)
                )
        end as opt_out_above
    from rates

),

valued as (

    select
        *,
        caused_response_rate * {{ var('response_margin_amount') }}
        - cost_per_contact
        - caused_opt_out_rate * {{ var('opt_out_value_at_risk_amount') }} as net_value_per_contact,
        sqrt(
            power(response_below * {{ var('response_margin_amount') }}, 2)
            + power(opt_out_above * {{ var('opt_out_value_at_risk_amount') }}, 2)
        ) as net_value_below,
        sqrt(
            power(response_above * {{ var('response_margin_amount') }}, 2)
            + power(opt_out_below * {{ var('opt_out_value_at_risk_amount') }}, 2)
        ) as net_value_above
    from parts

),

-- A point borrows from its neighbours: the straight line through those within the bandwidth, the
-- nearer and the surer weighing more, read at the point (local linear regression). One point alone
-- needs several times the exposures to tell a small value from none.
neighbours as (

    select
        points.relationship_type,
        points.evidence,
        points.contacts_28d,
        others.contacts_28d - points.contacts_28d as distance,
        others.net_value_per_contact as net_value,
        others.caused_response_rate,
        others.caused_opt_out_rate,
        others.complaint_rate,
        -- half the width of the interval, as a variance
        power(
            (others.net_value_below + others.net_value_above) / {{ 2 * var('confidence_z') }}, 2
        ) as variance,
        (1 - abs(distance) / {{ var('response_curve_bandwidth') + 1 }}) / variance as weight
    from valued as points
    inner join valued as others
        on
            points.relationship_type = others.relationship_type
            and points.evidence = others.evidence
            and abs(others.contacts_28d - points.contacts_28d)
            <= {{ var('response_curve_bandwidth') }}
    where
        points.net_value_per_contact is not null
        and others.net_value_per_contact is not null

),

moments as (

    select
        *,
        sum(weight) over same_point as weight_sum,
        sum(weight * distance) over same_point as weight_distance_sum,
        sum(weight * distance * distance) over same_point as weight_square_sum
    from neighbours
    window same_point as (partition by relationship_type, evidence, contacts_28d)

),

-- What each neighbour contributes to the line at the point; a point without neighbours is itself.
shares as (

    select
        *,
        case
            when weight_sum * weight_square_sum - power(weight_distance_sum, 2) > 0
                then
                    weight * (weight_square_sum - weight_distance_sum * distance)
                    / (weight_sum * weight_square_sum - power(weight_distance_sum, 2))
            else weight / weight_sum
        end as share
    from moments

),

fitted as (

    select
        relationship_type,
        evidence,
        contacts_28d,
        sum(share * net_value) as fitted_net_value,
        {% for rate in ['caused_response_rate', 'caused_opt_out_rate', 'complaint_rate'] %}
        sum(share * {{ rate }}) as fitted_{{ rate }},
        {% endfor %}
        sqrt(sum(share * share * variance)) * {{ var('optimum_z') }} as fitted_margin
    from shares
    group by relationship_type, evidence, contacts_28d

),

-- From the first number on at which a further contact loses for certain, no lucky point counts.
losing as (

    select
        relationship_type,
        evidence,
        min(contacts_28d) filter (where fitted_net_value + fitted_margin < 0)
            as first_losing_contacts_28d
    from fitted
    group by relationship_type, evidence

),

exposed as (

    select
        relationship_type,
        evidence,
        sum(exposure_count) as exposure_count
    from valued
    group by relationship_type, evidence

),

-- Too few exposures say nothing, and nothing is not the same as "none pays". Where no number pays for
-- certain although a larger one loses, the last one counts that probably pays.
optima as (

    select
        exposed.relationship_type,
        exposed.evidence,
        case
            when max(exposed.exposure_count) >= {{ var('response_curve_least_exposures') }}
                then
                    coalesce(
                        max(fitted.contacts_28d) filter (
                            where
                            fitted.fitted_net_value - fitted.fitted_margin > 0
                            and fitted.contacts_28d
                            < coalesce(losing.first_losing_contacts_28d, 1000)
                        ),
                        max(fitted.contacts_28d) filter (
                            where
                            fitted.fitted_net_value > 0
                            and fitted.contacts_28d < losing.first_losing_contacts_28d
                        ),
                        case when max(losing.first_losing_contacts_28d) is not null then 0 end
                    )
        end as optimum_contacts_28d
    from exposed
    left join losing
        on
            exposed.relationship_type = losing.relationship_type
            and exposed.evidence = losing.evidence
    left join fitted
        on
            exposed.relationship_type = fitted.relationship_type
            and exposed.evidence = fitted.evidence
    group by exposed.relationship_type, exposed.evidence

)

select
    {{ as_of_date() }} as as_of_date,
    valued.relationship_type,
    cast(valued.evidence as string) as evidence,
    cast(valued.contacts_28d as integer) as contact_count_28d,
    valued.exposure_count,
    valued.response_count,
    valued.response_rate,
    valued.response_rate_low,
    valued.response_rate_high,
    valued.named_response_rate,
    valued.opt_out_count,
    valued.opt_out_rate,
    valued.opt_out_rate_low,
    valued.opt_out_rate_high,
    valued.complaint_count,
    valued.complaint_rate,
    valued.complaint_rate_low,
    valued.complaint_rate_high,
    valued.control_count,
    valued.control_response_rate,
    valued.caused_response_rate,
    valued.caused_opt_out_rate,
    {{ reporting_currency() }} as currency_code,
    -- rounded, as the order in which numbers are added up must not show
    round(valued.net_value_per_contact * 1e6) / 1e6 as net_value_per_contact,
    round((valued.net_value_per_contact - valued.net_value_below) * 1e6) / 1e6 as net_value_per_contact_low,
    round((valued.net_value_per_contact + valued.net_value_above) * 1e6) / 1e6 as net_value_per_contact_high,
    round(fitted.fitted_net_value * 1e6) / 1e6 as fitted_net_value_per_contact,
    round((fitted.fitted_net_value - fitted.fitted_margin) * 1e6) / 1e6 as fitted_net_value_per_contact_low,
    round((fitted.fitted_net_value + fitted.fitted_margin) * 1e6) / 1e6 as fitted_net_value_per_contact_high,
    {% for rate in ['caused_response_rate', 'caused_opt_out_rate', 'complaint_rate'] %}
    round(fitted.fitted_{{ rate }} * 1e9) / 1e9 as fitted_{{ rate }},
    {% endfor %}
    cast(optima.optimum_contacts_28d as integer) as optimum_contacts_28d
from valued
inner join optima
    on
        valued.relationship_type = optima.relationship_type
        and valued.evidence = optima.evidence
left join fitted
    on
        valued.relationship_type = fitted.relationship_type
        and valued.evidence = fitted.evidence
        and valued.contacts_28d = fitted.contacts_28d
