with

compared as (

    select * from {{ ref('fct_campaign_arms') }}
    where is_compared

),

deciles as (

    select
        *,
        -- equal scores stand together at the bottom of their group, so that the order of rows decides nothing
        case
            when p_response is not null
                then
                    cast(
                        ceil(
                            10e0 * rank() over (partition by campaign_id order by p_response nulls last)
                            / count(p_response) over (partition by campaign_id)
                        ) as integer
                    )
        end as p_response_decile
    from compared

),

grouped as (

    {% for breakdown, group in {
        'everybody': "'everybody'",
        'relationship_type': 'relationship_type',
        'value_tier': 'value_tier',
        'p_response_decile': 'cast(p_response_decile as string)',
    }.items() %}
    select
        campaign_id,
        '{{ breakdown }}' as breakdown,
        {{ group }} as group_name,
        arm,
        has_ordered,
        has_ordered_before,
        p_response,
        other_currency_order_count,
        sales_amount as sales
    from deciles
    {% if breakdown == 'p_response_decile' %}
    where p_response_decile is not null
    {% endif %}
    {% if not loop.last %}
    union all
    {% endif %}
    {% endfor %}

),

counted as (

    select
        campaign_id,
        breakdown,
        group_name,
        {% for arm, word in {'treatment': 'treated', 'control': 'control'}.items() %}
        count(*) filter (where arm = '{{ arm }}') as {{ word }}_count,
        count(*) filter (where arm = '{{ arm }}' and has_ordered) as {{ word }}_ordered_count,
        count(*) filter (where arm = '{{ arm }}' and has_ordered_before) as {{ word }}_earlier_count,
        -- of decimals, which add up the same in whatever order they come
        cast(sum(sales) filter (where arm = '{{ arm }}') as double) as {{ word }}_sum,
        cast(sum(sales * sales) filter (where arm = '{{ arm }}') as double) as {{ word }}_squares,
        {% endfor %}
        sum(other_currency_order_count) as other_currency_order_count,
        {{ exact_sum('p_response', 6) }} / count(p_response) as p_response
    from grouped
    group by campaign_id, breakdown, group_name

),

-- Everybody who takes part, compared or not: what there is to say where nothing can be compared.
lots as (

    select
        campaign_id,
        count(*) as assigned_count
    from {{ ref('fct_campaign_arms') }}
    group by campaign_id

),

-- What happened before cannot be the campaign's doing: where it differs by more than chance, the arms were no lot.
tried as (

    select
        campaigns.campaign_id,
        campaigns.campaign_name,
        campaigns.channel,
        campaigns.send_date,
        counted.campaign_id is not null as is_counted,
        case
            when draws.campaign_id is null
                then
                    'Nobody was kept out of it by lot: what it did cannot be told from what would have come anyway.'
            when lots.campaign_id is null
                then 'What is ordered within its time is still coming in.'
            when
                coalesce(least(counted.treated_count, counted.control_count), 0)
                < {{ var('uplift_least_customers') }}
                then
                    {% if var('lots_are_drawn_of') == 'recipients' %}
                    'Fewer than ' || {{ counted(var('uplift_least_customers'), 'customer') }}
                    || ' in one of the arms.'
                    {% else %}
                    'Fewer than ' || {{ counted(var('uplift_least_customers'), 'customer') }}
                    || ' in one of the arms who had been in a lot before (policy lots_are_drawn_of).'
                    {% endif %}
            when
                abs(
                    {{ ratio('counted.treated_earlier_count', 'counted.treated_count') }}
                    - {{ ratio('counted.control_earlier_count', 'counted.control_count') }}
                )
                > {{ var('uplift_balance_z') }} * sqrt(
                    {{ ratio('(counted.treated_earlier_count + counted.control_earlier_count)',
                             '(counted.treated_count + counted.control_count)') }}
                    * (
                        1 - {{ ratio('(counted.treated_earlier_count + counted.control_earlier_count)',
                                     '(counted.treated_count + counted.control_count)') }}
                    )
                    * (1e0 / counted.treated_count + 1e0 / counted.control_count)
                )
                then
                    'In the 28 days before it the arms ordered so differently ('
                    || cast(round(100e0 * counted.treated_earlier_count / counted.treated_count) as integer) || ' and '
                    || cast(round(100e0 * counted.control_earlier_count / counted.control_count) as integer)
                    || ' in 100) that no lot can have drawn them.'
        end as refusal
    from {{ ref('dim_campaigns') }} as campaigns
    left join (
        select distinct campaign_id
        from {{ ref('fct_control_draws') }}
    ) as draws
        on campaigns.campaign_id = draws.campaign_id
    left join lots on campaigns.campaign_id = lots.campaign_id
    left join counted
        on campaigns.campaign_id = counted.campaign_id and counted.breakdown = 'everybody'
    where campaigns.audience_count > 0 or draws.campaign_id is not null

),

