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

{#- A time that can have been; null for one that cannot be read or is of another calendar. -#}
{% macro plausible_time(column) -%}
    case
        when {{ utc_timestamp(column) }} >= cast('{{ var("earliest_plausible_date") }}' as timestamp)
            then {{ utc_timestamp(column) }}
    end
{%- endmacro %}

{#- A day that never comes: the end of what has none. -#}
{% macro endless() -%}
    date '9999-12-31'
{%- endmacro %}

{#- Did anybody write something there? -#}
{% macro filled(column) -%}
    coalesce(trim({{ column }}), '') <> ''
{%- endmacro %}

{#- The fields of a row that nobody can read, by name; pairs of a name and its condition. -#}
{% macro unreadable(fields) -%}
    list_filter(
        [
            {% for field, condition in fields %}
            case when {{ condition }} then '{{ field }}' end{{ ',' if not loop.last }}
            {% endfor %}
        ],
        lambda field: field is not null
    )
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
