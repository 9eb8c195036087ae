{#- Lists and records. An expression over the members of a list names a member by the name that is given. -#}

{#- A list of these expressions, of one type. -#}
{% macro list_of(expressions) -%}{{ adapter.dispatch('list_of', 'rapport')(expressions) }}{%- endmacro %}

{% macro default__list_of(expressions) -%}
    [{{ expressions | join(', ') }}]
{%- endmacro %}

{% macro spark__list_of(expressions) -%}
    array({{ expressions | join(', ') }})
{%- endmacro %}

{#- The type of a list, as a cast has it. -#}
{% macro list_type(type) -%}{{ adapter.dispatch('list_type', 'rapport')(type) }}{%- endmacro %}

{% macro default__list_type(type) -%}
    {{ type }}[]
{%- endmacro %}

{% macro spark__list_type(type) -%}
    array<{{ type }}>
{%- endmacro %}

{% macro empty_list(type) -%}
    cast({{ list_of([]) }} as {{ list_type(type) }})
{%- endmacro %}

{% macro each_of(list, member, expression) -%}{{ adapter.dispatch('each_of', 'rapport')(list, member, expression) }}{%- endmacro %}

{% macro default__each_of(list, member, expression) -%}
    list_transform({{ list }}, lambda {{ member }}: {{ expression }})
{%- endmacro %}

{% macro spark__each_of(list, member, expression) -%}
    transform({{ list }}, {{ member }} -> {{ expression }})
{%- endmacro %}

{% macro those_of(list, member, condition) -%}{{ adapter.dispatch('those_of', 'rapport')(list, member, condition) }}{%- endmacro %}

{% macro default__those_of(list, member, condition) -%}
    list_filter({{ list }}, lambda {{ member }}: {{ condition }})
{%- endmacro %}

{% macro spark__those_of(list, member, condition) -%}
    filter({{ list }}, {{ member }} -> {{ condition }})
{%- endmacro %}

{#- Each member once, in order; nulls are left out. -#}
{% macro distinct_sorted(list) -%}{{ adapter.dispatch('distinct_sorted', 'rapport')(list) }}{%- endmacro %}

{% macro default__distinct_sorted(list) -%}
    list_sort(list_distinct({{ list }}))
{%- endmacro %}

{% macro spark__distinct_sorted(list) -%}
    array_sort(array_distinct(array_compact({{ list }})))
{%- endmacro %}

{#- In order, nulls at the end. -#}
{% macro sorted_list(list) -%}{{ adapter.dispatch('sorted_list', 'rapport')(list) }}{%- endmacro %}

{% macro default__sorted_list(list) -%}
    list_sort({{ list }}, 'asc', 'nulls last')
{%- endmacro %}

{% macro spark__sorted_list(list) -%}
    array_sort({{ list }})
{%- endmacro %}

{#- How many members; null of no list. -#}
{% macro size_of(list) -%}{{ adapter.dispatch('size_of', 'rapport')(list) }}{%- endmacro %}

{% macro default__size_of(list) -%}
    len({{ list }})
{%- endmacro %}

{% macro spark__size_of(list) -%}
    cast(array_size({{ list }}) as bigint)
{%- endmacro %}

{#- The members of both; a list that is null has none. -#}
{% macro both_lists(first, second) -%}{{ adapter.dispatch('both_lists', 'rapport')(first, second) }}{%- endmacro %}

{% macro default__both_lists(first, second) -%}
    list_concat({{ first }}, {{ second }})
{%- endmacro %}

{% macro spark__both_lists(first, second) -%}
    concat(coalesce({{ first }}, array()), coalesce({{ second }}, array()))
{%- endmacro %}

{#- The member at a place, from 1; null beyond the end. -#}
{% macro item_at(list, place) -%}{{ adapter.dispatch('item_at', 'rapport')(list, place) }}{%- endmacro %}

{% macro default__item_at(list, place) -%}
    ({{ list }})[{{ place }}]
{%- endmacro %}

{% macro spark__item_at(list, place) -%}
    get({{ list }}, cast({{ place }} as integer) - 1)
{%- endmacro %}

{#- One row per member (see times.sql); nothing for null or an empty list. -#}
{% macro unnested(list) -%}{{ adapter.dispatch('unnested', 'rapport')(list) }}{%- endmacro %}

{% macro default__unnested(list) -%}
    unnest({{ list }})
{%- endmacro %}

{% macro spark__unnested(list) -%}
    explode({{ list }})
{%- endmacro %}

{#- The values of a group as a list, in the order of `order_by`: columns that tell any two rows apart, `desc` after a
    name where it runs backwards; values that are null are members too. -#}
{% macro collected(value, order_by, filter=none) -%}{{ adapter.dispatch('collected', 'rapport')(value, order_by, filter) }}{%- endmacro %}

{% macro default__collected(value, order_by, filter) -%}
    array_agg(
        {{ value }} order by
        {%- for column in order_by.split(',') %} {{ column | trim }} nulls first{{ ',' if not loop.last }}{% endfor %}
    ){{ ' filter (where ' ~ filter ~ ')' if filter }}
{%- endmacro %}

{% macro spark__collected(value, order_by, filter) -%}
    {%- if 'desc' in order_by.split() or 'nulls' in order_by.split() -%}
        {{ exceptions.raise_compiler_error('collected() on Spark sorts upwards with nulls first: ' ~ order_by) }}
    {%- endif -%}
    {#- What is collected is a record whose first fields are the order; records compare field by field. -#}
    transform(
        array_sort(
            collect_list(
                named_struct(
                    {%- for column in order_by.split(',') -%}'k{{ loop.index }}', {{ column | trim }}, {% endfor -%}
                    'value', {{ value }}
                )
            ){{ ' filter (where ' ~ filter ~ ')' if filter }}
        ),
        collected_row -> collected_row.value
    )
{%- endmacro %}

{#- Expressions as one value, so that an aggregate looks for their row once: a mapping of fields' names to them. -#}
{% macro record(fields) -%}{{ adapter.dispatch('record', 'rapport')(fields) }}{%- endmacro %}

{% macro default__record(fields) -%}
    struct_pack({% for name, value in fields.items() %}{{ name }} := {{ value }}{{ ', ' if not loop.last }}{% endfor %})
{%- endmacro %}

{% macro spark__record(fields) -%}
    named_struct({% for name, value in fields.items() %}'{{ name }}', {{ value }}{{ ', ' if not loop.last }}{% endfor %})
{%- endmacro %}

{#- The same of columns, each a field of its own name. -#}
{% macro record_of(columns) -%}
    {% set fields = {} %}
    {% for column in columns %}{% do fields.update({column: column}) %}{% endfor %}
    {{ record(fields) }}
{%- endmacro %}
