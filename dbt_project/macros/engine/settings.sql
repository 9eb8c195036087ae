{#-
    An engine that would read the project's SQL in another way builds nothing. DuckDB has no setting that changes what
    a statement says; Spark has, and a cluster's administrator may have set them.
-#}
{% macro require_engine_settings() -%}{{ adapter.dispatch('require_engine_settings', 'rapport')() }}{%- endmacro %}

{% macro default__require_engine_settings() -%}{%- endmacro %}

{% macro spark__require_engine_settings() -%}
    {% set needed = {
        'spark.sql.ansi.enabled': 'true',
        'spark.sql.ansi.doubleQuotedIdentifiers': 'true',
        'spark.sql.legacy.consecutiveStringLiterals.enabled': 'false',
        'spark.sql.parser.escapedStringLiterals': 'false',
        'spark.sql.session.timeZone': 'UTC',
        'spark.sql.timestampType': 'TIMESTAMP_NTZ',
    } %}
    {% if execute %}
        {% for name, value in needed.items() %}
            {% set found = run_query('set ' ~ name).rows[0][1] %}
            {% if found != value %}
                {{ exceptions.raise_compiler_error(
                    'Spark has ' ~ name ~ '=' ~ found ~ ', and the models need ' ~ value
                    ~ ': set it for the session or the server (dbt_project/profiles.yml says all)'
                ) }}
            {% endif %}
        {% endfor %}
    {% endif %}
{%- endmacro %}
