{#- Has a stream been read, tonight or ever? A dbt run by hand says nothing of it, and then all have. -#}
{% macro is_known(stream) -%}
    {% set known = var('streams_known') %}
    {{ return(known is none or stream in known) }}
{%- endmacro %}

{#-
    Does anything tell what a stream tells: the stream, or a declared source that is mapped onto the same? Streams may be
    several, of which one is enough: `shop.orders or hubspot.deals`. A name alone is a canonical stream, which declared
    sources alone bring: `mentions`.
-#}
{% macro is_told(streams) -%}
    {% set found = [] %}
    {% for stream in streams.split(' or ') %}
        {% if is_known(stream) or mapped_like([stream]) %}{% do found.append(stream) %}{% endif %}
    {% endfor %}
    {{ return(found | length > 0) }}
{%- endmacro %}

{#- The declared sources that are read and mapped onto what one of some built-in streams becomes. -#}
{% macro mapped_like(streams) -%}
    {% set found = [] %}
    {% for mapping in var('mapped_sources') if is_known(mapping.source ~ '.' ~ mapping.table) %}
        {% if streams | select('in', mapping.like) | list %}{% do found.append(mapping.source) %}{% endif %}
    {% endfor %}
    {{ return(found | unique | list) }}
{%- endmacro %}

{#- The sources that bring one of some canonical streams, as SQL's list: built-in ones, and those that are mapped onto it. -#}
{% macro sources_with(streams, built_in) -%}
    {% set found = built_in | list %}
    {% for mapping in var('mapped_sources') if mapping.stream in streams %}{% do found.append(mapping.source) %}{% endfor %}
    ({{ sql_texts(found | unique) }})
{%- endmacro %}

{#- Does the firm have a stream? -#}
{% macro is_declared(stream) -%}
    {{ return(var('streams_declared') is none or stream in var('streams_declared')) }}
{%- endmacro %}

{#- Of a total: the source's key may not read the stream, so that nobody counts it. -#}
{% macro is_refused() -%}
    coalesce(starts_with(method, 'refused'), false)
{%- endmacro %}

{#-
    Columns of marts that no stream of the firm tells anything of, as (mart, column, streams): models say in their
    `meta` by which streams a column is `known_by`.
-#}
{% macro untold_columns() -%}
    {% set found = [] %}
    {% if execute %}
        {% for node in graph.nodes.values() if node.resource_type == 'model' %}
            {% for streams, columns in node.config.get('meta', {}).get('known_by', {}).items() if not is_told(streams) %}
                {% for column in columns %}
                    {% do found.append((node.name, column, streams)) %}
                {% endfor %}
            {% endfor %}
        {% endfor %}
    {% endif %}
    {{ return(found) }}
{%- endmacro %}

{#-
    Where a segment goes: to the tool of its policy, or, where the firm has not got it, into files. Nobody's list is to be
    empty because they have no record in a tool that is not there.
-#}
{% macro destination_of(tool) -%}
    {% set streams = var('streams_declared') %}
    {% set there = [] %}
    {% for stream in streams or [] if stream.startswith(tool ~ '.') %}{% do there.append(stream) %}{% endfor %}
    {{ return('files' if tool in ['hubspot', 'klaviyo'] and streams is not none and not there else tool) }}
{%- endmacro %}

{#- Does any source say whom it can deliver to by e-mail? Of who is in none that does, nothing is deliverable then. -#}
{% macro is_delivery_told() -%}
    {% set said = [] %}
    {% for mapping in var('mapped_sources') if 'is_email_deliverable' in mapping.columns %}{% do said.append(mapping.source) %}{% endfor %}
    {{ return(is_known('klaviyo.profiles') or said | length > 0) }}
{%- endmacro %}
