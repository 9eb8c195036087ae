{#- (table, number, columns) of each key that a test holds, of what is released. The first of a table is its grain: the
    one that is of several columns, where it has both kinds. -#}
{% macro released_keys() -%}
    {% set found = [] %}
    {% if execute %}
        {% set sorted_keys = [] %}
        {% for node in graph.nodes.values() if node.resource_type == 'test' and node.get('test_metadata') %}
            {% set model = graph.nodes.get(node.attached_node or '') %}
            {% set name = node.test_metadata.name %}
            {% if model and model.fqn[1] in ('marts', 'segments', 'metrics') and name in ('unique', 'unique_together') %}
                {% set of_one = name == 'unique' %}
                {% set columns = [node.column_name] if of_one else node.test_metadata.kwargs['columns'] %}
                {% do sorted_keys.append((model.name, of_one, columns)) %}
            {% endif %}
        {% endfor %}
        {% set numbers = {} %}
        {% for table, _, columns in sorted_keys | sort %}
            {% do numbers.update({table: numbers.get(table, 0) + 1}) %}
            {% do found.append((table, numbers[table], columns)) %}
        {% endfor %}
    {% endif %}
    {{ return(found) }}
{%- endmacro %}
