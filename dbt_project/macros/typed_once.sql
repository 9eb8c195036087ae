{#-
    Base models of long streams are tables: a landed row is typed once. They have the
    columns of any base model; these two hooks keep true what changes with the night.
-#}

{#- Before: forget what an unfinished build took in, and let the rest be a night older. -#}
{% macro age_typed_rows(source_name) -%}
    {% if is_incremental() %}
        delete from {{ this }}
        where load_id not in (
            select built.load_id
            from {{ source('build_ledger', 'built_loads') }} as built
            where built.source = '{{ source_name }}'
        );
        update {{ this }} set is_new_load = false where is_new_load;
        update {{ this }} set is_seen = true where not is_seen and occurred_at < {{ cutoff() }};
    {% endif %}
{%- endmacro %}

{#-
    After: a key that came more than once, in this load or before, has versions; no other row is
    touched. Keys are compared by their hash, which takes a fraction of the memory; a key that merely
    shares one is ranked too, alone and first.
-#}
{% macro rank_anew(keys) -%}
    {% set key = 'hash(' ~ keys | join(', ') ~ ')' %}
    update {{ this }} as ranked
    set version_rank = anew.version_rank
    from (
        select
            rowid as row_id,
            {{ version_rank(keys) }} as version_rank
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
    where ranked.rowid = anew.row_id and ranked.version_rank <> anew.version_rank
{%- endmacro %}
