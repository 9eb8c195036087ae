{#- Is the touchpoint an answer that the scale of its survey calls unhappy, or happy? -#}
{% macro is_survey_answer(mood) -%}
    event_type = 'answered'
    and case question
        {% for survey, scale in var('survey_scales').items() %}
        when '{{ survey }}'
            then
                {% if (mood == 'unhappy') == (scale.best > scale.worst) %}
                try_cast(answer as double) <= {{ scale[mood] }}
                {% else %}
                try_cast(answer as double) >= {{ scale[mood] }}
                {% endif %}
        {% endfor %}
        else false
    end
{%- endmacro %}

{#- How far from the best answer of its scale: 0 is the best, 1 the worst; null for what is no answer. -#}
{% macro survey_dissatisfaction() -%}
    case
        {% for survey, scale in var('survey_scales').items() %}
        when event_type = 'answered' and question = '{{ survey }}'
            then
                greatest(0, least(1,
                    ({{ scale.best }} - try_cast(answer as double)) / ({{ scale.best }} - {{ scale.worst }}.0)
                ))
        {% endfor %}
    end
{%- endmacro %}
