{% set last_part = '^[a-z]+://[^/?#]+/([^?#]*/)?([^/?#]+)/?([?#].*)?$' %}

-- What a customer typed into a search stays here, as a person's name is a term too: marts get the
-- category of the catalogue that it names.
with

linked as (

    select
        source || ':' || event_id as touchpoint_id,
        -- the last part of the path; what is asked for behind it may say who they are
        nullif({{ extracted('clicked_url', last_part, 2) }}, '') as named
    from {{ ref('canonical_message_events') }}
    where clicked_url is not null

),

categories as (

    select
        {{ web_touchpoint_id() }} as touchpoint_id,
        {{ unnested('categories') }} as named
    from {{ ref('canonical_web_events') }}
    union all
    -- what somebody speaks of in public; who speaks against it does not look for it
    select
        touchpoint_id,
        named
    from {{ ref('int_touchpoints__mentioned_topics') }}
    where not is_against

)

select
    {{ web_touchpoint_id() }} as touchpoint_id,
    'product' as named_by,
    product_id as named
from {{ ref('canonical_web_events') }}
where product_id is not null
union all
select
    touchpoint_id,
    'product' as named_by,
    product_id as named
from {{ ref('int_touchpoints__mentioned') }}
where product_id is not null and coalesce(try_cast(answer as double), 0e0) >= 0e0
union all
select
    touchpoint_id,
    'category' as named_by,
    named
from categories
where named is not null
union all
select
    {{ web_touchpoint_id() }} as touchpoint_id,
    'search' as named_by,
    search_term as named
from {{ ref('canonical_web_events') }}
where search_term is not null
union all
select
    touchpoint_id,
    'link' as named_by,
    named
from linked
where named is not null
