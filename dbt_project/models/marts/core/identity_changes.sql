with

states as (

    select
        record_number,
        anchor_number,
        valid_from,
        lag(anchor_number) over (
            partition by record_number
            order by valid_from
        ) as former_anchor_number
    from {{ ref('int_identity__components') }}

),

-- What began or ended that night, seen from either end.
causes as (

    select
        unnest([record_number_a, record_number_b]) as record_number,
        valid_from as change_date,
        rule
    from {{ ref('int_identity__links') }}
    union all
    select
        unnest([record_number_a, record_number_b]) as record_number,
        valid_to as change_date,
        rule
    from {{ ref('int_identity__links') }}
    where valid_to is not null
    union all
    select
        record_number,
        valid_from as change_date,
        'override' as rule
    from {{ ref('int_identity__holdings') }}
    where rule = 'apart'

),

-- A record that joins a customer when it is first seen changes nobody; an anchor that is first
-- seen is a new customer.
moves as (

    select
        states.valid_from as change_date,
        states.anchor_number,
        states.former_anchor_number,
        case
            when states.former_anchor_number is null then 'created'
            when bool_or(states.record_number = states.former_anchor_number) then 'merged'
            when bool_or(states.record_number = states.anchor_number) then 'split'
            else 'moved'
        end as change,
        count(distinct states.record_number) as record_count,
        min_by(causes.rule, {{ rule_strength('causes.rule') }}) as rule
    from states
    left join causes
        on
            states.former_anchor_number is not null
            and states.record_number = causes.record_number
            and states.valid_from = causes.change_date
    where
        states.former_anchor_number is not null
        or states.record_number = states.anchor_number
    group by
        states.valid_from,
        states.anchor_number,
        states.former_anchor_number

)

select
    moves.change_date,
    moves.change,
    {{ customer_id_of('anchors') }} as customer_id,
    {{ customer_id_of('former_anchors') }} as other_customer_id,
    moves.rule,
    cast(moves.record_count as bigint) as record_count
from moves
inner join {{ ref('int_identity__contacts') }} as anchors
    on moves.anchor_number = anchors.record_number
left join {{ ref('int_identity__contacts') }} as former_anchors
    on moves.former_anchor_number = former_anchors.record_number
