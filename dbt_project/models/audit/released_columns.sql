{#- A row is held against what identifies those whom it is about, and not everybody, as somebody is
    always called like a thing. -#}
{% set holders = ['customer_id', 'owner_id', 'company_id'] %}

with

identifiers as (

    select * from {{ ref('int_identity__identifiers') }}

),

-- every column in one look at its table
scanned as (

    {% for table in released_tables() %}
    {% if not loop.first %}
    union all
    {% endif %}
    select
        '{{ table }}' as table_name,
        unnest([
            {% for name, form, most in columns_of(table) %}
            {{ scan_of_column(name, form, most) }}{{ ',' if not loop.last }}
            {% endfor %}
        ], recursive := true)
    from {{ ref(table) }}
    {% endfor %}

),

-- Rows that have something of whom they are about, few on a good night; and which of their columns
-- has it.
own as (

    select
        cast(null as string) as table_name,
        cast(null as string) as column_name,
        cast(null as boolean) as is_sure,
        cast(null as bigint) as holder_count,
        cast(null as bigint) as row_count
    where false
    {% for table in released_tables() %}
    {% set columns = columns_of(table) %}
    {% for holder in holders if holder in columns | map(attribute=0) %}
    {% set texts = texts_of(table) | rejectattr(0, 'equalto', holder) | list %}
    {% if texts %}
    union all
    select
        '{{ table }}' as table_name,
        column_name,
        is_sure,
        count(distinct holder_id) as holder_count,
        count(*) as row_count
    from (
        select
            told.holder_id,
            identifiers.identifier,
            identifiers.words,
            identifiers.is_sure,
            unnest([
                {% for name, form, _ in texts %}
                {{ said_in_column(name, form) }}{{ ',' if not loop.last }}
                {% endfor %}
            ], recursive := true)
        from (
            select
                *,
                {{ holder }} as holder_id,
                {{ compared_text(texts_in_one(texts)) }} as row_text
            from {{ ref(table) }}
            where {{ holder }} is not null
        ) as told
        inner join identifiers
            on told.holder_id = identifiers.holder_id and identifiers.holder_kind = '{{ holder }}'
        where contains(told.row_text, identifiers.needle)
    ) as found
    where
        case
            when is_sure then contains({{ spaced_words('said') }}, words)
            else contains(chr(31) || said || chr(31), chr(31) || identifier || chr(31))
        end
    group by column_name, is_sure
    {% endif %}
    {% endfor %}
    {% endfor %}

),

-- Of nobody in particular: what stands there is held against what identifies anybody.
anonymous as (

    select
        cast(null as string) as table_name,
        cast(null as string) as column_name,
        cast(null as string) as said
    where false
    {% for table in released_tables() %}
    {% set columns = columns_of(table) %}
    {% set texts = texts_of(table) %}
    {% if texts and not holders | select('in', columns | map(attribute=0) | list) | list %}
    union all
    select
        '{{ table }}' as table_name,
        column_name,
        unnest(string_split(said, chr(31))) as said
    from (
        select
            unnest([
                {% for name, form, _ in texts %}
                {{ said_in_column(name, form) }}{{ ',' if not loop.last }}
                {% endfor %}
            ], recursive := true)
        from {{ ref(table) }}
    ) as texts
    group by column_name, said
    {% endif %}
    {% endfor %}

),

anonymous_named as (

    select
        anonymous.table_name,
        anonymous.column_name,
        count(distinct anonymous.said) filter (
            where identifiers.is_sure and identifiers.kind <> 'name'
        ) as sure_count,
        count(distinct anonymous.said) filter (where identifiers.kind = 'name') as name_count,
        count(distinct anonymous.said) as said_count
    from anonymous
    left join identifiers on anonymous.said = identifiers.identifier
    group by anonymous.table_name, anonymous.column_name

),

-- A bare digest is looked for by its length, whoever's it is. Ids of people are read where they are
-- given.
digested as (

    select
        cast(null as string) as table_name,
        cast(null as string) as column_name,
        cast(null as string) as said
    where false
    {% for table in released_tables() %}
    {% set is_of_ids = table.startswith('dim_') %}
    {% set texts = texts_of(table) | selectattr(1, 'equalto', 'text') | list %}
    {% for name, form, _ in texts if is_of_ids or name not in holders %}
    union all
    select
        '{{ table }}' as table_name,
        '{{ name }}' as column_name,
        {{ name }} as said
    from {{ ref(table) }}
    where strlen({{ name }}) in (32, 40, 64)
    {% endfor %}
    {% endfor %}

),

digests as (

    select
        digested.table_name,
        digested.column_name,
        count(distinct digested.said) as digest_count
    from digested
    inner join identifiers on lower(digested.said) = identifiers.identifier
    where identifiers.kind = 'digest'
    group by digested.table_name, digested.column_name

),

named as (

    select
        table_name,
        column_name,
        sum(holder_count) filter (where is_sure) as sure_count,
        max(holder_count) filter (where not is_sure) as perhaps_count,
        max(row_count) filter (where not is_sure) as perhaps_row_count
    from own
    group by table_name, column_name

)

select
    scanned.table_name || '.' || scanned.column_name as released_column,
    scanned.column_name,
    scanned.identifier_count,
    coalesce(named.sure_count, 0)
    + coalesce(anonymous_named.sure_count, 0)
    + coalesce(digests.digest_count, 0)
    -- some are called like a thing; a column of names has one in every row
    + case
        when named.perhaps_count >= 3 and named.perhaps_row_count >= scanned.told_count / 10e0
            then named.perhaps_count
        else 0
    end
    + case
        when
            anonymous_named.name_count >= 3
            and anonymous_named.name_count >= anonymous_named.said_count / 2e0
            and scanned.table_name not in ({{ sql_texts(vocabularies()) }})
            then anonymous_named.name_count
        else 0
    end as named_count,
    scanned.most_characters,
    scanned.overlong_count
from scanned
left join named
    on scanned.table_name = named.table_name and scanned.column_name = named.column_name
left join anonymous_named
    on
        scanned.table_name = anonymous_named.table_name
        and scanned.column_name = anonymous_named.column_name
left join digests
    on scanned.table_name = digests.table_name and scanned.column_name = digests.column_name
