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
    DuckDB drops the offset in a cast to TIMESTAMP, so everything is cast with it; what is not in its own
    spelling, as most tools write it, is first put into it.
-#}
{% macro default__spelled_instant(column, spelled) -%}
    {% set engines_own -%}
        \d{4}-\d\d-\d\d([T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-](0\d|1[0-4])(:?[0-5]\d)?)?)?
    {%- endset %}
        when {{ matches(column, engines_own) }}
            then try_cast({{ column }} as timestamptz) at time zone 'UTC'
        when {{ matches(column, spelled) }}
            then
                try_cast(
                    {{ replaced(column, spelled, '\\1-\\2-\\3 ') }}
                    || coalesce(nullif({{ extracted(column, spelled, 4) }}, ''), '0:00')
                    || coalesce(nullif({{ extracted(column, spelled, 5) }}, ''), ':00')
                    || {{ replaced(extracted(column, spelled, 6), '(?i)^(z|utc|gmt|)$', '+00') }}
                    as timestamptz
                ) at time zone 'UTC'
{%- endmacro %}

{#- Spark reads one spelling of an offset, fractions of six digits, and no 24:00. -#}
{% macro spark__spelled_instant(column, spelled) -%}
    {% set hour = extracted(column, spelled, 4) %}
    {% set second = 'left(' ~ extracted(column, spelled, 5) ~ ', 10)' %}
    {% set offset = extracted(column, spelled, 6) %}
    {% set is_midnight = hour ~ " = '24:00' and replace(translate(" ~ second ~ ", ':.', ''), '0', '') = ''" %}
        when {{ matches(column, spelled) }}
            then
                cast(
                    try_cast(
                        {{ extracted(column, spelled, 1) }}
                        || '-' || {{ extracted(column, spelled, 2) }}
                        || '-' || {{ extracted(column, spelled, 3) }} || ' '
                        || case
                            when {{ is_midnight }} then '0:00:00'
                            else
                                coalesce(nullif({{ hour }}, ''), '0:00')
                                || coalesce(nullif({{ second }}, ''), ':00')
                        end
                        || case
                            when left({{ offset }}, 1) in ('+', '-')
                                then
                                    left({{ offset }}, 3) || ':'
                                    || rpad(replace(substr({{ offset }}, 4), ':', ''), 2, '0')
                            else '+00:00'
                        end
                        as timestamp_ltz
                    ) as timestamp_ntz
                ) + case when {{ is_midnight }} then interval 1 day else interval 0 day end
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

{#- The day that a text names by a format of %Y, %m and %d, with one digit or two; null where it does not. -#}
{% macro day_by(text, format) -%}{{ adapter.dispatch('day_by', 'rapport')(text, format) }}{%- endmacro %}

{% macro default__day_by(text, format) -%}
    cast(try_strptime({{ text }}, {{ sql_text(format) }}) as date)
{%- endmacro %}

{#- Digits that nothing parts are of two each; four of the year. -#}
{% macro spark__day_by(text, format) -%}
    {% set year = '(\\d{1,4})' if format[2] != '%' else '(\\d{4})' %}
    {% set part = '(\\d{1,2})' if format[2] != '%' else '(\\d{2})' %}
    {% set order = modules.re.findall('%(.)', format) %}
    {% set pattern -%}
        \A{{ modules.re.escape(format) | replace('\\%', '%') | replace('%Y', year) | replace('%m', part) | replace('%d', '(\\d{1,2})') }}\z
    {%- endset %}
    try_cast(
        lpad({{ extracted(text, pattern, order.index('Y') + 1) }}, 4, '0')
        || '-' || {{ extracted(text, pattern, order.index('m') + 1) }}
        || '-' || {{ extracted(text, pattern, order.index('d') + 1) }}
        as date
    )
{%- endmacro %}

{#- A text as a number of a type that has fractions; null where it is none. -#}
{% macro number(text, type='double') -%}{{ adapter.dispatch('number', 'rapport')(text, type) }}{%- endmacro %}

{% macro default__number(text, type) -%}
    try_cast({{ text }} as {{ type }})
{%- endmacro %}

{#- Spark reads 1d as well, and digits of other scripts; DuckDB 1_000. -#}
{% macro spark__number(text, type) -%}
    case
        when not {{ text }} rlike {{ sql_text('(?i)[0-9.][df]\\s*\\z|[^\\x00-\\x7F]') }}
            then
                try_cast(
                    regexp_replace({{ text }}, {{ sql_text('(?<=\\d)_(?=\\d)') }}, '') as {{ type }}
                )
    end
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

{#- A number with a fraction is not rounded, it is refused. -#}
{% macro whole_number(column) -%}
    {{ adapter.dispatch('whole_number', 'rapport')(column) }}
{%- endmacro %}

{% macro default__whole_number(column) -%}
    case
        when try_cast({{ column }} as double) = try_cast({{ column }} as bigint)
            then try_cast({{ column }} as bigint)
    end
{%- endmacro %}

{#- Spark's bigints have no point and no exponent. -#}
{% macro spark__whole_number(column) -%}
    {% set rounded = number(column, 'decimal(38, 0)') %}
    case
        when {{ number(column) }} = cast({{ rounded }} as double) then try_cast({{ rounded }} as bigint)
    end
{%- endmacro %}

{#- A yes or no as tools write it: true, t, yes, y or 1; null for what is neither. -#}
{% macro boolean(text) -%}{{ adapter.dispatch('boolean', 'rapport')(text) }}{%- endmacro %}

{% macro default__boolean(text) -%}
    try_cast({{ text }} as boolean)
{%- endmacro %}

{% macro spark__boolean(text) -%}
    case
        when lower({{ text }}) in ('true', 't', 'yes', 'y', '1') then true
        when lower({{ text }}) in ('false', 'f', 'no', 'n', '0') then false
    end
{%- endmacro %}

{#-
    A JSON object as a struct of texts, parsed once however many members are asked for;
    null where the column holds no object. `members` is a list of names, or a mapping of
    names to what is below them: 'string', a mapping, or a list of one of the two.
-#}
{% macro json_members(column, members) -%}
    {% if members is mapping %}
        {% set structure = members %}
    {% else %}
        {% set structure = {} %}
        {% for member in members %}
            {% do structure.update({member: 'string'}) %}
        {% endfor %}
    {% endif %}
    {{ adapter.dispatch('json_members', 'rapport')(column, structure) }}
{%- endmacro %}

{% macro default__json_members(column, structure) -%}
    case
        when starts_with(ltrim({{ column }}), '{')
            then json_transform(
                try_cast({{ column }} as json), '{{ tojson(structure) }}'
            )
    end
{%- endmacro %}

{#- What Spark cannot read is a record of nulls, so an object is asked for first. -#}
{% macro spark__json_members(column, structure) -%}
    case
        when
            {{ column }} rlike {{ sql_text('\\A\\p{Zs}*\\{') }}
            and try_parse_json({{ column }}) is not null
            then from_json({{ column }}, '{{ _json_type(structure) }}')
    end
{%- endmacro %}

{% macro _json_type(structure) -%}
    {%- if structure is mapping -%}
        struct<
        {%- for name, below in structure.items() -%}
            `{{ name }}`: {{ _json_type(below) }}{{ ', ' if not loop.last }}
        {%- endfor -%}
        >
    {%- elif structure is string -%}
        string
    {%- else -%}
        array<{{ _json_type(structure[0]) }}>
    {%- endif -%}
{%- endmacro %}

{#- A JSON list as a list of texts: its members, or that `member` of each; empty where it cannot be read, null of no list. -#}
{% macro json_list(column, member=none) -%}
    {{ adapter.dispatch('json_list', 'rapport')(column, member) }}
{%- endmacro %}

{% macro default__json_list(column, member) -%}
    case
        when starts_with(ltrim({{ column }}), '[')
            then
                coalesce(
                    json_extract_string(
                        try_cast({{ column }} as json), '$[*]{{ '.' ~ member if member }}'
                    ),
                    []
                )
    end
{%- endmacro %}

{% macro spark__json_list(column, member) -%}
    case
        when {{ column }} rlike {{ sql_text('\\A\\p{Zs}*\\[') }}
            then
                coalesce(
                    {% if member %}
                    array_compact(
                        from_json({{ column }}, 'array<struct<`{{ member }}`: string>>').{{ member }}
                    ),
                    {% else %}
                    from_json({{ column }}, 'array<string>'),
                    {% endif %}
                    array()
                )
    end
{%- endmacro %}

{#- The names of a JSON object's members; none where it is no object. -#}
{% macro json_names(column) -%}{{ adapter.dispatch('json_names', 'rapport')(column) }}{%- endmacro %}

{% macro default__json_names(column) -%}
    coalesce(json_keys(try_cast({{ column }} as json)), [])
{%- endmacro %}

{% macro spark__json_names(column) -%}
    coalesce(json_object_keys({{ column }}), array())
{%- endmacro %}

{#- A part of a JSON text, still JSON. -#}
{% macro json_part(column, path) -%}{{ adapter.dispatch('json_part', 'rapport')(column, path) }}{%- endmacro %}

{% macro default__json_part(column, path) -%}
    json_extract(try_cast({{ column }} as json), {{ sql_text(path) }})
{%- endmacro %}

{% macro spark__json_part(column, path) -%}
    get_json_object({{ column }}, {{ sql_text(path) }})
{%- endmacro %}

{#- A member of a record whose name is no word of SQL. -#}
{% macro member(record, name) -%}
    {{ record }}.{{ adapter.quote(name) }}
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
