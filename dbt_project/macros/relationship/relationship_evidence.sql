{#-
    What can be known of a relationship, and who would tell: for every signal its axis, the source and streams
    that it comes from, and what of a customer's month is an observation of it. A signal is present from the
    month on in which there was the first observation of each of its kinds, whoever's it was: where nobody ever
    wrote a letter, nobody's silence means anything. `wanted` signals are the customers', `given` ones ours.
-#}
{% macro signal_sources() -%}
    {{ return([
        ('wanted', 'closeness', 'letters', 'hubspot', 'emails, communications', ['letter_count']),
        ('wanted', 'closeness', 'surveys', 'hubspot', 'feedback_submissions', ['survey_count']),
        ('wanted', 'frequency', 'orders', 'shop', 'orders', ['order_count']),
        (
            'wanted', 'frequency', 'contacts', 'hubspot', 'emails, communications, calls, meetings, tickets',
            ['letter_count + chat_count + call_count + ticket_count'],
        ),
        ('wanted', 'reciprocity', 'answers', 'klaviyo', 'events', ['answer_count', 'message_count']),
        (
            'wanted', 'human_share', 'store_visits', 'shop', 'orders',
            ['store_order_count', 'order_count - store_order_count'],
        ),
        ('wanted', 'human_share', 'personal_contacts', 'hubspot', 'calls, meetings', ['call_count']),
        ('wanted', 'price_focus', 'discounts', 'shop', 'order_lines, coupons', ['discounted_order_count']),
        ('wanted', 'commitment', 'active_months', 'shop', 'orders', ['order_count']),
        (
            'wanted', 'commitment', 'categories', 'shop', 'order_lines, products',
            ['case when category_bits <> 0 and offered_category_count > 1 then 1 else 0 end'],
        ),
        (
            'wanted', 'commitment', 'tenure', 'shop, hubspot, klaviyo', 'orders, emails, calls, events',
            ['case when first_act_date is not null then 1 else 0 end'],
        ),
        ('wanted', 'commitment', 'deals', 'hubspot', 'deals', ['deal_count']),
        (
            'wanted', 'strain', 'grievances', 'hubspot, klaviyo', 'tickets, feedback_submissions, events',
            ['ticket_count + survey_count + complaint_count'],
        ),
        (
            'wanted', 'strain', 'dissatisfaction', 'hubspot', 'feedback_submissions',
            ['case when last_dissatisfaction is not null then 1 else 0 end'],
        ),
        ('given', 'frequency', 'messages', 'klaviyo', 'events', ['message_count']),
        ('given', 'closeness', 'advice_messages', 'klaviyo', 'campaigns', ['advice_message_count']),
        ('given', 'price_focus', 'offer_messages', 'klaviyo', 'campaigns', ['offer_message_count']),
        (
            'given', 'human_share', 'staff_contacts', 'hubspot', 'emails, communications, calls, meetings',
            ['staff_contact_count'],
        ),
    ]) }}
{%- endmacro %}

{#- Who tells a signal: the sources that it is told by anywhere, and those of the firm's own that are mapped alike. -#}
{% macro sources_of_signal(sources, streams) -%}
    {% set names = [] %}
    {% for source in sources.split(', ') %}
        {% for stream in streams.split(', ') %}{% do names.append(source ~ '.' ~ stream) %}{% endfor %}
    {% endfor %}
    {{ return((sources.split(', ') + mapped_like(names)) | join(', ')) }}
{%- endmacro %}

{#- From when on each signal could be seen, a column each; null when it never was. -#}
{% macro signals_seen_from() -%}
    {% for side, axis, signal, source, streams, kinds in signal_sources() %}
    max(present_from_date) filter (where signal = '{{ signal }}') as {{ signal }}_from
    {{- ',' if not loop.last }}
    {% endfor %}
{%- endmacro %}

{#- Could the signal be seen of this customer? Evidence that ended before its time says nothing of it. -#}
{% macro is_seen(signal) -%}
    coalesce(last_evidence_date >= {{ signal }}_from, false)
{%- endmacro %}

{#-
    Runs after the table of signals is made, before the one that it replaces is gone, and notes from when on
    everybody's evidence is another: a signal that came, went, or is there from another month on.
-#}
{% macro note_signals_that_came_or_went() -%}
    {%- set changes %}
    select
        least(coming.present_from_date, standing.present_from_date) as touched_date,
        cast(null as string) as customer_id
    from {{ this }} as coming
    full outer join {{ standing_table() }} as standing on coming.signal = standing.signal
    where coming.present_from_date is distinct from standing.present_from_date
    {% endset %}
    {{ note_changes_of_table(changes) }}
{%- endmacro %}
