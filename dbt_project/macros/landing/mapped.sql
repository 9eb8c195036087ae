{#-
    Sources that a firm declares (`sources/<name>.yml`): what landed is as the source has it, and becomes rows of a
    canonical stream here, every night anew, so that a mapping that is corrected corrects the past. What a declaration
    says comes in the variable `mapped_sources`, one entry per table and stream (rapport/sources/mapped); what a stream's
    columns are, is its contract's to say (models/canonical).
-#}

{#- The mappings onto a stream. -#}
{% macro mappings_onto(stream) -%}
    {{ return(var('mapped_sources') | selectattr('stream', 'equalto', stream) | list) }}
{%- endmacro %}

{#- The streams that sources can be mapped onto, each with a model of its own. -#}
{% macro mapped_streams() -%}
    {{ return([
        'contacts', 'consents', 'preferences', 'companies', 'deals', 'tickets', 'surveys', 'engagements',
        'orders', 'order_lines', 'products', 'campaigns', 'messages', 'message_events', 'web_events',
        'mentions', 'page_signals',
        'staff', 'partners', 'partner_contacts', 'partner_issues',
    ]) }}
{%- endmacro %}

{#- What a mapping is called among streams: a table of which one thing is made goes by its own name. -#}
{% macro mapping_name(mapping) -%}
    {{ return(mapping.table if mapping.table == mapping.stream else mapping.table ~ '.' ~ mapping.stream) }}
{%- endmacro %}

{#- What a stream's table is called in the landing, with its source. -#}
{% macro landed_name(source_name, stream) -%}
    {% set mapping = mapping_of(source_name, stream) %}
    {{ return(source_name ~ '.' ~ (mapping.table if mapping else stream)) }}
{%- endmacro %}

{#- The sources that are declared. -#}
{% macro declared_sources() -%}
    {{ return(var('mapped_sources') | map(attribute='source') | unique | list) }}
{%- endmacro %}

{#-
    The columns of a stream that a mapping can fill, by name, as its contract has them: `data_type`, `required`, `words`.
    Those that Rapport fills itself are not among them.
-#}
{% macro columns_to_map(stream) -%}
    {% set found = {} %}
    {% for column in graph.nodes['model.rapport.canonical_' ~ stream].columns.values() %}
        {% set said = column.config.meta %}
        {% if not said.get('given') and not column.data_type.startswith('struct') %}
            {% do found.update({column.name: {
                'data_type': column.data_type,
                'required': said.get('required', false),
                'words': said.get('words', []),
            }}) %}
        {% endif %}
    {% endfor %}
    {{ return(found) }}
{%- endmacro %}

{#- Ids are told apart by their source, unless they are the firm's own; contacts have theirs beside them. -#}
{% macro is_prefixed(column, shared) -%}
    {{ return(
        (column.endswith('_id') or column.endswith('_ids'))
        and column not in [
            'contact_id', 'contact_ids', 'external_id', 'merged_contact_ids', 'line_id', 'merged_into_contact_id',
        ]
        and column not in shared
    ) }}
{%- endmacro %}

{#- What a mapping says of a column, as text; of a column that it says nothing of, null. -#}
{% macro said_by(mapping, column, data_type) -%}
    {% set sql = mapping.columns.get(column) %}
    {% if sql is none -%}
        cast(null as string)
    {%- elif data_type == 'timestamp' -%}
        {{ time_said('said_' ~ column, 'clock_' ~ column, mapping) }}
    {%- elif data_type == 'date' -%}
        {{ date_said('said_' ~ column, mapping) }}
    {%- elif is_number(data_type) -%}
        case when is_number_{{ column }} then said_{{ column }} else {{ number_said('said_' ~ column, mapping.decimal) }} end
    {%- elif is_prefixed(column, mapping.shared) and data_type == 'string[]' -%}
        cast(
            to_json(list_transform({{ list_said('said_' ~ column) }}, lambda id: {{ sql_text(mapping.source ~ ':') }} || id))
            as string
        )
    {%- elif is_prefixed(column, mapping.shared) -%}
        {{ sql_text(mapping.source ~ ':') }} || nullif(trim(said_{{ column }}), '')
    {%- else -%}
        said_{{ column }}
    {%- endif %}
{%- endmacro %}

{#- A text by the formats of the declaration, each by itself: in a list one with an offset lets 30 February be 2 March. -#}
{% macro by_formats(text, formats) -%}
    {% set said = [] %}
    {% for each in formats %}{% do said.append('try_strptime(trim(' ~ text ~ '), ' ~ sql_text(each) ~ ')') %}{% endfor %}
    {{ 'coalesce(' ~ said | join(', ') ~ ')' if said else 'cast(null as timestamp)' }}
{%- endmacro %}

{#- What a text says by the clock that it was written by: by the declaration's formats first, then ISO 8601. -#}
{% macro clock_said(text, mapping) -%}
    coalesce({{ by_formats(text, formats_of(mapping, false)) }}, {{ utc_timestamp(text) }})
{%- endmacro %}

{#- The formats of a declaration, those with an offset or those without. -#}
{% macro formats_of(mapping, with_offset) -%}
    {% set found = [] %}
    {% for each in mapping.dates if ('%z' in each) == with_offset %}{% do found.append(each) %}{% endfor %}
    {{ return(found) }}
{%- endmacro %}

{#-
    An instant as a text in UTC; a text that nobody can read stays as it is. An offset in the text counts; one that names
    none is of the source's own clock. `clock` is what the text says by it.
-#}
{% macro time_said(text, clock, mapping) -%}
    case
        {% if formats_of(mapping, true) %}
        when {{ by_formats(text, formats_of(mapping, true)) }} is not null
            then {{ utc_text(by_formats(text, formats_of(mapping, true)) ~ " at time zone 'UTC'") }}
        {% endif %}
        {% if formats_of(mapping, false) %}
        when {{ by_formats(text, formats_of(mapping, false)) }} is not null
            then {{ utc_text(of_clock(clock, mapping.clock_changes)) }}
        {% endif %}
        when regexp_full_match({{ text }}, '(?i)\s*(.*\d:?\d\d\s*(z|utc|gmt|[+-]\d\d(:?\d\d)?)|-?\d{9,13}(\.\d+)?)\s*')
            then {{ text }}
        else coalesce({{ utc_text(of_clock(clock, mapping.clock_changes)) }}, {{ text }})
    end
{%- endmacro %}

{% macro utc_text(moment) -%}
    strftime({{ moment }}, '%Y-%m-%d %H:%M:%S.%f') || 'Z'
{%- endmacro %}

{#-
    A time of some clock in UTC. `changes` are (since when by that clock, minutes ahead of UTC), oldest first. An hour that a
    clock shows twice is the first of the two, as most programs take it.
-#}
{% macro of_clock(moment, changes) -%}
    {% if not changes %}{{ return(moment) }}{% endif %}
    {% set since, minutes = [], [] %}
    {% for at, ahead in changes %}{% do since.append("timestamp '" ~ at ~ "'") %}{% do minutes.append(ahead) %}{% endfor %}
    {{ moment }} - to_minutes(
        list_extract(
            [{{ minutes | join(', ') }}],
            len(list_filter([{{ since | join(', ') }}], lambda since: since <= {{ moment }}))
        )
    )
{%- endmacro %}

{#- A day, as a text: of a time its day as it stands there, in whichever zone. -#}
{% macro date_said(text, mapping) -%}
    coalesce(
        cast(
            coalesce(
                cast({{ by_formats(text, formats_of(mapping, false)) }} as date),
                cast({{ by_formats(text, formats_of(mapping, true)) }} as date),
                {{ birth_date(text) }}
            ) as string
        ),
        {{ text }}
    )
{%- endmacro %}

{#-
    A number as the engine writes it; a text that could be two numbers is made none: `1.234` is a thousand or one, and the
    declaration says which sign parts decimals. What an expression has worked out as a number is one already. Groups of three may have the other sign, a blank or an apostrophe
    between them; a currency's sign or code stands before or behind; a minus may be a true one, stand behind, or be brackets.
-#}
{% macro number_said(text, decimal) -%}
    {% set point, comma = ('\\.', ',') if decimal == '.' else (',', '\\.') %}
    {% set bare -%}
        regexp_replace(
            regexp_replace(
                translate(trim({{ text }}), '−’  ', '-''  '),
                '^\s*(?:\p{Sc}|[A-Z]{3})\s*|\s*(?:\p{Sc}|[A-Z]{3})\s*$', '', 'g'
            ),
            '^\((.*)\)$|^(.*)-$|^-\s*(?:\p{Sc}|[A-Z]{3})?\s*(.*)$', '-\1\2\3'
        )
    {%- endset %}
    case
        when {{ text }} is null then null
        when regexp_full_match({{ bare }}, '[+-]?(\d+|\d{1,3}([{{ comma }} '']\d{3})+)?({{ point }}\d*)?')
            then replace(regexp_replace({{ bare }}, '[+{{ comma }} '']', '', 'g'), '{{ decimal }}', '.')
        else '?' || {{ text }}
    end
{%- endmacro %}

{#- Is it a type of numbers? -#}
{% macro is_number(data_type) -%}
    {{ return(data_type.startswith('decimal') or data_type in ('double', 'bigint', 'integer')) }}
{%- endmacro %}

{#- Several texts of one cell, each once and in their order: a JSON list, or `;`, `|` or `,` between them. -#}
{% macro list_said(text) -%}
    list_reduce(
        list_prepend(
            cast([] as string[]),
            list_filter(
                list_transform(
                    case
                        when starts_with(ltrim({{ text }}), '[')
                            then coalesce(try_cast(try_cast({{ text }} as json) as string[]), [{{ text }}])
                        else string_split(regexp_replace({{ text }}, '\s*[;|,]\s*', ';', 'g'), ';')
                    end,
                    lambda item: [nullif(trim(item), '')]
                ),
                lambda item: item[1] is not null
            )
        ),
        lambda so_far, item: case when list_contains(so_far, item[1]) then so_far else list_concat(so_far, item) end
    )
{%- endmacro %}

{#- A yes or no in the languages of most forms; null for what is neither. -#}
{% macro yes_or_no(text) -%}
    case
        when lower(trim({{ text }})) in (
            'true', 't', 'yes', 'y', '1', 'on', 'x', 'ja', 'j', 'wahr', 'oui', 'vrai', 'si', 'sí', 'sì', 'sim', 'да'
        ) then true
        when lower(trim({{ text }})) in (
            'false', 'f', 'no', 'n', '0', 'off', 'nein', 'falsch', 'non', 'faux', 'não', 'нет'
        ) then false
    end
{%- endmacro %}

{#- The value of a column, of its contract's type; null where the text is none. -#}
{% macro typed_as(column, data_type, words) -%}
    {% if data_type == 'timestamp' -%}
        {{ utc_timestamp(column) }}
    {%- elif data_type == 'date' -%}
        try_cast({{ column }} as date)
    {%- elif data_type.startswith('decimal') -%}
        try_cast({{ column }} as {{ data_type }})
    {%- elif data_type == 'double' -%}
        try_cast({{ column }} as double)
    {%- elif data_type in ('bigint', 'integer') -%}
        try_cast({{ whole_number(column) }} as {{ data_type }})
    {%- elif data_type == 'boolean' -%}
        {{ yes_or_no(column) }}
    {%- elif data_type == 'string[]' -%}
        {{ cut_texts(list_said(column)) }}
    {%- elif words -%}
        case when {{ clean_text('lower(' ~ column ~ ')') }} in ({{ sql_texts(words) }}) then lower(trim({{ column }})) end
    {%- else -%}
        {{ clean_text(column) }}
    {%- endif %}
{%- endmacro %}

{#- What an expression is, or null where it cannot be worked out; DuckDB tries no window, but casts within it. -#}
{% macro worked_out(sql) -%}
    {% if modules.re.search('(?i)\\bover\\s+whole\\b', modules.re.sub("'[^']*'", '', sql)) -%}
        {{ modules.re.sub('(?i)\\bcast\\s*\\(', 'try_cast(', sql) }}
    {%- else -%}
        try({{ sql }})
    {%- endif %}
{%- endmacro %}

{#-
    When what a row says was so at the latest: when its file was last changed, else the night that brought it. An older
    file that arrives late says nothing new.
-#}
{% macro said_at(mapping) -%}
    {% if mapping.kind == 'files' -%}
        least(cast(load_date as timestamp), reads.read_modified_at)
    {%- else -%}
        cast(load_date as timestamp)
    {%- endif %}
{%- endmacro %}

{#- The rows of one table of a declared source that a mapping takes, each column a text. -#}
{% macro mapped_rows(mapping, columns) -%}
    {% set keys = [] %}
    {% for each in mapping.key %}{% do keys.append('landed."' ~ each | replace('"', '""') ~ '"') %}{% endfor %}
    select
        {{ sql_text(mapping.source) }} as source,
        {{ sql_text(mapping_name(mapping)) }} as landed_stream,
        {% for column, said in columns.items() %}
        {{ said_by(mapping, column, said.data_type) }} as {{ column }},
        {% endfor %}
        landed_table,
        landed_key,
        landed_file,
        landed_line,
        item_number,
        said_at,
        load_id,
        load_date,
        is_new_load,
        row_hash,
        raw
    from (
        select
            {% for column, said in columns.items() if column in mapping.columns and said.data_type == 'timestamp' %}
            {{ clock_said('said_' ~ column, mapping) }} as clock_{{ column }},
            {% endfor %}
            *
        from (
        select
            {% for column, said in columns.items() if column in mapping.columns %}
            {% if said.data_type == 'string[]' %}
            {% set sql = worked_out(mapping.columns[column]) %}
            case
                when typeof({{ sql }}) like '%[]' then cast(to_json({{ sql }}) as string)
                else cast({{ sql }} as string)
            end as said_{{ column }},
            {% else %}
            cast({{ worked_out(mapping.columns[column]) }} as string) as said_{{ column }},
            {% endif %}
            {% if is_number(said.data_type) %}
            typeof({{ worked_out(mapping.columns[column]) }}) <> 'VARCHAR' as is_number_{{ column }},
            {% endif %}
            {% endfor %}
            {{ sql_text(mapping.table) }} as landed_table,
            {% if keys | length == 1 %}
            {{ keys[0] }} as landed_key,
            {% elif keys %}
            cast(to_json([{{ keys | join(', ') }}]) as string) as landed_key,
            {% else %}
            cast(null as string) as landed_key,
            {% endif %}
            _file as landed_file,
            try_cast(_line as bigint) as landed_line,
            {{ said_at(mapping) }} as said_at,
            load_id,
            load_date,
            is_new_load,
            {% if mapping.each %}
            item_number,
            {{ digest_number("row_hash || ':' || item_number") }} as row_hash,
            {% else %}
            cast(null as bigint) as item_number,
            row_hash,
            {% endif %}
            cast(to_json(raw) as string) as raw
        from (
            {% if mapping.each %}
            {{ items_in(mapping, landed(mapping.source, mapping.table)) }}
            {% else %}
            {{ landed(mapping.source, mapping.table) }}
            {% endif %}
        ) as landed
        {% if mapping.kind == 'files' %}
        left join (
            select
                file as read_file,
                cast(load_date as date) as read_date,
                -- some tools write the zero of a clock
                max({{ plausible_time('modified_at') }}) as read_modified_at
            from ({{ landed(mapping.source, 'files_read') }}) as files
            where stream = {{ sql_text(mapping.table) }}
            group by file, cast(load_date as date)
        ) as reads
            on landed._file = reads.read_file and landed.load_date = reads.read_date
        {% endif %}
        {% if mapping.where %}
        where try({{ mapping.where }})
        {% endif %}
        {% if mapping.whole_by %}
        -- the rows that belong together, as one file of one load brought them
        window
            whole as (
                partition by
                    load_id,
                    _file,
                    {% for each in mapping.whole_by %}
                    "{{ each | replace('"', '""') }}"{{ ',' if not loop.last }}
                    {% endfor %}
            )
        {% endif %}
        ) as texts
    ) as said
{%- endmacro %}

{#- The items of a row's list. What is there and is no list is one item that says nothing, so that its row is seen. -#}
{% macro list_of_items(mapping) -%}
    case
        when nullif(trim(cast({{ worked_out(mapping.each) }} as string)), '') is null then null
        else coalesce(try_cast(try_cast({{ worked_out(mapping.each) }} as json) as json[]), [cast(null as json)])
    end
{%- endmacro %}

{#- How many items a row's list has; a row without one has none. -#}
{% macro items_of(mapping) -%}
    coalesce(len({{ list_of_items(mapping) }}), 0)
{%- endmacro %}

{#- Rows, each as often as its list has items: `item` (JSON) and `item_number`, from 1. -#}
{% macro items_in(mapping, rows) -%}
    select
        columns(lambda name: lower(name) not in ('item', 'item_number', '_items')),
        _number as item_number,
        list_extract(_items, _number) as item
    from (
        select
            *,
            unnest(generate_series(1, len(_items))) as _number
        from (
            select
                *,
                {{ list_of_items(mapping) }} as _items
            from ({{ rows }}) as whole
        ) as listed
    ) as numbered
{%- endmacro %}

{#- The mapping that a stream of a declared source is, if it is one. -#}
{% macro mapping_of(source_name, stream) -%}
    {% set found = [] %}
    {% for mapping in var('mapped_sources') if mapping.source == source_name and mapping_name(mapping) == stream %}
        {% do found.append(mapping) %}
    {% endfor %}
    {{ return(found[0] if found else none) }}
{%- endmacro %}

{#-
    All rows that declared sources bring of a stream, typed by its contract: each landed row with why it is in quarantine,
    whether the night sees it, its rank among the versions of its key, and whether its record is gone.

    What else has to be known of a stream stands in its contract's `meta`: `key`; `seen_at`, the column whose time decides
    whether the night sees a row; `defaults`, what a column is where its mapping says nothing.

    - `key`: the columns that tell records apart within a source, where they are others than the contract's
    - `faults`: further reasons for quarantine, as (condition, words)
    - `optional`: columns that the contract requires and that are found out beyond
    - `words`: more of them than the contract has, by column
-#}
{% macro mapped(stream, key=none, faults=[], optional=[], words={}) -%}
    {% if execute %}
    {% set said_of_stream = graph.nodes['model.rapport.canonical_' ~ stream].config.meta %}
    {% set key = key or said_of_stream.key | reject('in', ['source', 'line_number']) | list %}
    {% set seen_at = said_of_stream.get('seen_at') %}
    {% set defaults = said_of_stream.get('defaults', {}) %}
    {% set columns = columns_to_map(stream) %}
    {% for column in optional %}{% do columns[column].update({'required': false}) %}{% endfor %}
    {% for column, more in words.items() %}{% do columns[column].update({'words': columns[column].words + more}) %}{% endfor %}
    {% set mappings = mappings_onto(stream) %}
    {#- a field of a person's record that nobody can read is its own loss -#}
    {% set of_persons = ['contacts', 'preferences'] %}
    {% set changed_at = 'updated_at' if 'updated_at' in columns else seen_at %}
with

said as (

    {% for mapping in mappings %}
    {{ mapped_rows(mapping, columns) }}
    union all
    {% endfor %}
    select
        cast(null as string) as source,
        cast(null as string) as landed_stream,
        {% for column in columns %}
        cast(null as string) as {{ column }},
        {% endfor %}
        cast(null as string) as landed_table,
        cast(null as string) as landed_key,
        cast(null as string) as landed_file,
        cast(null as bigint) as landed_line,
        cast(null as bigint) as item_number,
        cast(null as timestamp) as said_at,
        cast(null as string) as load_id,
        cast(null as date) as load_date,
        cast(null as boolean) as is_new_load,
        cast(null as bigint) as row_hash,
        cast(null as string) as raw
    where false

),

typed as (

    select
        source,
        landed_stream,
        {% for column, said in columns.items() %}
        {{ typed_as('said.' ~ column, said.data_type, said.words) }} as {{ column }},
        nullif(trim(said.{{ column }}), '') as said_{{ column }},
        {% endfor %}
        landed_table,
        landed_key,
        landed_file,
        landed_line,
        coalesce(item_number, 0) as item_number,
        said_at,
        load_id,
        load_date,
        is_new_load,
        row_hash,
        raw
    from said

),

filled as (

    select
        * exclude ({{ columns | join(', ') }}),
        {% for column in columns %}
        typed.{{ column }} as read_{{ column }},
        {% endfor %}
        {% for column, said in columns.items() %}
        {% if column in defaults %}
        cast(
            {% if stream in of_persons and column == 'updated_at' %}
            -- a time that cannot be would freeze the record for good
            case
                when typed.updated_at < cast(typed.load_date as timestamp) + interval 2 day then typed.updated_at
                else typed.said_at
            end
            {% elif stream in of_persons %}
            coalesce(typed.{{ column }}, {{ defaults[column] }})
            {% else %}
            case when typed.said_{{ column }} is null then {{ defaults[column] }} else typed.{{ column }} end
            {% endif %}
            as {{ said.data_type }}
        ) as {{ column }}{{ ',' if not loop.last }}
        {% else %}
        cast(typed.{{ column }} as {{ said.data_type }}) as {{ column }}{{ ',' if not loop.last }}
        {% endif %}
        {% endfor %}
    from typed

),

checked as (

    select
        * exclude (raw, {% for column in columns %}said_{{ column }}, read_{{ column }}{{ ', ' if not loop.last }}{% endfor %}),
        coalesce(landed_key, landed_file || ':' || landed_line, load_id || ':' || row_hash)
        || case when item_number > 0 then ':' || item_number else '' end as record_key,
        {{ 'coalesce(' ~ seen_at ~ ' < ' ~ cutoff() ~ ', true)' if seen_at else 'true' }} as is_seen,
        case
            {% for column, said in columns.items() if said.required %}
            when {{ column }} is null and said_{{ column }} is null then '{{ column }} is missing'
            when {{ column }} is null
                then '{{ column }} is {{ 'none of its words' if said.words else 'not a ' ~ kind_of(said.data_type) }}'
            {% if said.data_type == 'timestamp' %}
            when {{ is_implausible(column) }} then '{{ column }} is implausibly early'
            {% endif %}
            {% endfor %}
            {% for condition, words in faults %}
            when {{ condition }} then {{ sql_text(words) }}
            {% endfor %}
        end as quarantine_reason,
        quarantine_reason is not null as is_quarantined,
        list_filter(
            [
                {% for column, said in columns.items() if not said.required or (stream in of_persons and column in defaults) %}
                case when read_{{ column }} is null and said_{{ column }} is not null then '{{ column }}' end,
                {% endfor %}
                cast(null as string)
            ],
            lambda field: field is not null
        ) as unreadable_fields,
        case when is_quarantined or len(unreadable_fields) > 0 then raw end as payload
    from filled

),

ranked as (

    select
        *,
        {{ version_rank(['source'] + key, changed_at=changed_at, prefer='landed_file desc nulls last, landed_line desc nulls last, item_number') }} as version_rank,
        {{ first_and_last_load_date(['source'] + key) }},
        max(load_id) over (partition by {{ (['source'] + key) | join(', ') }}, is_quarantined) as last_load_id
    from checked

)

select
    ranked.*,
    -- a later pull, of the same night too, brings it back
    coalesce(removals.load_id > ranked.last_load_id, false) as is_removed,
    removals.noticed_date as removed_date
from ranked
left join {{ ref('base_sources__removals') }} as removals
    on
        ranked.source = removals.source
        and not removals.is_quarantined
        and removals.version_rank = 1
        and ranked.landed_table = removals.object_type
        and ranked.landed_key = removals.record_id
    {% else %}
select * from {{ ref('base_sources__removals') }}
    {% endif %}
{%- endmacro %}

{#- What a type is called where a text is none. -#}
{% macro kind_of(data_type) -%}
    {{ return({
        'timestamp': 'time', 'date': 'day', 'boolean': 'yes or no', 'string': 'text', 'string[]': 'list',
    }.get(data_type, 'number')) }}
{%- endmacro %}

{#- Models that read what `streams` names know what they read before anything is declared. -#}
{% macro depends_on_mapped() -%}
    {% for stream in mapped_streams() %}
    -- depends_on: {{ ref('base_mapped__' ~ stream) }}
    {% endfor %}
{%- endmacro %}
