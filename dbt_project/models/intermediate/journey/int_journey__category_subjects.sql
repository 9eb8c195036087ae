with

-- A term that would name many (`food`) names none.
named_categories as (

    select
        term,
        product_category,
        category_count
    from {{ ref('int_journey__category_terms') }}
    where category_count <= {{ var('need_most_named_categories') }}

),

-- A page is found by its product or by a term.
meanings as (

    select
        ways.named_by,
        catalogue.product_id as named,
        catalogue.product_category,
        1 as category_count
    from {{ ref('int_journey__need_catalogue') }} as catalogue
    cross join (values ('product'), ('link')) as ways (named_by)
    union all
    select
        ways.named_by,
        named_categories.term as named,
        named_categories.product_category,
        named_categories.category_count
    from named_categories
    cross join (values ('category'), ('search'), ('link')) as ways (named_by)

)

select
    'event' as subject_kind,
    named.touchpoint_id as subject_id,
    named.named_by,
    meanings.product_category,
    meanings.category_count
from {{ ref('int_journey__named') }} as named
inner join meanings
    on named.named_by = meanings.named_by and named.named = meanings.named
union all
select
    'ticket' as subject_kind,
    tickets.ticket_id as subject_id,
    'category' as named_by,
    named_categories.product_category,
    named_categories.category_count
from {{ ref('fct_tickets') }} as tickets
inner join named_categories on tickets.category = named_categories.term
union all
-- A campaign is about what its coupons are for, and what its topic names.
select
    'campaign' as subject_kind,
    campaign_id as subject_id,
    'coupon' as named_by,
    product_category,
    category_count
from {{ ref('int_journey__offered_categories') }}
union all
select
    'campaign' as subject_kind,
    campaigns.campaign_id as subject_id,
    'topic' as named_by,
    named_categories.product_category,
    named_categories.category_count
from {{ ref('dim_campaigns') }} as campaigns
inner join named_categories on campaigns.topic = named_categories.term
