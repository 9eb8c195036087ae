-- What a customer typed into a search stays here, as a person's name is a term too: marts get the
-- category of the catalogue that it names.
with

events as (

    select
        source || ':' || event_id as touchpoint_id,
        product_id,
        categories,
        search_term,
        null as clicked_url
    from {{ ref('canonical_web_events') }}
    where coalesce(product_id, search_term) is not null or categories is not null
    union all
    select
        source || ':' || event_id as touchpoint_id,
        null as product_id,
        null as categories,
        null as search_term,
        clicked_url
    from {{ ref('canonical_message_events') }}
    where clicked_url is not null

),

linked as (

    select
        touchpoint_id,
        -- the last part of the path; what is asked for behind it may say who they are
        nullif(
            regexp_extract(clicked_url, '^[a-z]+://[^/?#]+/([^?#]*/)?([^/?#]+)/?([?#].*)?$', 2), ''
        ) as link_term
    from events
    where clicked_url is not null

),

category_terms as (

    select
        touchpoint_id,
        unnest(categories) as named
    from events

)

select
    touchpoint_id,
    'product' as named_by,
    product_id as named
from events
where product_id is not null
union all
select
    touchpoint_id,
    'category' as named_by,
    named
from category_terms
where named is not null
union all
select
    touchpoint_id,
    'search' as named_by,
    search_term as named
from events
where search_term is not null
union all
select
    touchpoint_id,
    'link' as named_by,
    link_term as named
from linked
where link_term is not null
