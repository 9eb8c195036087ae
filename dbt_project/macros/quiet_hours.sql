{#-
    Is this hour of her day outside those she allows? `from_hour` is the first hour she allows, `to_hour`
    the first one she does not (24 is midnight); 22 to 6 runs over midnight, equal hours are all day.
-#}
{% macro is_quiet_hour(local_hour, from_hour, to_hour) -%}
    case
        when {{ from_hour }} = {{ to_hour }} % 24 then false
        when {{ from_hour }} < {{ to_hour }}
            then {{ local_hour }} < {{ from_hour }} or {{ local_hour }} >= {{ to_hour }}
        else {{ local_hour }} < {{ from_hour }} and {{ local_hour }} >= {{ to_hour }}
    end
{%- endmacro %}
