{#-
    Texts, where engines differ. Patterns are of the regular expressions that RE2 (DuckDB) and Java (Spark) both read:
    classes, groups, quantifiers, (?i); no look-around, no back-references. Spark reads a backslash in a text as the
    start of an escape, so patterns are written by these macros only.
-#}

{#- The whole text is as the pattern says. -#}
{% macro matches(text, pattern) -%}{{ adapter.dispatch('matches', 'rapport')(text, pattern) }}{%- endmacro %}

{% macro default__matches(text, pattern) -%}
    regexp_full_match({{ text }}, {{ sql_text(pattern) }})
{%- endmacro %}

{% macro spark__matches(text, pattern) -%}
    ({{ text }} rlike {{ sql_text('\\A(?:' ~ pattern ~ ')\\z') }})
{%- endmacro %}

{#- The pattern is found somewhere in the text. -#}
{% macro finds(text, pattern) -%}{{ adapter.dispatch('finds', 'rapport')(text, pattern) }}{%- endmacro %}

{% macro default__finds(text, pattern) -%}
    regexp_matches({{ text }}, {{ sql_text(pattern) }})
{%- endmacro %}

{% macro spark__finds(text, pattern) -%}
    ({{ text }} rlike {{ sql_text(pattern) }})
{%- endmacro %}

{#- What a group of the pattern holds where it is first found; '' where it is not. -#}
{% macro extracted(text, pattern, group=0) -%}
    regexp_extract({{ text }}, {{ sql_text(pattern) }}, {{ group }})
{%- endmacro %}

{#- All that is like the pattern, or what that group of it holds, as a list; null of no text. -#}
{% macro all_found(text, pattern, group=0) -%}
    regexp_extract_all({{ text }}, {{ sql_text(pattern) }}, {{ group }})
{%- endmacro %}

{#- All that is like the pattern, replaced; `by` may name groups (\1). -#}
{% macro replaced(text, pattern, by) -%}{{ adapter.dispatch('replaced', 'rapport')(text, pattern, by) }}{%- endmacro %}

{% macro default__replaced(text, pattern, by) -%}
    regexp_replace({{ text }}, {{ sql_text(pattern) }}, {{ sql_text(by) }}, 'g')
{%- endmacro %}

{#- A dollar begins a group there. -#}
{% macro spark__replaced(text, pattern, by) -%}
    regexp_replace(
        {{ text }}, {{ sql_text(pattern) }}, {{ sql_text(modules.re.sub('\\\\(\\d)', '$\\1', by | replace('$', '\\$'))) }}
    )
{%- endmacro %}

{% macro starts_with(text, start) -%}{{ adapter.dispatch('starts_with', 'rapport')(text, start) }}{%- endmacro %}

{% macro default__starts_with(text, start) -%}
    starts_with({{ text }}, {{ start }})
{%- endmacro %}

{% macro spark__starts_with(text, start) -%}
    startswith({{ text }}, {{ start }})
{%- endmacro %}

{#- Without blanks around it; or without the signs that are named. -#}
{% macro trimmed(text, signs=none) -%}{{ adapter.dispatch('trimmed', 'rapport')(text, signs) }}{%- endmacro %}

{% macro default__trimmed(text, signs) -%}
    trim({{ text }}{{ ', ' ~ sql_text(signs) if signs is not none }})
{%- endmacro %}

{#- DuckDB's blanks are all of Unicode's class Zs, Spark's the one of ASCII. -#}
{% macro spark__trimmed(text, signs) -%}
    {% if signs is none -%}
    regexp_replace({{ text }}, {{ sql_text('\\A\\p{Zs}+|\\p{Zs}+\\z') }}, '')
    {%- else -%}
    trim(both {{ sql_text(signs) }} from {{ text }})
    {%- endif %}
{%- endmacro %}

{#- The parts of a text between separators, as a list. -#}
{% macro split_text(text, separator) -%}{{ adapter.dispatch('split_text', 'rapport')(text, separator) }}{%- endmacro %}

{% macro default__split_text(text, separator) -%}
    string_split({{ text }}, {{ sql_text(separator) }})
{%- endmacro %}

{% macro spark__split_text(text, separator) -%}
    split({{ text }}, {{ sql_text('\\Q' ~ separator ~ '\\E') }})
{%- endmacro %}

{#- The texts of a list as one; nulls are left out. -#}
{% macro joined(list, separator) -%}{{ adapter.dispatch('joined', 'rapport')(list, separator) }}{%- endmacro %}

{% macro default__joined(list, separator) -%}
    array_to_string({{ list }}, {{ sql_text(separator) }})
{%- endmacro %}

{% macro spark__joined(list, separator) -%}
    array_join({{ list }}, {{ sql_text(separator) }})
{%- endmacro %}

{#- A whole number as people read it: 1,234,567. -#}
{% macro thousands(number) -%}{{ adapter.dispatch('thousands', 'rapport')(number) }}{%- endmacro %}

{% macro default__thousands(number) -%}
    format('{:,}', cast({{ number }} as bigint))
{%- endmacro %}

{% macro spark__thousands(number) -%}
    format_number(cast({{ number }} as bigint), 0)
{%- endmacro %}

{#- A number from 0 to below 1 that depends on the text alone: a draw that comes out the same every night. -#}
{% macro hash_share(expression) -%}{{ adapter.dispatch('hash_share', 'rapport')(expression) }}{%- endmacro %}

{% macro default__hash_share(expression) -%}
    cast(cast('0x' || substr(md5({{ expression }}), 1, 8) as bigint) as double) / 4294967296
{%- endmacro %}

{% macro spark__hash_share(expression) -%}
    cast(conv(substr(md5({{ expression }}), 1, 8), 16, 10) as double) / 4294967296
{%- endmacro %}
