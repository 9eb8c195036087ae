{#-
    Base models of long streams type a landed row once, when its load comes. It flows through without
    being kept or put in order; these two hooks keep true what changes with the night, and find
    afterwards which rows are versions of each other.
-#}

{#- Rows that landed and are not in the model yet; a model that is made whole takes them all. -#}
{% macro not_yet_typed(landed) -%}
    select * from ({{ landed }}) as complete
    {% if is_incremental() %}
    where is_new_load
    {% endif %}
{%- endmacro %}

{#-
    Before: forget what an unfinished build took in, and let the rest be a night older. A row is seen
    when the night of `seen_at` has come; of some streams always.
-#}
{% macro age_typed_rows(source_name, seen_at=none) -%}
    {% if is_incremental() %}
        delete from {{ this }}
        where load_id not in (
            select built.load_id
            from {{ source('build_ledger', 'built_loads') }} as built
            where built.source = '{{ source_name }}'
        );
        update {{ this }} set is_new_load = false where is_new_load;
        {% if seen_at %}
        update {{ this }} set is_seen = true where not is_seen and {{ seen_at }} < {{ cutoff() }};
        {% endif %}
    {% endif %}
{%- endmacro %}

{#-
    After: a key that came more than once, in this load or before, has versions; no other row is
    touched. Keys are compared by their hash, which takes a fraction of the memory; a key that merely
    shares one is ranked too, alone and first. With `load_dates` the versions know when the first and
    the last of them came.
-#}
{% macro rank_anew(keys, changed_at=none, prefer=none, load_dates=false) -%}
    {% set key = 'hash(' ~ keys | join(', ') ~ ')' %}
    {% set ranked = ['version_rank'] + (['first_load_date', 'last_load_date'] if load_dates else []) %}
    update {{ this }} as ranked
    set
        {% for column in ranked %}
        {{ column }} = anew.{{ column }}{{ ',' if not loop.last }}
        {% endfor %}
    from (
        select
            rowid as row_id,
            {% if load_dates %}
            {{ first_and_last_load_date(keys) }},
            {% endif %}
            {{ version_rank(keys, changed_at=changed_at, prefer=prefer) }} as version_rank
        from {{ this }}
        where {{ key }} in (
            select {{ key }}
            from {{ this }}
            where is_new_load
            group by {{ key }}
            having count(*) > 1
            {% if is_incremental() %}
            union
            select {{ key }}
            from {{ this }}
            where not is_new_load and {{ key }} in (select {{ key }} from {{ this }} where is_new_load)
            {% endif %}
        )
    ) as anew
    where
        ranked.rowid = anew.row_id
        and (
            {% for column in ranked %}
            ranked.{{ column }} <> anew.{{ column }} {{ 'or' if not loop.last }}
            {% endfor %}
        )
{%- endmacro %}
