{#- What makes two spellings of a name, an address or a country the same thing. -#}

{#-
    Text as it is compared, never as it is shown: composed (NFC), without marks (Vietnamese is
    typed with and without), lower case, Arabic letters as their Persian twins, digits of any
    keyboard as ASCII, and without what cannot be seen (joiners, marks of direction, kashida).
-#}
{% macro folded(expression) -%}
    translate(
        replace(
            lower(
                strip_accents(
                    nfc_normalize(
                        {{ replaced(
                            expression,
                            '[\\x{00AD}\\x{0640}\\x{200B}-\\x{200F}\\x{202A}-\\x{202E}\\x{2060}-\\x{206F}\\x{FEFF}]',
                            ''
                        ) }}
                    )
                )
            ),
            'ß',
            'ss'
        ),
        'đøłıيىئكةۀەؤ٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹',
        'doliیییکهههو01234567890123456789'
    )
{%- endmacro %}

{#- The words of a name in one order, so that family name first or last is the same; null if none. -#}
{% macro name_key(first_name, last_name) -%}
    {% set words = all_found(folded("concat_ws(' ', " ~ first_name ~ ', ' ~ last_name ~ ')'), '[\\p{L}\\p{N}]+') %}
    nullif({{ joined(sorted_list(words), ' ') }}, '')
{%- endmacro %}

{#- The name of a town or a firm as it is compared: its words as they stand. -#}
{% macro place_key(expression) -%}
    nullif({{ trimmed(replaced(folded(expression), '[^\\p{L}\\p{N}]+', ' ')) }}, '')
{%- endmacro %}

{#- A postcode as it is compared: SW1Y4JH is SW1Y 4JH, and of a long American one the short. -#}
{% macro postcode_key(expression) -%}
    replace({{ replaced(place_key(expression), '^(\\d{5}) \\d{4}$', '\\1') }}, ' ', '')
{%- endmacro %}

{#-
    A name as it ties: in Arabic script, which leaves it open whether the parts of a name are joined, its
    letters one after the other, given or family name first.
-#}
{% macro tying_name(first_name, last_name) -%}
    {% set first = replaced(folded('coalesce(' ~ first_name ~ ", '')"), '[^\\p{L}\\p{N}]', '') %}
    {% set last = replaced(folded('coalesce(' ~ last_name ~ ", '')"), '[^\\p{L}\\p{N}]', '') %}
    case
        when {{ finds(name_key(first_name, last_name), '\\p{Arabic}') }}
            then least({{ first }} || {{ last }}, {{ last }} || {{ first }})
        else {{ name_key(first_name, last_name) }}
    end
{%- endmacro %}

{#-
    An address in one spelling: systems store it in lower case or as typed, composed or not, with what a
    page's copy left in it. Null for what is no address.
-#}
{% macro plain_email(email) -%}
    {% set unseen = '[\\s\\x00\\x0B\\x{00AD}\\x{061C}\\x{200B}-\\x{200F}\\x{202A}-\\x{202E}'
        ~ '\\x{2060}-\\x{206F}\\x{FE00}-\\x{FE0F}\\x{FEFF}]' %}
    {% set address = extracted(
        replaced(email, unseen, ''), '(?:mailto:)?([^<>;,:()"]+@[^<>;,:()"]*[^<>;,:()".])', 1
    ) %}
    lower(nfc_normalize(nullif({{ address }}, '')))
{%- endmacro %}

{#-
    An address as it is compared: besides, a domain of another script has an ASCII form (IDNA). Dots and
    tags before the @ count, except where the policy says not.
-#}
{% macro email_key(email) -%}
    {% set domains = var('identity_email_loose_domains') %}
    {% set address = plain_email(email) %}
    {% set ascii -%}
    case
        when {{ finds(address, '@.*[^\\x00-\\x7F]') }}
            then {{ extracted(address, '^(.*@)', 1) }} || idna(split_part({{ address }}, '@', -1))
        else {{ address }}
    end
    {%- endset %}
    {% if domains -%}
    case
        when split_part({{ ascii }}, '@', -1) in ({{ sql_texts(domains) }})
            then
                replace({{ replaced(ascii, '(\\+.*)?@[^@]*$', '') }}, '.', '')
                || '@' || split_part({{ ascii }}, '@', -1)
        else {{ ascii }}
    end
    {%- else -%}
    {{ ascii }}
    {%- endif %}
{%- endmacro %}

{#- What stands before the @ and before a +tag: a post's name or a word for "none". -#}
{% macro mailbox_of(email_key) -%}
    {{ extracted(email_key, '^[^+@]*') }}
{%- endmacro %}

{#- Letters and digits alone: "N/A", "n.a." and "na" are one word for nothing. -#}
{% macro bare(expression) -%}
    {{ replaced('lower(' ~ expression ~ ')', '[^\\p{L}\\p{N}]', '') }}
{%- endmacro %}

{#- Country of telephone numbers written without one: the contact's own, else the source's. -#}
{% macro phone_region(source, country_code) -%}
    coalesce(
        case when {{ matches(country_code, '[A-Z]{2}') }} then {{ country_code }} end,
        case {{ source }}
            {% for name, region in var('identity_phone_regions').items() %}
            when {{ sql_text(name) }} then {{ sql_text(region) }}
            {% endfor %}
            else ''
        end
    )
{%- endmacro %}

{#- Rules that tie records, the strongest first; a record is said to be matched by its strongest. -#}
{% macro identity_rules() -%}
    {{ return(['override', 'crm_merge', 'external_id', 'email', 'former_email', 'phone', 'fuzzy']) }}
{%- endmacro %}

{#- Place of a rule in that order, from 0. -#}
{% macro rule_strength(rule) -%}
    case {{ rule }}
        {% for name in identity_rules() %}
        when '{{ name }}' then {{ loop.index0 }}
        {% endfor %}
    end
{%- endmacro %}

{#- What a rule's values are: an address is the same address whether it is held still or was. -#}
{% macro value_kind(rule) -%}
    case {{ rule }} when 'former_email' then 'email' else {{ rule }} end
{%- endmacro %}

{#- The id of the customer whose anchor a record is. -#}
{% macro customer_id_of(contact) -%}
    {{ surrogate_id(contact ~ ".source || ':' || " ~ contact ~ ".source_record_id") }}
{%- endmacro %}

{#- The stream of a source that holds persons, as removals name it. -#}
{% macro person_stream(source) -%}
    case {{ source }} when 'hubspot' then 'contacts' when 'klaviyo' then 'profiles' else 'customers' end
{%- endmacro %}
