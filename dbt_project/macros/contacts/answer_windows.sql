{#-
    The one rule of what may answer a message: it came after the message had reached them, and within so many
    times 24 hours. It holds for the orders of a campaign, redemptions and every kind of response. What is compared
    is named by its start: `reached` has the columns reached_at (UTC) and reached_date (reporting clock).

    Where the answer has no hour, whole days are compared, that of the message being the first. Where
    coupons say until when they are valid (`until_date`), they are to the end of that day.
-#}
{% macro is_answer_to(message, answer, days, until_date=none) -%}
    (
        {{ is_not_before(answer, message) }}
        and case
            {% if until_date is not none %}
            when {{ until_date }} is not null then {{ answer }}_date <= {{ until_date }}
            {% endif %}
            when {{ has_no_hour(answer) }} then {{ answer }}_date < {{ message }}_date + {{ days }}
            else {{ hours_between(message ~ '_at', answer ~ '_at') }} < 24 * {{ days }}
        end
    )
{%- endmacro %}

{#- As late or later, by the hour where the later has one. -#}
{% macro is_not_before(later, earlier) -%}
    case
        when {{ has_no_hour(later) }} then {{ later }}_date >= {{ earlier }}_date
        else {{ later }}_at >= {{ earlier }}_at
    end
{%- endmacro %}

{#- Midnight sharp is what becomes of a date alone: many a shop reports no hour. -#}
{% macro has_no_hour(instant) -%}
    ({{ instant }}_at = cast(cast({{ instant }}_at as date) as timestamp))
{%- endmacro %}

{#- When it had its turn at the latest: without an hour it is the last of its day, as what happened then may have led to it. -#}
{% macro latest_turn(instant) -%}
    case
        when {{ has_no_hour(instant) }} then {{ instant }}_at + interval 1 day - interval 1 microsecond
        else {{ instant }}_at
    end
{%- endmacro %}

{#- Days in which a message of the channel may be answered: the policy `campaign_attribution_days`. -#}
{% macro answer_days(channel) -%}
    {%- set days = var('campaign_attribution_days') -%}
    {% if days | length > 1 %}
    case {{ channel }}
        {% for name, count in days.items() if name != 'default' %}
        when {{ sql_text(name) }} then {{ count }}
        {% endfor %}
        else {{ days.default }}
    end
    {%- else %}{{ days.default }}{% endif %}
{%- endmacro %}

{#- The most of them: how far an answer may lie from its message. -#}
{% macro most_answer_days() -%}
    {{ return(var('campaign_attribution_days').values() | max) }}
{%- endmacro %}
