{#-
    Base models of long streams type a landed row once, when its load comes. It flows through without
    being kept or put in order; two hooks keep true what changes with the night, and find
    afterwards which rows are versions of each other: of `version_key` in the model's meta, with
    `changed_at`, `prefer` and `has_load_dates` where they count.

    Spark's files take no change of single rows: there such a model is made whole, without hooks, and ranks as it goes.
-#}
{% macro typed_once() -%}
    {{ return(adapter.dispatch('typed_once', 'rapport')()) }}
{%- endmacro %}

{% macro default__typed_once() -%}{{ return('incremental') }}{%- endmacro %}

{% macro spark__typed_once() -%}{{ return('table') }}{%- endmacro %}

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

{#- Has the row come with this build? All have in a model that is made whole, whichever build saw them before. -#}
{% macro has_come() -%}
    {{ 'is_new_load' if is_incremental() else 'true' }}
{%- endmacro %}

{#-
    The rank of a row among the versions of its key: as if it were the only one on DuckDB, whose hook
    looks for others, and found at once on Spark.
-#}
{% macro ranked_when_typed() -%}{{ adapter.dispatch('ranked_when_typed', 'rapport')() }}{%- endmacro %}

{% macro default__ranked_when_typed() -%}
    {% if (config.get('meta') or {}).get('has_load_dates') %}
    load_date as first_load_date,
    load_date as last_load_date,
    {% endif %}
    1 as version_rank
{%- endmacro %}

{% macro spark__ranked_when_typed() -%}
    {{ _ranks() }}
{%- endmacro %}

{% macro _ranks() -%}
    {% set meta = config.get('meta') or {} %}
    {% set key = meta.get('version_key', []) %}
    {% if meta.get('has_load_dates') %}
    {{ first_and_last_load_date(key) }},
    {% endif %}
    {{
        version_rank(key, changed_at=meta.get('changed_at'), prefer=meta.get('prefer'))
    }} as version_rank
{%- endmacro %}

{#-
    After: a key that came more than once, in this load or before, has versions; no other row is
    touched. Keys are compared by their hash, which takes a fraction of the memory; a key that merely
    shares one is ranked too, alone and first.
-#}
{% macro rank_anew() -%}{{ adapter.dispatch('rank_anew', 'rapport')() }}{%- endmacro %}

{% macro spark__rank_anew() -%}{%- endmacro %}

{% macro default__rank_anew() -%}
    {% set meta = config.get('meta') or {} %}
    {% set key = 'hash(' ~ meta.get('version_key', []) | join(', ') ~ ')' %}
    {% set ranked = ['version_rank'] + (['first_load_date', 'last_load_date'] if meta.get('has_load_dates') else []) %}
    update {{ this }} as ranked
    set
        {% for column in ranked %}
        {{ column }} = anew.{{ column }}{{ ',' if not loop.last }}
        {% endfor %}
    from (
        select
            rowid as row_id,
            {{ _ranks() }}
        from {{ this }}
        where {{ key }} in (
            select {{ key }}
            from {{ this }}
            where {{ has_come() }}
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

{#-
    Lines of orders, of which two can be of one article. Which rows of an order and article
    are versions of one line and which are lines beside each other is told by:

    - `line_id`, where the shop has one: rows with the same are versions of one line, others are not;
    - else by the load, or what else one `pull` is (a file). It brings an order whole (`Stream.whole_by`), so that with the
      newest of these rows has all that there are: they are the lines, and those of others are superseded.
      A row of the same load that is the same in every column is a repeat of it: counted, not added up.
      With `is_whole` it has all lines of the order and not only those of the article: one that is gone is gone.

    A shop that begins to have line ids replaces lines that had none. The lines of an order and article are
    numbered by what they say, the dearest first, so no order of rows or loads decides it; a number may
    move when another line comes.

    `lines_told` are rows with `version_rank`, `is_repeat` and `line_number`, and what they are found by.
-#}
{% macro lines_told(rows, pull='load_id', is_whole=false) -%}
    select
        *,
        row_number() over (
            partition by order_id, product_id, is_quarantined, version_rank
            order by
                sales_amount desc nulls last,
                item_quantity desc nulls last,
                line_id asc nulls last,
                coupon_discount_amount desc nulls last,
                retail_discount_amount desc nulls last,
                coupon_match_discount_amount desc nulls last,
                updated_at asc nulls last,
                row_hash asc nulls last
        ) as line_number
    from (
        select
            *,
            line_id is null and repeat_number > 1 as is_repeat,
            case
                when line_id is not null then line_rank
                when pull = newest_pull and repeat_number = 1 and not is_identified then 1
                else 2
            end as version_rank
        from (
            select
                *,
                {{ pull }} as pull,
                bool_or(line_id is not null) over (
                    partition by order_id, product_id, is_quarantined
                ) as is_identified,
                max_by({{ pull }}, {{ record({'changed_at': 'updated_at', 'brought_at': 'load_date', 'pull': pull}) }}) over (
                    partition by order_id{{ '' if is_whole else ', product_id' }}, is_quarantined
                ) as newest_pull,
                row_number() over (
                    partition by order_id, product_id, is_quarantined, {{ pull }}, row_hash
                    order by row_hash asc nulls last
                ) as repeat_number,
                row_number() over (
                    partition by order_id, line_id, is_quarantined
                    order by
                        updated_at desc nulls last,
                        load_date desc nulls last,
                        load_id desc nulls last,
                        row_hash desc nulls last
                ) as line_rank
            from {{ rows }}
        ) as versions
    ) as told
{%- endmacro %}

{#- The lines of `rows`: each as if it were the only one on DuckDB, told at once on Spark. -#}
{% macro lines_when_typed(rows) -%}{{ adapter.dispatch('lines_when_typed', 'rapport')(rows) }}{%- endmacro %}

{% macro default__lines_when_typed(rows) -%}
select
    *,
    1 as line_number,
    false as is_repeat,
    1 as version_rank
from {{ rows }}
{%- endmacro %}

{% macro spark__lines_when_typed(rows) -%}
select * except (pull, is_identified, newest_pull, repeat_number, line_rank)
from ({{ lines_told(rows) }}) as told
{%- endmacro %}

{#- After: orders and articles of which more than one row came, in this load or before. -#}
{% macro rank_lines_anew(pull='load_id', is_whole=false) -%}
    {{ adapter.dispatch('rank_lines_anew', 'rapport')(pull, is_whole) }}
{%- endmacro %}

{% macro spark__rank_lines_anew(pull, is_whole) -%}{%- endmacro %}

{% macro default__rank_lines_anew(pull, is_whole) -%}
    {% set of_more_than_one %}(
        select
            rowid as row_id,
            * exclude (version_rank, line_number, is_repeat)
        from {{ this }}
        where hash(order_id) in (
            select hash(order_id)
            from {{ this }}
            where {{ has_come() }}
            group by hash(order_id), hash(product_id)
            having count(*) > 1
            {% if is_whole %}
            union
            select hash(order_id)
            from {{ this }}
            where {{ has_come() }}
            group by hash(order_id)
            having count(distinct {{ pull }}) > 1
            {% endif %}
            union
            select hash(order_id)
            from {{ this }}
            where {{ has_come() }} and line_id is not null
            {% if is_incremental() %}
            union
            select hash(order_id)
            from {{ this }}
            where
                not is_new_load
                and hash(order_id) in (
                    select hash(order_id) from {{ this }} where is_new_load
                )
            {% endif %}
        )
    ) as of_more_than_one{% endset %}
    update {{ this }} as ranked
    set version_rank = anew.version_rank, line_number = anew.line_number, is_repeat = anew.is_repeat
    from ({{ lines_told(of_more_than_one, pull, is_whole) }}) as anew
    where
        ranked.rowid = anew.row_id
        and (
            ranked.version_rank <> anew.version_rank
            or ranked.line_number <> anew.line_number
            or ranked.is_repeat <> anew.is_repeat
        )
{%- endmacro %}
