"""What a model costs with nothing concluded: its rows scanned once and counted by its own grain.

Each query reads the columns that the model reads of a table it rests on, with one plain aggregate
per kind of thing. The first one groups them as the model's rows are grouped and is stored, as the
model is; the others group as finely as the model has to before it can put them together, and are
let go.
Models that only read other small results have none.
"""

TOUCHED = "marts.fct_touchpoints"
TWELVE_MONTHS = "(select date_trunc('month', as_of_date) - interval 11 month from ops.build_state)"

BARE = {
    # customer relationships
    "fct_customer_months": (
        f"""
        select customer_id, date_trunc('month', touchpoint_date), count(*), min(touchpoint_date),
            max(touchpoint_date), count(*) filter (where is_marketing_contact),
            count(*) filter (where event_type = 'ordered'),
            count(*) filter (where event_type = 'replied' and channel = 'email'),
            count(*) filter (where direction = 'outbound' and actor = 'human'),
            count(distinct coalesce(campaign_id, message_id)) filter (where event_type = 'clicked'),
            max(occurred_at)
        from {TOUCHED}
        where event_type not in ('opened', 'visited', 'viewed', 'bounced') group by all
        """,
        """
        select customer_id, date_trunc('month', order_date), count(*), sum(reporting_sales_amount),
            count(*) filter (where coupon_discount_amount > 0 or discounted_sales_amount > 0)
        from marts.fct_orders where customer_id is not null group by all
        """,
        """
        select customer_id, date_trunc('month', order_date), bit_or(hash(product_id))
        from marts.fct_order_lines where is_kept and customer_id is not null group by all
        """,
    ),
    "fct_relationship_months": (
        """
        select customer_id, month_start_date, count(*), min(first_evidence_date),
            max(last_evidence_date), sum(message_count), sum(answer_count), sum(order_count),
            sum(letter_count), sum(call_count), sum(sales_amount), bit_or(category_bits)
        from marts.fct_customer_months group by all
        """,
    ),
    "dim_customer_relationships": (
        """
        select customer_id, count(*), min(first_evidence_date), max(last_evidence_date),
            sum(message_count), sum(answer_count), sum(order_count), sum(letter_count),
            sum(call_count), sum(sales_amount), bit_or(category_bits)
        from marts.fct_customer_months group by all
        """,
        f"""
        select customer_id, owner_id, count(*) from {TOUCHED}
        where owner_id is not null and touchpoint_date >= {TWELVE_MONTHS} group by all
        """,
        "select customer_id, any_value(loyalty_status) from marts.dim_preferences group by all",
    ),
    "fct_relationship_evidence": (
        """
        select customer_id, count(*), min(first_evidence_date), max(last_evidence_date),
            sum(message_count), sum(answer_count), sum(order_count), sum(letter_count),
            sum(call_count), sum(sales_amount), bit_or(category_bits)
        from marts.fct_customer_months group by all
        """,
    ),
    "dim_shared_values": (
        f"""
        select customer_id, campaign_id, count(*), max(touchpoint_date) from {TOUCHED}
        where campaign_id in (
                select campaign_id from marts.dim_campaigns where value_tag is not null)
            and (is_marketing_contact or event_type in ('clicked', 'redeemed', 'replied'))
        group by all
        """,
    ),
    "rpt_human_touch": (
        """
        select month_start_date, count(*), sum(message_count), sum(staff_contact_count),
            sum(order_count), sum(answered_count)
        from marts.fct_customer_months group by all
        """,
    ),
    "rpt_relationship_transitions": (
        """
        select month_end_date, relationship_type, count(*)
        from marts.fct_relationship_months group by all
        """,
    ),
    "rpt_relationship_portfolio": (
        """
        select value_tier, polarity, relationship_type, count(*), sum(sales_amount)
        from marts.fct_relationship_months group by all
        """,
    ),
    "rpt_owner_relationships": (
        f"""
        select owner_id, count(*), count(distinct customer_id), max(occurred_at) from {TOUCHED}
        where owner_id is not null group by all
        """,
    ),
    # contact pressure
    "fct_contact_days": (
        f"""
        select customer_id, touchpoint_date, channel, message_class, count(*) from {TOUCHED}
        where is_marketing_contact or message_class is not null or event_type = 'answered'
        group by all
        """,
    ),
    "fct_contact_exposures": (
        f"""
        select touchpoint_id, any_value(customer_id), any_value(occurred_at),
            any_value(campaign_id), any_value(message_id), any_value(channel)
        from {TOUCHED} where is_marketing_contact group by all
        """,
        f"""
        select customer_id, touchpoint_date, count(*) filter (where is_marketing_contact),
            count(*) filter (where event_type in ('ordered', 'replied')),
            count(*) filter (where event_type in ('called', 'ticket_opened')),
            count(*) filter (where event_type = 'visited'), count(campaign_id)
        from {TOUCHED} where event_type <> 'opened' group by all
        """,
        """
        select customer_id, month_end_date, any_value(relationship_type)
        from marts.fct_relationship_months group by all
        """,
    ),
    "fct_control_draws": (
        """
        select draw_date, customer_id, campaign_id, count(*)
        from marts.fct_control_draws group by all
        """,
    ),
    "fct_exposure_days": (
        """
        select exposure_date, campaign_id, channel, arm, is_in_experiment, relationship_type,
            contact_count_28d, contact_count_30d, count(*),
            count(*) filter (where has_named_response or has_unnamed_response),
            count(*) filter (where has_opt_out), count(*) filter (where has_complaint),
            sum(service_contact_count_3d), sum(visit_count_3d)
        from marts.fct_contact_exposures group by all
        """,
    ),
    "rpt_contact_response_curve": (
        """
        select relationship_type, arm, contact_count_28d, campaign_id, sum(exposure_count),
            sum(response_count), sum(opt_out_count), sum(complaint_count)
        from marts.fct_exposure_days group by all
        """,
    ),
    "rpt_campaign_overload": (
        """
        select campaign_id, count(*), max(customer_id), max(exposed_at), max(contact_count_30d),
            sum(service_contact_count_3d), sum(service_contact_count_28d_before)
        from marts.fct_contact_exposures where arm = 'contact' group by all
        """,
        """
        select campaign_id, relationship_type, contact_count_30d, sum(exposure_count),
            sum(opt_out_count), sum(service_contact_count_3d)
        from marts.fct_exposure_days group by all
        """,
    ),
    "dim_contact_pressure": (
        """
        select customer_id, max(contact_date), sum(contact_count),
            sum(contact_count) filter (where channel = 'email'),
            sum(contact_count) filter (where channel = 'sms')
        from marts.fct_contact_days
        where contact_date > (select as_of_date - 365 from ops.build_state) group by all
        """,
        """
        select customer_id, any_value(relationship_type)
        from marts.dim_customer_relationships group by all
        """,
        "select customer_id, any_value(time_zone) from marts.dim_preferences group by all",
    ),
    # what every CRM warehouse has
    "fct_campaign_recipients": (
        f"""
        select campaign_id, customer_id, min(occurred_at), max(touchpoint_date),
            count(*) filter (where event_type = 'delivered'),
            count(*) filter (where event_type = 'opened'),
            count(*) filter (where event_type = 'clicked')
        from {TOUCHED} where campaign_id is not null group by all
        """,
    ),
    "fct_campaign_orders": (
        """
        select order_id, any_value(customer_id), any_value(order_date), any_value(sales_amount)
        from marts.fct_orders where is_kept and customer_id in (
                select customer_id from marts.fct_campaign_recipients) group by all
        """,
        """
        select customer_id, campaign_id, any_value(reached_at)
        from marts.fct_campaign_recipients group by all
        """,
    ),
    "rpt_campaign_performance": (
        """
        select campaign_id, count(*), count(*) filter (where has_opened),
            count(*) filter (where has_clicked), sum(redemption_count)
        from marts.fct_campaign_recipients group by all
        """,
        """
        select last_campaign_id, count(*), sum(sales_amount)
        from marts.fct_campaign_orders group by all
        """,
    ),
    "rpt_channel_months": (
        f"""
        select date_trunc('month', touchpoint_date), channel, count(*), count(distinct customer_id),
            count(*) filter (where direction = 'outbound'),
            count(*) filter (where event_type = 'opened'),
            count(*) filter (where event_type = 'clicked')
        from {TOUCHED} group by all
        """,
        """
        select order_id, any_value(reporting_sales_amount) from marts.fct_orders group by all
        """,
    ),
    "rpt_cohort_retention": (
        """
        select date_trunc('month', order_date), count(*) filter (where is_kept),
            count(distinct customer_id), sum(reporting_sales_amount)
        from marts.fct_orders group by all
        """,
        "select customer_id, min(order_date) from marts.fct_orders where is_kept group by all",
    ),
    "dim_customer_habits": (
        f"""
        select customer_id, count(*), count(*) filter (where event_type = 'ordered'),
            count(*) filter (where channel = 'web'), max(occurred_at)
        from {TOUCHED}
        where direction = 'inbound'
            and event_type in ('ordered', 'visited', 'called', 'met', 'ticket_opened')
            and touchpoint_date >= {TWELVE_MONTHS}
        group by all
        """,
        f"""
        select customer_id, campaign_id, count(*) from {TOUCHED}
        where event_type in ('delivered', 'clicked', 'replied', 'redeemed')
            and touchpoint_date >= {TWELVE_MONTHS}
        group by all
        """,
        f"""
        select customer_id, count(*), count(distinct order_date), sum(reporting_sales_amount),
            sum(coupon_discount_amount * reporting_rate)
        from marts.fct_orders where is_kept and order_date >= {TWELVE_MONTHS} group by all
        """,
        f"""
        select customer_id, product_category, brand, count(*)
        from marts.fct_order_lines inner join marts.dim_products using (product_id)
        where is_kept and order_date >= {TWELVE_MONTHS} group by all
        """,
    ),
    # what was sold, what came back, and what it is worth
    "int_orders__return_lines": (
        """
        select order_id, product_id, line_number, any_value(customer_id), any_value(order_date),
            any_value(item_quantity), any_value(sales_amount)
        from intermediate.int_orders__signed_lines where is_return group by all
        """,
        """
        select customer_id, product_id, count(*), sum(item_quantity), sum(sales_amount)
        from intermediate.int_orders__signed_lines group by all
        """,
    ),
    "int_orders__returned_lines": (
        """
        select sold_order_id, product_id, sold_line_number, sum(returned_quantity),
            sum(booked_amount)
        from intermediate.int_orders__return_lines group by all
        """,
        """
        select order_id, product_id, line_number, sum(sales_amount)
        from intermediate.int_orders__signed_lines where order_id in (
                select sold_order_id from intermediate.int_orders__return_lines)
        group by all
        """,
    ),
    "int_orders__statuses": (
        """
        select order_id, bool_or(is_return), bool_or(product_class = 'goods'), bool_or(is_kept)
        from intermediate.int_orders__lines group by all
        """,
    ),
    "fct_order_lines": (
        """
        select order_id, product_id, line_number, any_value(customer_id), any_value(order_date),
            any_value(item_quantity), any_value(sales_amount)
        from intermediate.int_orders__signed_lines group by all
        """,
    ),
    "fct_orders": (
        """
        select order_id, count(*), sum(item_quantity), sum(gross_amount), sum(returned_amount),
            sum(sales_amount), sum(retail_discount_amount)
        from marts.fct_order_lines group by all
        """,
        """
        select order_id, any_value(customer_id), any_value(order_date), any_value(currency_code)
        from intermediate.int_orders__with_customers group by all
        """,
    ),
    "rpt_currency_months": (
        """
        select date_trunc('month', order_date), currency_code, count(*) filter (where is_kept),
            sum(sales_amount), sum(reporting_sales_amount)
        from marts.fct_orders group by all
        """,
    ),
    "dim_customer_value": (
        """
        select customer_id, min(order_date), max(order_date), count(*), sum(reporting_sales_amount)
        from marts.fct_orders where customer_id is not null group by all
        """,
    ),
    # what a customer was sent, flow by flow and in sum
    "fct_message_sends": (
        f"""
        select touchpoint_id, any_value(customer_id), any_value(message_id), any_value(flow_id),
            any_value(occurred_at)
        from {TOUCHED} where flow_id is not null or variation_id is not null group by all
        """,
        f"""
        select customer_id, flow_id, message_id, event_type, count(*), min(occurred_at)
        from {TOUCHED} where flow_id is not null or variation_id is not null group by all
        """,
    ),
    "fct_flow_orders": (
        """
        select order_id, any_value(customer_id), any_value(ordered_at), any_value(sales_amount)
        from marts.fct_orders where is_kept and customer_id in (
                select customer_id from marts.fct_message_sends) group by all
        """,
        """
        select customer_id, message_id, max(sent_at), max(answered_at)
        from marts.fct_message_sends where flow_id is not null group by all
        """,
    ),
    "rpt_flow_performance": (
        """
        select flow_id, message_id, count(*), count(distinct customer_id),
            count(*) filter (where has_opened), count(*) filter (where has_clicked)
        from marts.fct_message_sends group by all
        """,
    ),
    "rpt_message_variations": (
        """
        select message_id, variation_id, count(*), count(distinct customer_id),
            count(*) filter (where has_opened), count(*) filter (where has_clicked)
        from marts.fct_message_sends where variation_id is not null group by all
        """,
    ),
    "fct_campaign_baselines": (
        """
        select campaign_id, customer_id, any_value(reached_at), any_value(window_days)
        from marts.fct_campaign_recipients where is_reached group by all
        """,
        """
        select customer_id, contact_date, count(*) from marts.fct_contact_days
        where message_class = 'marketing' group by all
        """,
        "select customer_id, order_date, count(*) from marts.fct_orders where is_kept group by all",
    ),
    "dim_customer_marketing": (
        f"""
        select customer_id, min(occurred_at), max(occurred_at),
            count(*) filter (where is_marketing_contact),
            count(*) filter (where event_type = 'opened'),
            count(*) filter (where event_type = 'clicked')
        from {TOUCHED}
        where is_marketing_contact or event_type in ('opened', 'clicked', 'redeemed', 'replied',
            'unsubscribed', 'complained', 'bounced')
        group by all
        """,
        """
        select customer_id, count(*), sum(reporting_sales_amount)
        from marts.fct_orders where is_kept group by all
        """,
    ),
    "rpt_signal_coverage": (
        """
        select customer_id, min(month_start_date), sum(letter_count), sum(order_count),
            sum(message_count)
        from marts.fct_customer_months group by all
        """,
    ),
    "fct_deals": (
        "select deal_id, count(*), max(entered_at) from marts.fct_deal_stages group by all",
    ),
    "fct_deal_stages": (
        """
        select deal_id, any_value(deal_stage), any_value(stage_history)
        from staging.stg_hubspot__deals group by all
        """,
    ),
    "fct_tickets": (
        """
        select ticket_id, any_value(opened_at), any_value(stage_history)
        from staging.stg_hubspot__tickets group by all
        """,
    ),
    "rpt_pipeline": (
        """
        select pipeline, stage, date_trunc('month', entered_at), count(*), sum(deal_amount)
        from marts.fct_deal_stages group by all
        """,
    ),
    "dim_companies": (
        "select company_id, count(*) from marts.dim_customers group by all",
        "select company_id, count(*) from marts.fct_tickets group by all",
    ),
    "dim_staff": (
        "select owner_id, count(*) from marts.dim_customers group by all",
        "select owner_id, count(*) from marts.fct_tickets group by all",
    ),
}
