{{
    config(
        schema='intermediate',
        access='private',
        contract={'enforced': false},
    )
}}

{% for segment, said in var('segments').items() %}
{% if not loop.first %}
union all
{% endif %}
select
    cast({{ sql_text(segment) }} as string) as segment,
    {% for text in ['description', 'owner'] %}
    cast({{ sql_text(said[text]) }} as string) as {{ text }},
    {% endfor %}
    cast({{ sql_text(destination_of(said.destination)) }} as string) as destination,
    cast({{ said.priority }} as integer) as priority,
    cast({{ said.takes_slot }} as boolean) as takes_slot,
    {% for text in ['message_class', 'channel', 'treatment', 'topic', 'send_window', 'skill'] %}
    {{ sql_text_or_null(said.get(text)) }} as {{ text }},
    {% endfor %}
    cast({{ said.is_offer }} as boolean) as is_offer,
    cast({{ said.holdout_share }} as double) as holdout_share,
    cast({{ said.most_per_owner if said.get('most_per_owner') is not none else 'null' }} as bigint) as most_per_owner
{% endfor %}
