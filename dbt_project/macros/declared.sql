{#-
    Has a stream been read, tonight or ever? A dbt run by hand says nothing of it, and then all have. Streams may be
    several, of which one is enough: `shop.orders or hubspot.deals`. A name alone is a canonical stream, as any declared
    source may map onto it: `mentions`.
-#}
{% macro is_told(streams) -%}
    {% set known = var('streams_known') %}
    {% set mapped = var('mapped_sources') | map(attribute='stream') | list %}
    {{ return(known is none or (streams.split(' or ') | select('in', known + mapped) | list | length > 0)) }}
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
