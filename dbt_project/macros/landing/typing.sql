{#- Typing never raises: what cannot be read becomes null, and the staging model says why. -#}

{#- A text of a source, without blanks around it and no longer than a release may show: what is longer ends in the
    digest of it all, so that two of them stay two. -#}
{% macro clean_text(column) -%}
    {{ cut_text(whole_text(column)) }}
{%- endmacro %}

{#- A text that is read and not shown, such as an address of the web: as long as it is. -#}
{% macro whole_text(column) -%}
    nullif({{ trimmed(column) }}, '')
{%- endmacro %}

{% macro cut_text(text) -%}
    case
        when length({{ text }}) > {{ most_characters() }}
            then left({{ text }}, {{ most_characters() - 33 }}) || '…' || md5({{ text }})
        else {{ text }}
    end
{%- endmacro %}

{#- The same of every member of a list. -#}
{% macro cut_texts(texts) -%}
    {{ each_of(texts, 'text', cut_text('text')) }}
{%- endmacro %}

{#-
    An instant, in UTC, that a text names beyond doubt; null for every other text.

    Read are year, month and day in this order (ISO 8601, also with / or one digit less), alone or with
    hours and minutes, seconds, fractions; an offset of at most 14 hours, Z, UTC or GMT, also after a blank
    (none means UTC); and Unix time, of nine or ten digits in seconds, of eleven to thirteen in
    milliseconds, before 1970 with a minus. Shorter numbers could be either, longer ones anything.
    31/12/2017 stays unread: 3/4/2017 is two days in two countries, and half of a column read by luck is worse
    than none. Whether the year is plausible is the caller's question (`is_no_time`).
-#}
{% macro utc_timestamp(column) -%}
    {% set spelled -%}
        (?i)\s*(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:[t\s]\s*(\d{1,2}:\d\d)(:\d\d(?:\.\d+)?)?\s*(z|utc|gmt|[+-](?:0\d|1[0-4])(?::?[0-5]\d)?)?)?\s*
    {%- endset %}
    case
        {{ adapter.dispatch('spelled_instant', 'rapport')(column, spelled) }}
        when {{ matches(column, '\\s*-?\\d{9,10}(\\.\\d+)?\\s*') }}
            then {{ instant_of('cast(round(try_cast(' ~ column ~ ' as double) * 1000000) as bigint)') }}
        when {{ matches(column, '\\s*-?\\d{11,13}(\\.\\d+)?\\s*') }}
            then {{ instant_of('cast(round(try_cast(' ~ column ~ ' as double) * 1000) as bigint)') }}
    end
{%- endmacro %}

{#-
    Something is written where a time should be, and nobody can tell which, or it lies before all that
    can be meant (the zero of a clock, the year 1405 of another calendar). `value` is what was read.
-#}
{% macro is_no_time(column, value) -%}
    (
        {{ clean_text(column) }} is not null
        and coalesce({{ is_implausible(value) }}, true)
    )
{%- endmacro %}

{#-
    A birth date as forms, lists and date fields write it. 03/04/1980 is one of two days, so it is
    none. Milliseconds since 1970 are negative for most people.
-#}
{% macro birth_date(column) -%}
    {% set text = trimmed(column) %}
    {% set day_first = day_by(text, '%d/%m/%Y') %}
    {% set month_first = day_by(text, '%m/%d/%Y') %}
    coalesce(
        {{ day_by(extracted(text, '\\A(\\d{4}-\\d{1,2}-\\d{1,2})([T ].*)?\\z', 1), '%Y-%m-%d') }},
        {{ day_by(text, '%Y%m%d') }},
        {{ day_by(text, '%Y/%m/%d') }},
        {{ day_by(text, '%d.%m.%Y') }},
        case
            when coalesce({{ month_first }} = {{ day_first }}, true)
                then coalesce({{ month_first }}, {{ day_first }})
        end,
        case
            when {{ matches(text, '-?\\d{9,13}') }}
                then cast({{ instant_of('try_cast(' ~ text ~ ' as bigint) * 1000') }} as date)
        end
    )
{%- endmacro %}

{#- Three decimals: a dinar has a thousand fils. -#}
{% macro amount(column) -%}
    {{ number(column, 'decimal(18, 3)') }}
{%- endmacro %}

{#- An amount as people write it: two decimals, and a third one where it says something. -#}
{% macro money_text(amount) -%}
    case
        when {{ amount }} % 0.01 = 0 then cast(cast({{ amount }} as decimal(18, 2)) as string)
        else cast({{ amount }} as string)
    end
{%- endmacro %}

{#- Goods are sold by the piece or by weight and measure; a thousandth is a gram of a kilogram. -#}
{% macro quantity(column) -%}
    {{ number(column, 'decimal(18, 3)') }}
{%- endmacro %}

{#- "12;34" is two ids; nothing said is none. -#}
{% macro listed_ids(text) -%}
    coalesce({{ all_found(text, '[^;\\s]+') }}, {{ empty_list('string') }})
{%- endmacro %}

{#- "Recipes; offers" is two values; nothing said is null, not a list of none. -#}
{% macro text_list(expression) -%}
    {% set parted = replaced('lower(' ~ trimmed(expression, ' ;') ~ ')', '\\s*;[\\s;]*', ';') %}
    {{ distinct_sorted(cut_texts(split_text('nullif(' ~ parted ~ ", '')", ';'))) }}
{%- endmacro %}

{#- "Recipes, new offers" is two topics, by the names that topics have everywhere. -#}
{% macro topic_list(expression) -%}
    {{ distinct_sorted(each_of(split_text(replaced(expression, '[,|]', ';'), ';'), 'item', topic_of('item'))) }}
{%- endmacro %}

{#- The same of texts that stand in a list already. What looks like somebody's address or number is no topic. -#}
{% macro topics_of(texts) -%}
    {% set topic = 'case when not ' ~ looks_like_an_identifier('item') ~ ' then ' ~ topic_of('item') ~ ' end' %}
    {{ distinct_sorted(each_of(texts, 'item', topic)) }}
{%- endmacro %}

{#- "New products" and "new-products" are one topic. -#}
{% macro topic_of(expression) -%}
    nullif(
        {{ trimmed(replaced('lower(' ~ cut_text(expression) ~ ')', '[^\\p{L}\\p{N}]+', '_'), '_') }}, ''
    )
{%- endmacro %}

{#- A time that can have been; null for one that cannot be read or is of another calendar. -#}
{% macro plausible_time(column) -%}
    case
        when {{ utc_timestamp(column) }} >= cast({{ sql_text(var('earliest_plausible_date')) }} as timestamp)
            then {{ utc_timestamp(column) }}
    end
{%- endmacro %}

{#- When a record was made: no later than the day after the pull that brought it. -#}
{% macro time_of_making(column) -%}
    case
        when {{ plausible_time(column) }} < cast(load_date as timestamp) + interval 2 day
            then {{ plausible_time(column) }}
    end
{%- endmacro %}

{#- A day that never comes: the end of what has none. -#}
{% macro endless() -%}
    date '9999-12-31'
{%- endmacro %}

{#- The fields of a row that nobody can read, by name; pairs of a name and its condition. -#}
{% macro unreadable(fields) -%}
    {% set names = [] %}
    {% for field, condition in fields %}
        {% do names.append('case when ' ~ condition ~ " then '" ~ field ~ "' end") %}
    {% endfor %}
    {{ those_of(list_of(names), 'field', 'field is not null') }}
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
    {% set address = trimmed(column) %}
    case
        when {{ address }} like '%_@_%'
            then
                {{ extracted(address, '^(.*)@', 1) }}
                || '@'
                || lower({{ extracted(address, '@([^@]*)\\z', 1) }})
    end
{%- endmacro %}

{% macro is_implausible(timestamp_expression) -%}
    {{ timestamp_expression }} < cast({{ sql_text(var('earliest_plausible_date')) }} as timestamp)
{%- endmacro %}

{#- A stable id that says nothing about the person: a digest of a record id, never of an address. -#}
{% macro surrogate_id(expression) -%}
    md5({{ expression }})
{%- endmacro %}

{#-
    Tags of the mailing tool are typed by hand: upper and lower case and blanks, at the ends and around the colon, do
    not count. "Class: Service" is `class:service`.
-#}
{% macro tag_line(tags) -%}
    (';' || lower({{ joined(tags, ';') }}) || ';')
{%- endmacro %}

{#- What follows "<kind>:" in the first such tag, by alphabet. -#}
{% macro tagged(tags, kind) -%}
    nullif({{ trimmed(extracted(tag_line(tags), ';\\s*' ~ kind ~ '\\s*:\\s*([^;]+)', 1)) }}, '')
{%- endmacro %}

{#- Is the tag among them? -#}
{% macro has_tag(tags, tag) -%}
    {%- set parts = [] %}
    {%- for part in tag.lower().split(':') %}{% do parts.append(modules.re.escape(part.strip())) %}{% endfor %}
    {%- if tag.strip() -%}
    coalesce({{ finds(tag_line(tags), ';\\s*' ~ parts | join('\\s*:\\s*') ~ '\\s*;') }}, false)
    {%- else -%}
    false
    {%- endif -%}
{%- endmacro %}
