{#- Typing never raises: what cannot be read becomes null, and the staging model says why. -#}

{% macro clean_text(column) -%}
    nullif(trim({{ column }}), '')
{%- endmacro %}

{#- ISO 8601 with any offset (none means UTC), or Unix time in seconds or milliseconds. -#}
{% macro utc_timestamp(column) -%}
    coalesce(
        try_cast({{ column }} as timestamptz) at time zone 'UTC',
        case
            when regexp_full_match({{ column }}, '\d{13}')
                then make_timestamp(try_cast({{ column }} as bigint) * 1000)
            when regexp_full_match({{ column }}, '\d{10}')
                then make_timestamp(try_cast({{ column }} as bigint) * 1000000)
        end
    )
{%- endmacro %}

{#-
    A birth date as forms, lists and date fields write it. 03/04/1980 is one of two days, so it is
    none. Milliseconds since 1970 are negative for most people.
-#}
{% macro birth_date(column) -%}
    {% set text = 'trim(' ~ column ~ ')' %}
    {% set month_first = 'try_strptime(' ~ text ~ ", '%m/%d/%Y')" %}
    {% set day_first = 'try_strptime(' ~ text ~ ", '%d/%m/%Y')" %}
    cast(
        coalesce(
            try_strptime(
                regexp_extract({{ text }}, '^(\d{4}-\d{1,2}-\d{1,2})([T ].*)?$', 1), '%Y-%m-%d'
            ),
            try_strptime({{ text }}, ['%Y%m%d', '%Y/%m/%d', '%d.%m.%Y']),
            case
                when coalesce({{ month_first }} = {{ day_first }}, true)
                    then coalesce({{ month_first }}, {{ day_first }})
            end,
            case
                when regexp_full_match({{ text }}, '-?\d{9,13}')
                    then make_timestamp(try_cast({{ text }} as bigint) * 1000)
            end
        ) as date
    )
{%- endmacro %}

{% macro amount(column) -%}
    try_cast({{ column }} as decimal(18, 2))
{%- endmacro %}

{#- A number with a fraction is not rounded, it is refused. -#}
{% macro whole_number(column) -%}
    case
        when try_cast({{ column }} as double) = try_cast({{ column }} as bigint)
            then try_cast({{ column }} as bigint)
    end
{%- endmacro %}

{#-
    A JSON object as a struct of texts, parsed once however many members are asked for;
    null where the column holds no object. `members` is a list of names, or a mapping of
    names to what is below them.
-#}
{% macro json_members(column, members) -%}
    {% if members is mapping %}
        {% set structure = members %}
    {% else %}
        {% set structure = {} %}
        {% for member in members %}
            {% do structure.update({member: 'VARCHAR'}) %}
        {% endfor %}
    {% endif %}
    case
        when starts_with(ltrim({{ column }}), '{')
            then json_transform(try_cast({{ column }} as json), '{{ tojson(structure) }}')
    end
{%- endmacro %}

{#- "Recipes; offers" is two values; nothing said is null, not a list of none. -#}
{% macro text_list(expression) -%}
    list_sort(
        list_distinct(
            string_split(
                nullif(
                    regexp_replace(lower(trim({{ expression }}, ' ;')), '\s*;[\s;]*', ';', 'g'), ''
                ),
                ';'
            )
        )
    )
{%- endmacro %}

{#- "New products" and "new-products" are one topic. -#}
{% macro topic_of(expression) -%}
    nullif(trim(regexp_replace(lower({{ expression }}), '[^\p{L}\p{N}]+', '_', 'g'), '_'), '')
{%- endmacro %}

{#- What every object of the CRM has to have; `members` is its `properties`, opened. -#}
{% macro crm_object_faults(id) -%}
    when {{ id }} is null then 'id is missing'
    when members is null then 'properties is not a JSON object'
    when created_at is null then 'created_at is missing or not a time'
    when updated_at is null then 'updated_at is missing or not a time'
    when {{ is_implausible('created_at') }} then 'created_at is implausibly early'
{%- endmacro %}

{#- The domain of an address knows no case; the part before it may, so it stays. -#}
{% macro normalised_email(column) -%}
    case
        when trim({{ column }}) like '%_@_%'
            then
                regexp_extract(trim({{ column }}), '^(.*)@', 1)
                || '@'
                || lower(regexp_extract(trim({{ column }}), '@([^@]*)$', 1))
    end
{%- endmacro %}

{% macro is_implausible(timestamp_expression) -%}
    {{ timestamp_expression }} < cast('{{ var("earliest_plausible_date") }}' as timestamp)
{%- endmacro %}

{#- A stable id that says nothing about the person: a digest of a record id, never of an address. -#}
{% macro surrogate_id(expression) -%}
    md5({{ expression }})
{%- endmacro %}

{#- What follows "<kind>:" in the first such tag, by alphabet. -#}
{% macro tagged(tags, kind) -%}
    nullif(
        regexp_extract(
            ';' || array_to_string({{ tags }}, ';'), ';{{ kind }}:\s*([^;]+)', 1
        ),
        ''
    )
{%- endmacro %}
