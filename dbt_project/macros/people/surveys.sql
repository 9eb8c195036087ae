{#-
    What an answer to a survey says: unhappy, neutral or happy. The CRM's own group goes first; else the
    policy `survey_scales`. Null for a survey whose scale nobody told, for a score that is not on its scale, and
    for no answer.
-#}
{% macro survey_mood(survey, score, response_group='null') -%}
    case upper(cast({{ response_group }} as string))
        when 'DETRACTOR' then 'unhappy'
        when 'PASSIVE' then 'neutral'
        when 'PROMOTER' then 'happy'
        else
            case
                {% for name, scale in var('survey_scales').items() %}
                {%- set upwards = scale.best > scale.worst %}
                when
                    {{ survey }} = {{ sql_text(name) }}
                    and {{ score }} between {{ [scale.worst, scale.best] | min }} and {{ [scale.worst, scale.best] | max }}
                    then
                        case
                            when {{ score }} {{ '<=' if upwards else '>=' }} {{ scale.unhappy }} then 'unhappy'
                            when {{ score }} {{ '>=' if upwards else '<=' }} {{ scale.happy }} then 'happy'
                            else 'neutral'
                        end
                {% endfor %}
            end
    end
{%- endmacro %}

{#-
    How far from the best answer, of a touchpoint: 0 is the best, 1 the worst; null for what says nothing. A score
    that says something else than the CRM's group is of another scale than the policy's: the group alone counts.
-#}
{% macro survey_dissatisfaction() -%}
    {%- set score = 'try_cast(answer as double)' %}
    case
        {% for name, scale in var('survey_scales').items() %}
        when question = {{ sql_text(name) }} and answer_mood = {{ survey_mood('question', score) }}
            then ({{ scale.best }} - {{ score }}) / ({{ scale.best }} - {{ scale.worst }}e0)
        {% endfor %}
        when answer_mood = 'unhappy' then 1e0
        when answer_mood = 'neutral' then 5e-1
        when answer_mood = 'happy' then 0e0
    end
{%- endmacro %}

{#- A score as people write it: 5, 2.5. -#}
{% macro score_text(score) -%}
    {{ replaced('cast(cast(' ~ score ~ ' as decimal(18, 3)) as string)', '\\.?0+$', '') }}
{%- endmacro %}
