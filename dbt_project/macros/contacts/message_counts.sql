{#- What is counted of messages that were sent; each is a column of the reports that add them up. -#}
{% macro send_counts() -%}
    {{ return([
        'sent', 'delivered', 'bounced', 'opened', 'machine_opened', 'clicked', 'robot_clicked', 'replied',
        'unsubscribed', 'complained'
    ]) }}
{%- endmacro %}

{#- They are added up, of `fct_message_sends`. -#}
{% macro count_sends() -%}
    min(sent_date) as first_sent_date,
    max(sent_date) as last_sent_date,
    count(distinct customer_id) filter (where is_delivered) as reached_customer_count,
    count(*) as sent_count,
    count(*) filter (where is_delivered) as delivered_count,
    count(*) filter (where is_bounced) as bounced_count,
    {% for event in send_counts()[3:] %}
    count(*) filter (where has_{{ event }}) as {{ event }}_count{{ ',' if not loop.last }}
    {% endfor %}
{%- endmacro %}

{#- Orders that were put down to them, added up. -#}
{% macro count_credited() -%}
    count(*) as attributed_order_count,
    count(*) filter (where reporting_sales_amount is null) as other_currency_order_count,
    sum(reporting_sales_amount) as attributed_sales_amount
{%- endmacro %}

{#- The last columns of both reports: money, and rates that are named after what they are divided by. -#}
{% macro credit_and_rates() -%}
    cast(attributed_order_count as bigint) as attributed_order_count,
    cast(other_currency_order_count as bigint) as other_currency_order_count,
    {{ reporting_currency() }} as currency_code,
    cast(attributed_sales_amount as decimal(18, 3)) as attributed_sales_amount,
    cast(sent_count * {{ contact_cost('channel') }} as decimal(18, 2)) as cost_amount,
    {% for column in ['delivered', 'bounced'] %}
    {{ ratio(column ~ '_count', 'sent_count') }} as {{ column }}_per_sent,
    {% endfor %}
    {% for column in ['opened', 'clicked', 'replied', 'unsubscribed', 'complained'] %}
    {{ ratio(column ~ '_count', 'delivered_count') }} as {{ column }}_per_delivered,
    {% endfor %}
    {{ ratio('clicked_count', 'opened_count') }} as clicked_per_opened,
    {{ ratio('attributed_order_count', 'delivered_count') }} as attributed_orders_per_delivered
{%- endmacro %}