-- A campaign of which nothing can be said has one row that says why.
rated as (

    select
        tried.campaign_id,
        tried.campaign_name,
        tried.channel,
        tried.send_date,
        tried.refusal,
        coalesce(counted.breakdown, 'everybody') as breakdown,
        coalesce(counted.group_name, 'everybody') as group_name,
        counted.p_response,
        {% for arm in ['treated', 'control'] %}
        coalesce(counted.{{ arm }}_count, 0) as {{ arm }}_count,
        coalesce(counted.{{ arm }}_ordered_count, 0) as {{ arm }}_ordered_count,
        {{ ratio('counted.' ~ arm ~ '_sum', 'counted.' ~ arm ~ '_count') }} as {{ arm }}_sales,
        -- of the mean
        greatest(counted.{{ arm }}_squares - counted.{{ arm }}_sum * {{ arm }}_sales, 0e0)
        / nullif(counted.{{ arm }}_count - 1, 0) / counted.{{ arm }}_count as {{ arm }}_variance,
        {{ ratio('counted.' ~ arm ~ '_ordered_count', 'counted.' ~ arm ~ '_count') }} as {{ arm }}_rate,
        {{ wilson_low('counted.' ~ arm ~ '_ordered_count', 'counted.' ~ arm ~ '_count') }} as {{ arm }}_low,
        {{ wilson_high('counted.' ~ arm ~ '_ordered_count', 'counted.' ~ arm ~ '_count') }} as {{ arm }}_high,
        {% endfor %}
        coalesce(counted.other_currency_order_count, 0) as other_currency_order_count,
        tried.refusal is null
        and least(counted.treated_count, counted.control_count) >= {{ var('uplift_least_customers') }}
            as is_measured
    from tried
    left join counted
        on
            tried.campaign_id = counted.campaign_id
            and (tried.refusal is null or counted.breakdown = 'everybody')

),

errors as (

    select
        *,
        -- what is looked at together: types and tiers, deciles, everybody
        case when breakdown in ('relationship_type', 'value_tier') then 'groups' else breakdown end as family,
        sqrt(
            (treated_ordered_count + control_ordered_count) / cast(treated_count + control_count as double)
            * (1 - (treated_ordered_count + control_ordered_count) / cast(treated_count + control_count as double))
            * (1e0 / treated_count + 1e0 / control_count)
        ) as rate_error,
        sqrt(treated_variance + control_variance) as sales_error,
        -- degrees of freedom by Welch and Satterthwaite
        power(treated_variance + control_variance, 2)
        / nullif(
            power(treated_variance, 2) / (treated_count - 1)
            + power(control_variance, 2) / (control_count - 1), 0
        ) as degrees
    from rated
    where is_measured

),

tested as (

    select
        *,
        case
            when rate_error > 0
                then {{ two_sided_chance('((treated_rate - control_rate) / rate_error)') }}
        end as ordered_chance,
        case
            when sales_error > 0
                then
                    {{ two_sided_chance(normal_of_student(
                        '((treated_sales - control_sales) / sales_error)', 'degrees'
                    )) }}
        end as sales_chance
    from errors

),

