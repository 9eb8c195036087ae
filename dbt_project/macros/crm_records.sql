{#-
    Whose a deal or ticket is: its oldest contact's customer and its oldest company, and how many
    customers there are. One row per record that is tied to anybody.
-#}
{% macro parties_of(object_type) -%}
    select
        record_id,
        min_by(customer_id, (created_at, other_id)) filter (
            where customer_id is not null
        ) as customer_id,
        count(distinct customer_id) as customer_count,
        min_by(company_id, (created_at, other_id)) filter (
            where company_id is not null
        ) as company_id
    from (
        select
            associations.from_id as record_id,
            contacts.contact_id as other_id,
            contacts.created_at,
            contact_map.customer_id,
            null as company_id
        from {{ ref('stg_hubspot__associations') }} as associations
        inner join {{ ref('stg_hubspot__contacts') }} as contacts
            on associations.to_id = contacts.contact_id
        inner join {{ ref('int_identity__contact_map') }} as contact_map
            on contacts.contact_id = contact_map.source_record_id and contact_map.source = 'hubspot'
        where associations.from_type = '{{ object_type }}' and associations.to_type = 'contacts'
        union all
        select
            associations.from_id as record_id,
            companies.company_id as other_id,
            companies.created_at,
            null as customer_id,
            companies.company_id
        from {{ ref('stg_hubspot__associations') }} as associations
        inner join {{ ref('stg_hubspot__companies') }} as companies
            on associations.to_id = companies.company_id
        where associations.from_type = '{{ object_type }}' and associations.to_type = 'companies'
    ) as parties
    group by record_id
{%- endmacro %}

{#-
    Stay by stay through a pipeline, from the CRM's history of the stage (JSON, newest first). A
    change that the night cannot have seen is left out, one to the same stage is none. A record
    without history is in its stage since it was opened.
-#}
{% macro stage_visits(records, id, stage) -%}
    select
        record_id,
        stage,
        entered_at,
        row_number() over each_record as visit_number,
        lead(entered_at) over each_record as left_at,
        lead(stage) over each_record as next_stage
    from (
        select
            record_id,
            {{ clean_text('change.value') }} as stage,
            {{ utc_timestamp('change.timestamp') }} as entered_at,
            place
        from (
            select
                {{ id }} as record_id,
                unnest(changes) as change,
                -generate_subscripts(changes, 1) as place
            from (
                select
                    {{ id }},
                    coalesce(
                        nullif(
                            from_json(
                                try_cast(stage_history as json),
                                '[{"value": "VARCHAR", "timestamp": "VARCHAR"}]'
                            ),
                            []
                        ),
                        [{'value': {{ stage }}, 'timestamp': cast(opened_at as varchar)}]
                    ) as changes
                from {{ records }}
            ) as opened
        ) as unnested
        where stage is not null and entered_at < {{ cutoff() }}
        qualify
            stage is distinct from lag(stage) over (
                partition by record_id order by entered_at, place
            )
    ) as visited
    window each_record as (partition by record_id order by entered_at, place)
{%- endmacro %}
