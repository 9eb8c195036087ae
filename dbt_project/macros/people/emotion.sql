{#-
    How a customer felt at a touchpoint, from -1 to 1, where they said so: in a survey by how far the answer is from the
    best one, at the end of a ticket, in a pulse (whose other answer is no joy: 0), in public as the
    tool reckons that they speak. Null where nobody asked: no signal is not a neutral one.
-#}
{% macro emotion() -%}
    case
        when question = 'sentiment'
            then case answer when 'positive' then 1e0 when 'neutral' then 0e0 when 'negative' then -1e0 end
        {% for pulse, bad in [('too_much', 'yes'), ('clear', 'no')] %}
        when question = '{{ pulse }}'
            then case
                when answer = '{{ bad }}' then {{ var('pulse_emotion') }}
                when answer is not null then 0e0
            end
        {% endfor %}
        when question = 'mention' then round(try_cast(answer as double) * 1e4) / 1e4
        else round((1e0 - 2e0 * ({{ survey_dissatisfaction() }})) * 1e4) / 1e4
    end
{%- endmacro %}

{#- Who tells how a customer felt at a step that says so; its topic is the question. -#}
{% macro emotion_source() -%}
    case
        when topic = 'sentiment' then 'ticket'
        when topic in ('too_much', 'clear') then 'pulse'
        when topic = 'mention' then 'mention'
        else 'survey'
    end
{%- endmacro %}