-- Holm (1979): the smallest chance counts as many times as there are groups looked at, the next one less, and none
-- less than the one before it. It holds however groups depend on each other, as types and tiers of the same people do.
ranked as (

    select
        *,
        {% for of in ['ordered', 'sales'] %}
        {{ of }}_chance * (
            count({{ of }}_chance) over looked_at_together
            + 1 - row_number() over (
                partition by campaign_id, family
                order by {{ of }}_chance nulls last, breakdown nulls last, group_name nulls last
            )
        ) as {{ of }}_times{{ ',' if not loop.last }}
        {% endfor %}
    from tested
    window looked_at_together as (
        partition by campaign_id, family
    )

),

corrected as (

    select
        *,
        {% for of in ['ordered', 'sales'] %}
        least(
            max({{ of }}_times) over (
                partition by campaign_id, family
                order by {{ of }}_chance nulls last, breakdown nulls last, group_name nulls last
                rows between unbounded preceding and current row
            ), 1
        ) as {{ of }}_corrected_chance{{ ',' if not loop.last }}
        {% endfor %}
    from ranked

),

-- Whom one would have written to first: customers by score, the highest first, equal ones together.
by_score as (

    select
        campaign_id,
        p_response,
        sum(case when arm = 'treatment' then 1e0 else 0e0 end) as treated_count,
        sum(case when arm = 'control' then 1e0 else 0e0 end) as control_count,
        sum(case when arm = 'treatment' and has_ordered then 1e0 else 0e0 end) as treated_ordered_count,
        sum(case when arm = 'control' and has_ordered then 1e0 else 0e0 end) as control_ordered_count
    from compared
    where p_response is not null
    group by campaign_id, p_response

),

cumulated as (

    select
        campaign_id,
        p_response,
        {% for count in ['treated', 'control', 'treated_ordered', 'control_ordered'] %}
        sum({{ count }}_count) over scored_higher as {{ count }}_count{{ ',' if not loop.last }}
        {% endfor %}
    from by_score
    window scored_higher as (
        partition by campaign_id
        order by p_response desc nulls last
        rows between unbounded preceding and current row
    )

),

curves as (

    select
        *,
        treated_count + control_count as written_count,
        treated_ordered_count - coalesce(control_ordered_count * treated_count / nullif(control_count, 0), 0) as gain
    from cumulated

),

slices as (

    select
        *,
        coalesce(lag(written_count) over (partition by campaign_id order by written_count nulls last), 0)
            as written_before_count,
        coalesce(lag(gain) over (partition by campaign_id order by written_count nulls last), 0) as gain_before
    from curves

),

areas as (

    select
        campaign_id,
        sum((written_count - written_before_count) * (gain + gain_before) / 2) as area,
        max(written_count) as written_count,
        max(treated_ordered_count) as treated_ordered_count,
        max(control_ordered_count) as control_ordered_count,
        max_by(gain, written_count) filter (where gain is not null) as whole_gain,
        count(*) as score_count
    from slices
    group by campaign_id

),

-- Of the area between the best curve there can be (who ordered and was written to first, who ordered without being
-- written to last) and the straight line of writing to anybody, what share the scores earn.
qini as (

    select
        campaign_id,
        (area - written_count * whole_gain / 2)
        / nullif(
            power(treated_ordered_count, 2) / 2
            + (written_count - control_ordered_count - treated_ordered_count) * treated_ordered_count
            + control_ordered_count * (treated_ordered_count + whole_gain) / 2
            - written_count * whole_gain / 2, 0
        ) as qini_coefficient
    from areas
    -- one score for all is no order to write to them in
    where score_count > 1

),

decile_gains as (

    select
        deciles.campaign_id,
        cast(deciles.p_response_decile as string) as group_name,
        min(curves.gain) as gain
    from (
        select
            campaign_id,
            p_response_decile,
            min(p_response) as least_p_response
        from deciles
        where p_response_decile is not null
        group by campaign_id, p_response_decile
    ) as deciles
    inner join curves
        on deciles.campaign_id = curves.campaign_id and deciles.least_p_response = curves.p_response
    group by deciles.campaign_id, deciles.p_response_decile

),

