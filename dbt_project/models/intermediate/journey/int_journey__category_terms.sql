{{ config(materialized='table') }}

-- A term names a category if all words of the one are among those of the other.
with

categories as (

    select distinct product_category from {{ ref('int_journey__need_catalogue') }}

),

terms as (

    select named as term from {{ ref('int_journey__named') }}
    where named_by <> 'product'
    union
    select category as term from {{ ref('fct_tickets') }}
    union
    select topic as term from {{ ref('dim_campaigns') }}
    union
    select topic as term from {{ ref('int_journey__refused_topics') }}

),

term_words as (

    select distinct
        term,
        {{ word_stem('word') }} as word
    from (
        select
            term,
            {{ unnested(words_of('term')) }} as word
        from terms
    ) as words
    where word is not null

),

category_words as (

    select distinct
        product_category,
        {{ word_stem('word') }} as word
    from (
        select
            product_category,
            {{ unnested(words_of('product_category')) }} as word
        from categories
    ) as words
    where word is not null

),

of_terms as (

    select
        term,
        count(*) as word_count
    from term_words
    group by term

),

of_categories as (

    select
        product_category,
        count(*) as word_count
    from category_words
    group by product_category

),

shared_words as (

    select
        term_words.term,
        category_words.product_category,
        count(*) as word_count
    from term_words
    inner join category_words on term_words.word = category_words.word
    group by term_words.term, category_words.product_category

)

select
    shared_words.term,
    shared_words.product_category,
    count(*) over (partition by shared_words.term) as category_count
from shared_words
inner join of_terms on shared_words.term = of_terms.term
inner join of_categories on shared_words.product_category = of_categories.product_category
where shared_words.word_count in (of_terms.word_count, of_categories.word_count)
