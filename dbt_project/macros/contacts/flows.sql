{#- What a flow sent without saying which message it was is one message of it, and not in no sum. -#}
{% macro message_of_flow() -%}
    coalesce(message_id, 'unnamed:' || flow_id)
{%- endmacro %}

{#- Does a flow serve customers and sell nothing? Told by a tag or a name, as the policy says. -#}
{% macro is_service_flow(name, tags) -%}
    (
        {{ has_tag(tags, var('service_flow_tag')) }}
        {% if var('service_flow_name_pattern') %}
        or coalesce({{ finds(name, var('service_flow_name_pattern')) }}, false)
        {% endif %}
    )
{%- endmacro %}

{#- The mailing tool's word for what a campaign or message goes out on, by the name that channels have everywhere. -#}
{% macro channel_of_message(column) -%}
    case {{ replaced('lower(' ~ clean_text(column) ~ ')', '[^a-z]', '') }}
        when 'mobilepush' then 'push'
        when 'pushnotification' then 'push'
        else lower({{ clean_text(column) }})
    end
{%- endmacro %}

{#-
    Touchpoint of what somebody did on the web. Klaviyo numbers it together with what became of messages; any other
    source may have given both the same number.
-#}
{% macro web_touchpoint_id() -%}
    case when source = 'klaviyo' then 'klaviyo:' || event_id else source || ':web:' || event_id end
{%- endmacro %}

{#- Is it a thing that becomes of a message, and not one that people do on the web or in a store? -#}
{% macro is_of_message(event_type) -%}
    {{ event_type }} in (
        'sent', 'delivered', 'bounced', 'dropped', 'opened', 'clicked', 'replied', 'answered',
        'unsubscribed', 'complained'
    )
{%- endmacro %}