said as (

    select
        rated.*,
        corrected.rate_error,
        corrected.sales_error,
        corrected.degrees,
        corrected.ordered_chance,
        corrected.sales_chance,
        corrected.ordered_corrected_chance,
        corrected.sales_corrected_chance,
        case when rated.is_measured then rated.treated_rate - rated.control_rate end as ordered_uplift,
        case when corrected.sales_error > 0 then rated.treated_sales - rated.control_sales end as sales_uplift,
        qini.qini_coefficient,
        decile_gains.gain
    from rated
    left join corrected
        on
            rated.campaign_id = corrected.campaign_id
            and rated.breakdown = corrected.breakdown
            and rated.group_name = corrected.group_name
    left join qini
        on rated.campaign_id = qini.campaign_id and rated.breakdown = 'everybody' and rated.is_measured
    left join decile_gains
        on
            rated.campaign_id = decile_gains.campaign_id
            and rated.breakdown = 'p_response_decile'
            and rated.group_name = decile_gains.group_name

)

select
    md5(concat_ws('|', campaign_id, breakdown, group_name)) as campaign_uplift_id,
    {{ as_of_date() }} as as_of_date,
    campaign_id,
    campaign_name,
    channel,
    send_date,
    cast(breakdown as string) as breakdown,
    cast(group_name as string) as group_name,
    cast(treated_count as bigint) as treated_count,
    cast(control_count as bigint) as control_count,
    cast(treated_ordered_count as bigint) as treated_ordered_count,
    cast(control_ordered_count as bigint) as control_ordered_count,
    round(treated_rate * 1e6) / 1e6 as treated_ordered_rate,
    round(control_rate * 1e6) / 1e6 as control_ordered_rate,
    round(ordered_uplift * 1e6) / 1e6 as ordered_uplift,
    round((ordered_uplift - {{ newcombe_below('treated', 'control') }}) * 1e6) / 1e6 as ordered_uplift_low,
    round((ordered_uplift + {{ newcombe_above('treated', 'control') }}) * 1e6) / 1e6 as ordered_uplift_high,
    round(ordered_chance * 1e6) / 1e6 as ordered_chance,
    round(ordered_corrected_chance * 1e6) / 1e6 as ordered_corrected_chance,
    {{ reporting_currency() }} as currency_code,
    cast(other_currency_order_count as bigint) as other_currency_order_count,
    round(treated_sales * 1e6) / 1e6 as treated_sales_per_customer,
    round(control_sales * 1e6) / 1e6 as control_sales_per_customer,
    round(sales_uplift * 1e6) / 1e6 as sales_uplift_per_customer,
    round((sales_uplift - sales_error * {{ student_quantile('degrees') }}) * 1e6) / 1e6 as sales_uplift_per_customer_low,
    round((sales_uplift + sales_error * {{ student_quantile('degrees') }}) * 1e6) / 1e6 as sales_uplift_per_customer_high,
    round(sales_chance * 1e6) / 1e6 as sales_chance,
    round(sales_corrected_chance * 1e6) / 1e6 as sales_corrected_chance,
    round(p_response * 1e6) / 1e6 as p_response,
    round(gain * 1e6) / 1e6 as cumulated_ordered_count,
    round(qini_coefficient * 1e6) / 1e6 as qini_coefficient,
    cast(
        case
            when not is_measured then 'not_measured'
            when ordered_corrected_chance < {{ var('uplift_chance') }}
                then case when ordered_uplift > 0 then 'more' else 'fewer' end
            else 'open'
        end as string
    ) as verdict,
    cast(
        case
            when refusal is not null then refusal
            when not is_measured
                then
                    'Fewer than ' || {{ counted(var('uplift_least_customers'), 'customer') }}
                    || ' of the group in one of the arms.'
        end as string
    ) as unmeasured_reason
from said
