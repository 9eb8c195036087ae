{#- Channels that marketing may use, if they let it. -#}
{% macro marketing_channels() -%}
    {{ return(['email', 'sms', 'whatsapp', 'push', 'phone', 'post']) }}
{%- endmacro %}

{#- Words that a list of channels may hold besides: other ways to meet, and none of all. -#}
{% macro channel_words() -%}
    {{ return(marketing_channels() + ['meeting', 'chat', 'web', 'store', 'ad', 'social', 'none']) }}
{%- endmacro %}

{#-
    Properties of a CRM contact that stay in force when the CRM stops sending them: what a person
    answered, and what ties their records.
-#}
{% macro lasting_contact_properties() -%}
    {{ return([
        'shop_customer_number', 'hs_additional_emails', 'hs_merged_object_ids',
        'hs_calculated_merged_vids', 'hs_email_optout', 'declared_relationship',
        'wants_relationship', 'wanted_topics', 'unwanted_topics', 'allowed_channels',
        'max_marketing_messages_30d', 'allowed_hours', 'allowed_weekdays',
        'marketing_pause_until', 'declared_values', 'interests', 'loyalty_status',
        'preferences_updated_at',
    ]) }}
{%- endmacro %}

{#- "Email; SMS" as a list. With anything else among them nobody knows what is meant: none. -#}
{% macro channel_list(column) -%}
    case when {{ has_unreadable_channels(column) }} then {{ empty_list('string') }} else {{ _channel_items(column) }} end
{%- endmacro %}

{#- Is there a word among them that names no channel, or "none" beside others? -#}
{% macro has_unreadable_channels(column) -%}
    {%- set items = _channel_items(column) -%}
    coalesce(
        {{ size_of(those_of(items, 'item', 'item not in (' ~ sql_texts(channel_words()) ~ ')')) }} > 0
        or ({{ size_of(items) }} > 1 and array_contains({{ items }}, 'none')),
        false
    )
{%- endmacro %}

{% macro _channel_items(column) -%}
    {{ text_list("replace(replace(lower(" ~ column ~ "), 'e-mail', 'email'), ',', ';')") }}
{%- endmacro %}

{#- Was consent given in a way that only the person themselves can have used? -#}
{% macro is_own_act(method) -%}
    coalesce(
        {{ method }} in ({{ sql_texts(var('consent_methods_of_her_own')) }}), false
    )
{%- endmacro %}

{#- The consent to the channel that a column names; to one that nobody asks about it is unknown. -#}
{% macro consent_to(channel, preferences) -%}
    coalesce(
        case {{ channel }}
            {% for known in marketing_channels() %}
            when '{{ known }}' then {{ preferences }}.{{ known }}_consent
            {% endfor %}
        end,
        'unknown'
    )
{%- endmacro %}

{#- The clauses by which they are not written to on a channel at all, whatever about: lines of a `case`. -#}
{% macro refusals_of(channel, preferences) -%}
    when {{ preferences }}.wants_relationship = 'no' then 'wants_no_relationship'
    when {{ consent_to(channel, preferences) }} = 'withdrawn' then 'opted_out'
    when {{ consent_to(channel, preferences) }} <> 'granted' then 'no_consent'
    when {{ channel }} = 'email' and not {{ preferences }}.is_email_deliverable then 'not_deliverable'
    when
        {{ preferences }}.allowed_channels is not null
        and not array_contains({{ preferences }}.allowed_channels, {{ channel }})
        then 'channel_not_allowed'
{%- endmacro %}

{#-
    The same for a call of the staff's own about what somebody turned to us with: nobody is asked for consent to an
    answer, and who said no to the channel is not reached by it.
-#}
{% macro service_refusals_of(channel, preferences) -%}
    when {{ consent_to(channel, preferences) }} = 'withdrawn' then 'opted_out'
    when
        {{ preferences }}.allowed_channels is not null
        and not array_contains({{ preferences }}.allowed_channels, {{ channel }})
        then 'channel_not_allowed'
{%- endmacro %}

{#- The topics that they want nothing of on a channel. -#}
{% macro refused_topics(channel, preferences) -%}
    {{ both_lists(
        both_lists(preferences ~ '.unwanted_topics', preferences ~ '.withdrawn_topics'),
        'case when ' ~ channel ~ " = 'email' then " ~ preferences ~ '.withdrawn_email_topics end'
    ) }}
{%- endmacro %}

{#- Those of `choices` that no record of theirs leaves out; null when none of them says anything. -#}
{% macro in_all_lists(column, choices) -%}
    {%- set left_in = [] %}
    {%- for choice in choices %}
        {%- do left_in.append(
            'case when bool_and(coalesce(array_contains(' ~ column ~ ', ' ~ sql_text(choice) ~ '), true)) then '
            ~ sql_text(choice) ~ ' end'
        ) %}
    {%- endfor %}
    case
        when count({{ column }}) > 0
            then {{ those_of(list_of(left_in), 'choice', 'choice is not null') }}
    end
{%- endmacro %}

{#- Everything that any record of theirs lists. -#}
{% macro in_any_list(column) -%}
    case
        when count({{ column }}) > 0
            then {{ distinct_sorted('flatten(array_agg(' ~ column ~ ') filter (where ' ~ column ~ ' is not null))') }}
    end
{%- endmacro %}

{#- Is the address dead by the mailing tool's word? It says nothing of their others. -#}
{% macro has_bounced(suppressions) -%}
    {{ size_of(those_of(suppressions, 'item', "item.reason in ('HARD_BOUNCE', 'INVALID_EMAIL')")) }} > 0
{%- endmacro %}
