with

identifiers as (

    select * from {{ ref('int_identity__identifiers') }}

),

released as (

    select
        columns.table_name,
        columns.column_name,
        case
            when columns.data_type like '%VARCHAR%'
                then coalesce(allowances.most_characters, {{ most_characters() }})
        end as most_characters
    from information_schema.columns as columns
    left join (
        values
        {% for table in released_tables() %}
        {% for column, _, most in texts_of(table) if most != most_characters() %}
        ('{{ table }}', '{{ column }}', {{ most }}),
        {% endfor %}
        {% endfor %}
        (null, null, null)
    ) as allowances (table_name, column_name, most_characters)
        on
            columns.table_name = allowances.table_name
            and columns.column_name = allowances.column_name
    where columns.table_name in ({{ sql_texts(released_tables()) }})

),

read_through as (

    select
        table_name,
        column_name,
        count(*) as told_count,
        count(*) filter (where {{ looks_like_an_identifier('said') }}) as identifier_count
    from {{ ref('released_texts') }}
    group by table_name, column_name

),

overlong as (

    select
        texts.table_name,
        texts.column_name,
        count(*) as overlong_count
    from {{ ref('released_texts') }} as texts
    inner join released
        on
            texts.table_name = released.table_name
            and texts.column_name = released.column_name
    where
        -- what is no longer has no longer members
        length(texts.said) > {{ most_characters() }}
        and {{ size_of(
            those_of(members('texts.said'), 'member', 'length(member) > released.most_characters')
        ) }} > 0
    group by texts.table_name, texts.column_name

),

-- What tells beyond doubt, anywhere in a text. It has six characters or more, and not only letters
-- and digits.
told_within as (

    select
        about.table_name,
        about.column_name,
        count(distinct about.holder_kind || about.holder_id) as holder_count
    from (
        select
            table_name,
            column_name,
            holder_kind,
            holder_id,
            {{ compared_text('said') }} as said
        from {{ ref('released_holders') }}
        where length(said) >= 6 and {{ finds('said', '[^a-zA-Z0-9]') }}
    ) as about
    inner join identifiers
        on about.holder_kind = identifiers.holder_kind and about.holder_id = identifiers.holder_id
    where
        identifiers.is_sure
        and contains(about.said, identifiers.identifier)
        and contains({{ spaced_words('about.said') }}, identifiers.words)
    group by about.table_name, about.column_name

),

-- What may be a word, where it is all that a text or a member of a list says.
told_whole as (

    select
        about.table_name,
        about.column_name,
        count(distinct about.holder_kind || about.holder_id) as holder_count,
        count(*) as row_count
    from (
        select
            table_name,
            column_name,
            holder_kind,
            holder_id,
            {{ unnested(members(compared_text('said'))) }} as said
        from {{ ref('released_holders') }}
    ) as about
    inner join identifiers
        on
            about.holder_kind = identifiers.holder_kind
            and about.holder_id = identifiers.holder_id
            and about.said = identifiers.identifier
    where not identifiers.is_sure and identifiers.kind <> 'digest'
    group by about.table_name, about.column_name

),

-- Of nobody in particular: what stands there is held against what identifies anybody.
anonymous as (

    select distinct
        table_name,
        column_name,
        {{ unnested(members(compared_text('said'))) }} as said
    from {{ ref('released_texts') }}
    where customer_id is null and owner_id is null and company_id is null

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

-- A bare digest is looked for by its length, whoever's it is.
digests as (

    select
        texts.table_name,
        texts.column_name,
        count(distinct texts.said) as digest_count
    from {{ ref('released_texts') }} as texts
    inner join identifiers on lower(texts.said) = identifiers.identifier
    where length(texts.said) in (32, 40, 64) and identifiers.kind = 'digest'
    group by texts.table_name, texts.column_name

)

select
    released.table_name || '.' || released.column_name as released_column,
    released.column_name,
    coalesce(read_through.identifier_count, 0) as identifier_count,
    coalesce(told_within.holder_count, 0)
    + coalesce(anonymous_named.sure_count, 0)
    + coalesce(digests.digest_count, 0)
    -- some are called like a thing; a column of names has one in every row
    + case
        when told_whole.holder_count >= 3 and told_whole.row_count >= read_through.told_count / 10e0
            then told_whole.holder_count
        else 0
    end
    + case
        when
            anonymous_named.name_count >= 3
            and anonymous_named.name_count >= anonymous_named.said_count / 2e0
            and released.table_name not in ({{ sql_texts(vocabularies()) }})
            then anonymous_named.name_count
        else 0
    end as named_count,
    released.most_characters,
    coalesce(overlong.overlong_count, 0) as overlong_count
from released
left join read_through
    on
        released.table_name = read_through.table_name
        and released.column_name = read_through.column_name
left join overlong
    on
        released.table_name = overlong.table_name
        and released.column_name = overlong.column_name
left join told_within
    on
        released.table_name = told_within.table_name
        and released.column_name = told_within.column_name
left join told_whole
    on
        released.table_name = told_whole.table_name
        and released.column_name = told_whole.column_name
left join anonymous_named
    on
        released.table_name = anonymous_named.table_name
        and released.column_name = anonymous_named.column_name
left join digests
    on
        released.table_name = digests.table_name
        and released.column_name = digests.column_name
