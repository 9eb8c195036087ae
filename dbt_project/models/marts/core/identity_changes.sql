with

states as (

    select
        record_number,
        anchor_number,
        valid_from,
        lag(anchor_number) over (
            partition by record_number
            order by valid_from nulls last
        ) as former_anchor_number
    from {{ ref('int_identity__components') }}

),

-- What began or ended that night, seen from either end.
causes as (

    {% for night in ['valid_from', 'valid_to'] %}
    {% for end in ['record_number_a', 'record_number_b'] %}
    select
        {{ end }} as record_number,
        {{ night }} as change_date,
        rule
    from {{ ref('int_identity__links') }}
    where {{ night }} is not null
    union all
    {% endfor %}
    {% endfor %}
    select
        record_number,
        valid_from as change_date,
        'override' as rule
    from {{ ref('int_identity__holdings') }}
    where rule = 'apart'

),

gone_over as (

    select * from states
    where former_anchor_number is not null

),

moves as (

    select
        gone_over.valid_from as change_date,
        gone_over.anchor_number,
        gone_over.former_anchor_number,
        case
            when bool_or(gone_over.record_number = gone_over.former_anchor_number) then 'merged'
            when bool_or(gone_over.record_number = gone_over.anchor_number) then 'split'
            else 'moved'
        end as change,
        min_by(causes.rule, {{ rule_strength('causes.rule') }}) filter (
            where causes.rule is not null
        ) as rule,
        count(distinct gone_over.record_number) as record_count
    from gone_over
    left join causes
        on
            gone_over.record_number = causes.record_number
            and gone_over.valid_from = causes.change_date
    group by
        gone_over.valid_from,
        gone_over.anchor_number,
        gone_over.former_anchor_number

),

-- A record that joins a customer when it is first seen changes nobody. An anchor that is first
-- seen is a new customer.
changes as (

    select * from moves
    union all
    select
        valid_from as change_date,
        anchor_number,
        cast(null as bigint) as former_anchor_number,
        'created' as change,
        cast(null as string) as rule,
        1 as record_count
    from states
    where former_anchor_number is null and record_number = anchor_number

)

select
    changes.change_date,
    changes.change,
    {{ customer_id_of('anchors') }} as customer_id,
    {{ customer_id_of('former_anchors') }} as other_customer_id,
    changes.rule,
    cast(changes.record_count as bigint) as record_count
from changes
inner join {{ ref('int_identity__contacts') }} as anchors
    on changes.anchor_number = anchors.record_number
left join {{ ref('int_identity__contacts') }} as former_anchors
    on changes.former_anchor_number = former_anchors.record_number
