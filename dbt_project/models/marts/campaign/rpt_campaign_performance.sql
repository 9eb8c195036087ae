with

responses as (

    select
        campaign_id,
        count(*) filter (where is_sent) as sent_count,
        count(*) filter (where is_reached) as delivered_count,
        count(*) filter (where is_bounced) as bounced_count,
        {% for event in ['opened', 'clicked', 'replied', 'unsubscribed', 'complained'] %}
        count(*) filter (where has_{{ event }}) as {{ event }}_count,
        {% endfor %}
        count(*) filter (where has_machine_opened) as machine_opened_count,
        count(*) filter (where has_robot_clicked) as robot_clicked_count,
        count(*) filter (where redemption_count > 0) as redeemed_count,
        sum(redemption_count) as redemption_count
    from {{ ref('fct_campaign_recipients') }}
    group by campaign_id

),

-- Orders of the window: the campaign may have caused them or not.
window_orders as (

    select
        campaign_id,
        count(*) as window_order_count,
        count(distinct customer_id) as ordered_count,
        count(*) filter (where reporting_sales_amount is null) as other_currency_order_count,
        sum(reporting_sales_amount) as window_sales_amount
    from (
        select
            {{ unnested('campaign_ids') }} as campaign_id,
            customer_id,
            reporting_sales_amount
        from {{ ref('fct_campaign_orders') }}
    ) as held
    group by campaign_id

),

-- One order can lie in the windows of several campaigns and flows; it is put down to one of them, so that
-- all together have no more orders than there were.
attributed as (

    select
        last_campaign_id as campaign_id,
        count(*) as attributed_order_count,
        sum(reporting_sales_amount) as attributed_sales_amount
    from {{ ref('fct_campaign_orders') }}
    where order_id not in (
        select flow_orders.order_id
        from {{ ref('fct_flow_orders') }} as flow_orders
        where flow_orders.is_credited
    )
    group by last_campaign_id

),

-- What the mailing tool itself puts down to the campaign, on its own terms.
vendor as (

    select
        vendor_campaign_id as campaign_id,
        count(*) as vendor_attributed_order_count,
        sum(vendor_sales_amount) as vendor_attributed_sales_amount,
        count(*) filter (where agreement = 'same_campaign') as agreed_order_count
    from {{ ref('fct_vendor_orders') }}
    where vendor_campaign_id is not null
    group by vendor_campaign_id

),

-- From when on the tool puts orders down to anything. Before it, where it never did, and of what the CRM mailed
-- the tool says nothing: how many it would put down to a campaign is not known, and not none.
vendor_says as (

    select cast(min(vendor_ordered_at) as date) as from_date
    from {{ ref('fct_vendor_orders') }}

),

counted as (

    select
        campaigns.campaign_id,
        campaigns.campaign_name,
        campaigns.channel,
        campaigns.send_date,
        cast(
            coalesce(
                campaigns.offer_until_date,
                campaigns.send_date + {{ answer_days('campaigns.channel') }}
            ) as date
        ) as window_until_date,
        {% for column in [
            'sent', 'delivered', 'bounced', 'opened', 'clicked', 'replied', 'unsubscribed',
            'complained', 'redeemed', 'redemption', 'machine_opened', 'robot_clicked'
        ] %}
        coalesce(responses.{{ column }}_count, 0) as {{ column }}_count,
        {% endfor %}
        coalesce(window_orders.ordered_count, 0) as ordered_count,
        coalesce(window_orders.window_order_count, 0) as window_order_count,
        coalesce(window_orders.other_currency_order_count, 0) as other_currency_order_count,
        coalesce(window_orders.window_sales_amount, 0) as window_sales_amount,
        coalesce(attributed.attributed_order_count, 0) as attributed_order_count,
        coalesce(attributed.attributed_sales_amount, 0) as attributed_sales_amount,
        coalesce(
            -- ids of every other source begin with its name
            campaigns.campaign_id not like '%:%'
            and coalesce(window_until_date, {{ latest_day() }}) >= vendor_says.from_date, false
        ) as is_told_by_vendor,
        {% for column in ['vendor_attributed_order_count', 'agreed_order_count', 'vendor_attributed_sales_amount'] %}
        case when vendor.campaign_id is null and is_told_by_vendor then 0 else vendor.{{ column }} end as {{ column }},
        {% endfor %}
        coalesce(baselines.compared_count, 0) as compared_count,
        coalesce(baselines.ordered_count, 0) as compared_ordered_count,
        coalesce(baselines.baseline_ordered_count, 0) as baseline_ordered_count,
        coalesce(baselines.only_ordered_count, 0) as only_ordered_count,
        coalesce(baselines.only_baseline_count, 0) as only_baseline_count
    from {{ ref('dim_campaigns') }} as campaigns
    cross join vendor_says
    left join responses on campaigns.campaign_id = responses.campaign_id
    left join window_orders on campaigns.campaign_id = window_orders.campaign_id
    left join attributed on campaigns.campaign_id = attributed.campaign_id
    left join vendor on campaigns.campaign_id = vendor.campaign_id
    left join {{ ref('fct_campaign_baselines') }} as baselines
        on campaigns.campaign_id = baselines.campaign_id

)

select
    campaign_id,
    campaign_name,
    channel,
    send_date,
    window_until_date,
    coalesce(window_until_date < {{ latest_day() }}, false) as is_window_over,
    {% for column in [
        'sent', 'delivered', 'bounced', 'opened', 'machine_opened', 'clicked', 'robot_clicked', 'replied',
        'unsubscribed', 'complained', 'redeemed', 'redemption', 'ordered', 'window_order', 'attributed_order',
        'other_currency_order', 'vendor_attributed_order', 'agreed_order', 'compared',
        'compared_ordered', 'baseline_ordered'
    ] %}
    cast({{ column }}_count as bigint) as {{ column }}_count,
    {% endfor %}
    {{ reporting_currency() }} as currency_code,
    cast(window_sales_amount as decimal(18, 3)) as window_sales_amount,
    cast(attributed_sales_amount as decimal(18, 3)) as attributed_sales_amount,
    cast(vendor_attributed_sales_amount as decimal(18, 3)) as vendor_attributed_sales_amount,
    cast(sent_count * {{ contact_cost('channel') }} as decimal(18, 2)) as cost_amount,
    {% for column in ['delivered', 'bounced'] %}
    {{ ratio(column ~ '_count', 'sent_count') }} as {{ column }}_per_sent,
    {% endfor %}
    {% for column in [
        'opened', 'clicked', 'replied', 'unsubscribed', 'complained', 'redeemed', 'ordered'
    ] %}
    {{ ratio(column ~ '_count', 'delivered_count') }} as {{ column }}_per_delivered,
    {% endfor %}
    {{ ratio('clicked_count', 'opened_count') }} as clicked_per_opened,
    {{ ratio('compared_ordered_count', 'compared_count') }} as compared_ordered_per_delivered,
    {{ ratio('baseline_ordered_count', 'compared_count') }} as baseline_ordered_per_delivered,
    {{ ratio('(compared_ordered_count - baseline_ordered_count)', 'compared_count') }} as ordered_lift,
    {{ paired_low('only_ordered_count', 'only_baseline_count', 'compared_count') }} as ordered_lift_low,
    {{ paired_high('only_ordered_count', 'only_baseline_count', 'compared_count') }} as ordered_lift_high
from counted
