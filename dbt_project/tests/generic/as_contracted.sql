{#-
    All that the contract of a stream says of its rows: what may not be null, which words there are, that
    the key is one. In one look at the rows, as a test costs a night more than a comparison.
-#}
{% test as_contracted(model) %}
    {#- when it is parsed nobody knows the columns yet #}
    {%- set stream = graph.get('nodes', {}).get('model.rapport.' ~ model.identifier, {'columns': {}}) %}
    {%- set meta = stream.get('config', {}).get('meta', {}) %}
    {%- set broken = {'never': 'false'} %}
    {%- for column in stream.columns.values() %}
        {%- set said = column.config.meta %}
        {%- if said.required %}
            {%- do broken.update({column.name ~ ' is null': column.name ~ ' is null'}) %}
        {%- endif %}
        {%- if said.words %}
            {%- do broken.update({
                column.name ~ ' is none of its words':
                    column.name ~ ' not in (' ~ sql_texts(said.words) ~ ')',
            }) %}
        {%- endif %}
    {%- endfor %}
    select
        broken.promise,
        broken.row_count
    from (
        select
            unnest([{{ sql_texts(broken) }}]) as promise,
            unnest([
                {% for condition in broken.values() %}
                count(*) filter (where {{ condition }}){{ ',' if not loop.last }}
                {% endfor %}
            ]) as row_count
        from {{ model }}
        {% if meta.key %}
        union all
        select
            {{ sql_text(meta.key | join(', ') ~ ' is not unique') }} as promise,
            count(*) as row_count
        from (
            select 1 as is_twice
            from {{ model }}
            where {{ meta.key_where or 'true' }}
            group by {{ meta.key | join(', ') }}
            having count(*) > 1
        ) as repeated
        {% endif %}
    ) as broken
    where broken.row_count > 0
{% endtest %}
