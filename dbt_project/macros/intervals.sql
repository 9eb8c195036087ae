{#-
    Wilson's interval for a share (E. B. Wilson, 1927), at the policy `confidence_z`: it stays within
    0 and 1 and is honest where few or none of `total` did it. Null where nobody was asked.
-#}
{% macro wilson_low(hits, total) -%}
    {{ _wilson(hits, total, '-') }}
{%- endmacro %}

{% macro wilson_high(hits, total) -%}
    {{ _wilson(hits, total, '+') }}
{%- endmacro %}

{% macro _wilson(hits, total, sign) -%}
    {%- set z = var('confidence_z') -%}
    case
        -- greatest() and least() pass over a null
        when {{ total }} > 0
            then
                greatest(
                    least(
                        (
                            {{ hits }} + {{ z * z / 2 }}
                            {{ sign }} {{ z }} * sqrt(
                                {{ hits }} * (1 - {{ ratio(hits, total) }}) + {{ z * z / 4 }}
                            )
                        ) / ({{ total }} + {{ z * z }}),
                        1
                    ),
                    0
                )
    end
{%- endmacro %}

{#- The same for a count of things that just happen (Poisson): what the mean may be at the least. -#}
{% macro count_low(happened) -%}
    {%- set z = var('confidence_z') -%}
    (
        {{ happened }} + {{ z * z / 2 }}
        - {{ z }} * sqrt({{ happened }} + {{ z * z / 4 }})
    )
{%- endmacro %}

{#- And at the most. -#}
{% macro count_high(happened) -%}
    {%- set z = var('confidence_z') -%}
    (
        {{ happened }} + {{ z * z / 2 }}
        + {{ z }} * sqrt({{ happened }} + {{ z * z / 4 }})
    )
{%- endmacro %}

{#-
    The difference of two shares of the same `total`, of whom `gained` did it only the second time and `lost` only the
    first: what it may be at the least (Wald's interval with half a case more in each cell, Agresti and Min 2005).
-#}
{% macro paired_low(gained, lost, total) -%}
    {{ _paired(gained, lost, total, '-') }}
{%- endmacro %}

{#- And at the most. -#}
{% macro paired_high(gained, lost, total) -%}
    {{ _paired(gained, lost, total, '+') }}
{%- endmacro %}

{% macro _paired(gained, lost, total, sign) -%}
    case
        when {{ total }} > 0
            then
                round(
                    greatest(
                        least(
                            (
                                {{ gained }} - {{ lost }}
                                {{ sign }} {{ var('confidence_z') }} * sqrt(
                                    {{ gained }} + {{ lost }} + 1
                                    - power({{ gained }} - {{ lost }}, 2) / ({{ total }} + 2e0)
                                )
                            ) / ({{ total }} + 2e0),
                            1
                        ),
                        -1
                    ), 6
                )
    end
{%- endmacro %}
