{#- The words of a name or a term, as a list. -#}
{% macro words_of(expression) -%}
    {{ split_text(topic_of(expression), '_') }}
{%- endmacro %}

{#- A word without the s of a plural. -#}
{% macro word_stem(word) -%}
    case
        when length({{ word }}) > 3 and {{ word }} like '%s' and {{ word }} not like '%ss'
            then left({{ word }}, length({{ word }}) - 1)
        else {{ word }}
    end
{%- endmacro %}

{#- A category as a sentence has it: catalogues shout. -#}
{% macro category_in_words(category) -%}
    case when {{ category }} = upper({{ category }}) then lower({{ category }}) else {{ category }} end
{%- endmacro %}

{#- How often, and since when: "once, in May 2017," or "3 times since May 2017". -#}
{% macro times_since(happened, since_date) -%}
    case
        when {{ happened }} = 1 then 'once, in ' || {{ month_in_words(since_date) }} || ','
        when {{ happened }} = 2 then 'twice since ' || {{ month_in_words(since_date) }}
        else cast({{ happened }} as string) || ' times since ' || {{ month_in_words(since_date) }}
    end
{%- endmacro %}

{#- "May 2017". -#}
{% macro month_in_words(date_expression) -%}
    {%- set months = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September',
                      'October', 'November', 'December'] -%}
    case month({{ date_expression }})
        {% for month in months %}
        when {{ loop.index }} then '{{ month }} '
        {% endfor %}
    end || cast(year({{ date_expression }}) as string)
{%- endmacro %}

{#- The weight that an act of so long ago still has (policy `need_half_life_days`). -#}
{% macro need_fading(date_expression) -%}
    power(
        2e0,
        cast({{ day_number(date_expression) }} - {{ day_number(latest_day()) }} as double)
        / {{ var('need_half_life_days') }}
    )
{%- endmacro %}
