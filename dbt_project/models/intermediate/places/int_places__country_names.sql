{{ config(materialized='table') }}

-- A spelling that means one country in English, or as a code, and another in some other language
-- means the first; one that is left to two countries means neither.
with

spellings as (

    select
        {{ country_key('spelling') }} as spelling_key,
        country_code,
        is_first
    from {{ ref('int_places__country_spellings') }}
    union all
    select
        {{ country_key('spelling') }} as spelling_key,
        country_code,
        true as is_first
    from {{ ref('country_spellings') }}

),

preferred as (

    select
        spelling_key,
        country_code
    from spellings
    where spelling_key is not null
    qualify is_first = bool_or(is_first) over (partition by spelling_key)

)

select
    spelling_key,
    min(country_code) as country_code
from preferred
group by spelling_key
having count(distinct country_code) = 1
