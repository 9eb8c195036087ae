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
                then make_timestamp(cast({{ column }} as bigint) * 1000)
            when regexp_full_match({{ column }}, '\d{10}')
                then make_timestamp(cast({{ column }} as bigint) * 1000000)
        end
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

{% macro is_object(column) -%}
    coalesce(json_type(try_cast({{ column }} as json)) = 'OBJECT', false)
{%- endmacro %}

{#- Text at a path of a JSON column, '/a/b'; null where the column holds no JSON. -#}
{% macro json_text(column, path) -%}
    nullif(trim(try_cast({{ column }} as json) ->> '{{ path }}'), '')
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
