{#-
    Whose a deal or ticket is: its oldest contact's customer and its oldest company, and how many
    customers there are. One row per record that is tied to anybody.
-#}
{% macro parties_of(records, id) -%}
    {%- set age = record({
        'created_at': 'coalesce(created_at, cast(' ~ endless() ~ ' as timestamp))',
        'other_id': 'other_id',
    }) %}
    select
        record_id,
        min_by(customer_id, {{ age }}) filter (where customer_id is not null) as customer_id,
        count(distinct customer_id) as customer_count,
        min_by(company_id, {{ age }}) filter (where company_id is not null) as company_id
    from (
        select
            tied.record_id,
            contacts.contact_id as other_id,
            contacts.created_at,
            contact_map.customer_id,
            cast(null as string) as company_id
        from (
            select
                source,
                {{ id }} as record_id,
                {{ unnested('contact_ids') }} as contact_id
            from {{ records }}
        ) as tied
        inner join {{ ref('canonical_contacts') }} as contacts
            on
                tied.source = contacts.source
                and tied.contact_id = contacts.contact_id
                and contacts.is_current
        inner join {{ ref('int_identity__contact_map') }} as contact_map
            on
                tied.source = contact_map.source
                and tied.contact_id = contact_map.source_record_id
        union all
        select
            tied.record_id,
            companies.company_id as other_id,
            companies.created_at,
            cast(null as string) as customer_id,
            companies.company_id
        from (
            select
                {{ id }} as record_id,
                {{ unnested('company_ids') }} as company_id
            from {{ records }}
        ) as tied
        inner join {{ ref('canonical_companies') }} as companies
            on tied.company_id = companies.company_id
    ) as parties
    group by record_id
{%- endmacro %}

{#- The CRM's history of a stage (JSON) as the contract has it; null where it has none. -#}
{% macro stage_changes(stage_history) -%}
    {%- set told = json_records(stage_history, ['value', 'timestamp']) -%}
    case
        when {{ size_of(told) }} > 0
            then
                {{ each_of(
                    told,
                    'change',
                    record({'stage': clean_text('change.value'), 'entered_at': utc_timestamp('change.timestamp')})
                ) }}
    end
{%- endmacro %}

{#-
    Which stages a record of a declared source was seen in, version by version, newest first: in the first it was since it
    was opened, in another since that was said.
-#}
{% macro stages_seen(records, id, stage) -%}
    select
        source,
        {{ id }},
        {{ collected(record_of(['stage', 'entered_at']), order_by='newness') }} as stage_history
    from (
        select
            source,
            {{ id }},
            stage,
            entered_at,
            row_number() over (
                partition by source, {{ id }}
                order by entered_at desc nulls last, version_number desc nulls last
            ) as newness
        from (
            select
                source,
                {{ id }},
                {{ stage }} as stage,
                case when version_number = 1 then opened_at else updated_at end as entered_at,
                version_number,
                lag({{ stage }}) over (
                    partition by source, {{ id }} order by version_number nulls last
                ) as stage_before
            from (
                select
                    *,
                    row_number() over (
                        partition by source, {{ id }}
                        order by
                            updated_at nulls last,
                            load_date nulls last,
                            load_id nulls last,
                            version_rank desc nulls last
                    ) as version_number
                from {{ records }}
                where not is_quarantined and is_seen
            ) as versions
        ) as seen
        where stage is not null and stage is distinct from stage_before
    ) as changes
    group by source, {{ id }}
{%- endmacro %}

{#-
    Stay by stay through a pipeline, from the history of the stage, newest first. A change that the
    night cannot have seen is left out, one to the same stage is none. A record without history is in
    its stage since it was opened.
-#}
{% macro stage_visits(records, id, stage) -%}
    select
        record_id,
        stage,
        entered_at,
        cast(row_number() over each_record as bigint) as visit_number,
        lead(entered_at) over each_record as left_at,
        lead(stage) over each_record as next_stage
    from (
        select
            record_id,
            stage,
            entered_at,
            place
        from (
            select
                record_id,
                -place as place,
                {{ item_at('changes', 'place') }}.stage as stage,
                {{ item_at('changes', 'place') }}.entered_at as entered_at
            from (
                select
                    record_id,
                    changes,
                    {{ series_of_numbers(1, size_of('changes')) }} as place
                from (
                    select
                        {{ id }} as record_id,
                        coalesce(
                            stage_history, {{ list_of([record({'stage': stage, 'entered_at': 'opened_at'})]) }}
                        ) as changes
                    from {{ records }}
                ) as opened
            ) as placed
        ) as told
        where stage is not null and entered_at < {{ cutoff() }}
        qualify
            stage is distinct from lag(stage) over (
                partition by record_id order by entered_at nulls last, place nulls last
            )
    ) as visited
    window each_record as (partition by record_id order by entered_at nulls last, place nulls last)
{%- endmacro %}
