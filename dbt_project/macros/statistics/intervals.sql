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
                            {{ hits }} + {{ z * z / 2 }}e0
                            {{ sign }} {{ z }}e0 * sqrt(
                                {{ hits }} * (1e0 - {{ ratio(hits, total) }}) + {{ z * z / 4 }}e0
                            )
                        ) / ({{ total }} + {{ z * z }}e0),
                        1e0
                    ),
                    0e0
                )
    end
{%- endmacro %}

{#- The same for a count of things that just happen (Poisson): what the mean may be at the least. -#}
{% macro count_low(happened) -%}
    {%- set z = var('confidence_z') -%}
    (
        {{ happened }} + {{ z * z / 2 }}e0
        - {{ z }}e0 * sqrt({{ happened }} + {{ z * z / 4 }}e0)
    )
{%- endmacro %}

{#- And at the most. -#}
{% macro count_high(happened) -%}
    {%- set z = var('confidence_z') -%}
    (
        {{ happened }} + {{ z * z / 2 }}e0
        + {{ z }}e0 * sqrt({{ happened }} + {{ z * z / 4 }}e0)
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
                                {{ sign }} {{ var('confidence_z') }}e0 * sqrt(
                                    {{ gained }} + {{ lost }} + 1
                                    - power({{ gained }} - {{ lost }}, 2) / ({{ total }} + 2e0)
                                )
                            ) / ({{ total }} + 2e0),
                            1
                        ),
                        -1
                    ) * 1e6
                ) / 1e6
    end
{%- endmacro %}

{#-
    How far the difference of two shares of two groups may lie below what was seen, from Wilson's interval of each
    (Newcombe 1998, method 10); columns are `<first>_rate`, `_low`, `_high` and the same of the second.
-#}
{% macro newcombe_below(first, second) -%}
    sqrt(power({{ first }}_rate - {{ first }}_low, 2) + power({{ second }}_high - {{ second }}_rate, 2))
{%- endmacro %}

{#- And how far above. -#}
{% macro newcombe_above(first, second) -%}
    sqrt(power({{ first }}_high - {{ first }}_rate, 2) + power({{ second }}_rate - {{ second }}_low, 2))
{%- endmacro %}

{#-
    Standard errors on either side of a mean that hold as much as `confidence_z` of them would if their size were known:
    Student's quantile by its expansion (Abramowitz and Stegun 26.7.5), to three digits from 5 degrees of freedom on.
-#}
{% macro student_quantile(degrees) -%}
    {%- set z = var('confidence_z') -%}
    (
        {{ z }}e0
        + {{ (z ** 3 + z) / 4 }}e0 / {{ degrees }}
        + {{ (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96 }}e0 / power({{ degrees }}, 2)
        + {{ (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384 }}e0 / power({{ degrees }}, 3)
    )
{%- endmacro %}

{#- Student's t as standard errors of a normal distribution (Abramowitz and Stegun 26.7.8). -#}
{% macro normal_of_student(t, degrees) -%}
    ({{ t }} * (1e0 - 1e0 / (4 * {{ degrees }})) / sqrt(1e0 + power({{ t }}, 2) / (2 * {{ degrees }})))
{%- endmacro %}

{#- The chance of a value at least so many standard errors from the mean, on either side (26.2.17, to 1.5e-7). -#}
{% macro two_sided_chance(z) -%}
    {%- set t = '(1e0 / (1e0 + 0.2316419e0 * abs(' ~ z ~ ')))' -%}
    least(
        2e0 * exp(-power({{ z }}, 2) / 2) * 0.3989422804e0 * {{ t }} * (
            0.31938153e0 + {{ t }} * (
                -0.356563782e0 + {{ t }} * (
                    1.781477937e0 + {{ t }} * (-1.821255978e0 + {{ t }} * 1.330274429e0)
                )
            )
        ), 1e0
    )
{%- endmacro %}
