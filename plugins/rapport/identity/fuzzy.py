"""Records that look like one person although no rule says so; off unless the policy asks for it.

Fellegi-Sunter weights by Splink on DuckDB. The weights are fixed, not fitted to tonight's records:
what two records say of one another then depends on nobody else, and a pair that was tied last
night is tied tonight. Where they come from is in decision 15; `python -m benchmarks.identity
weights` counts them again.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow

PRIOR = 1e-5
"""Probability that two records out of all are one person, before anything is compared."""

MOST_RECORDS_PER_KEY = 100
"""A key that more records share is no reason to compare any of them: a date that somebody typed
because the form wanted one, a name of thousands. It bounds the work, never a score."""

Level = tuple[str, float, float]
"""An SQL condition on both records, how often it holds for one person (m), for two (u)."""

Comparison = tuple[str, Sequence[Level]]
"""When nothing can be said of two records, as an SQL condition; the levels, the most alike first."""


def _unknown(column: str) -> str:
    return f"{column}_l is null or {column}_r is null"


COMPARISONS: dict[str, Comparison] = {
    # A name that very many have says little; so does a family name or a given name alone.
    "name": (
        _unknown("name_key"),
        (
            (
                "is_common_name_l and is_common_name_r and name_likeness(words_l, words_r) "
                "in ('same', 'shorter')",
                0.10,
                1.2e-4,
            ),
            ("name_key_l = name_key_r", 0.58, 2e-6),
            ("name_likeness(words_l, words_r) = 'shorter'", 0.04, 4e-6),
            ("name_likeness(words_l, words_r) = 'misspelt'", 0.09, 1e-5),
            ("name_likeness(words_l, words_r) = 'misspelt twice'", 0.02, 5e-6),
            ("name_likeness(words_l, words_r) = 'variant'", 0.04, 2e-5),
            ("name_likeness(words_l, words_r) = 'incomplete'", 0.04, 1.5e-3),
            ("name_likeness(words_l, words_r) = 'part'", 0.08, 4e-3),
            ("ELSE", 0.01, 0.994),
        ),
    ),
    # On the first of January is born who was, and everybody whose birthday nobody knew.
    "birth_date": (
        _unknown("born"),
        (
            ("born_l = born_r and born_l like '%0101'", 0.02, 4e-5),
            ("born_l = born_r", 0.90, 6e-5),
            ("is_date_misread(born_l, born_r)", 0.05, 2e-3),
            ("ELSE", 0.03, 0.998),
        ),
    ),
    "email": (
        _unknown("email_local"),
        (
            ("email_local_l = email_local_r and email_domain_l = email_domain_r", 0.30, 1e-6),
            (
                "is_own_email(email_local_l, email_domain_l, email_local_r, email_domain_r)",
                0.20,
                2e-5,
            ),
            # Made of the name alone it says little more than the name.
            ("email_local_l = email_local_r", 0.15, 4e-2),
            ("jaro_winkler_similarity(email_local_l, email_local_r) >= 0.92", 0.05, 3e-2),
            ("ELSE", 0.30, 0.93),
        ),
    ),
    "phone": (
        _unknown("phone"),
        (
            ("phone_l = phone_r", 0.70, 5e-5),
            ("damerau_levenshtein(phone_l, phone_r) = 1", 0.10, 2e-5),
            ("ELSE", 0.20, 0.99993),
        ),
    ),
    "place": (
        f"({_unknown('city')}) and ({_unknown('postcode')})",
        (
            ("postcode_l = postcode_r and not is_other(city_l, city_r)", 0.60, 5e-4),
            ("city_l = city_r and is_near(postcode_l, postcode_r)", 0.10, 5e-4),
            ("is_near(city_l, city_r) and is_near(postcode_l, postcode_r)", 0.04, 5e-4),
            ("city_l = city_r and not is_other(postcode_l, postcode_r)", 0.10, 4e-3),
            ("is_near(city_l, city_r) and not is_other(postcode_l, postcode_r)", 0.02, 2e-3),
            ("city_l = city_r or postcode_l = postcode_r", 0.06, 1e-2),
            ("ELSE", 0.08, 0.98),
        ),
    ),
    "company": (_unknown("company"), (("company_l = company_r", 0.5, 1e-2), ("ELSE", 0.5, 0.99))),
}

# Records are compared that share a key. What a rule ties, or two customer numbers keep apart, is
# not a question of likeness.
BLOCK = {
    "blocking_rule": (
        "l.key = r.key and (l.external_id is null or r.external_id is null) "
        "and (l.email_key <> r.email_key or l.email_key is null or r.email_key is null)"
    ),
    "sql_dialect": "duckdb",
    "arrays_to_explode": ["key"],
}

# What the conditions above ask, in words. Two words are a misspelling of each other if they are long
# enough for a slip to show and begin alike. Short ones, and those that differ in a last vowel alone,
# are as often two names (Tim and Tom, Anna and Anne, Daniel and Daniela).
MACROS = """
create macro is_misspelt(one, other) as
    least(length(one), length(other)) >= 5
    and (one[1] = other[1] or least(length(one), length(other)) >= 7)
    and damerau_levenshtein(one, other) <= if(least(length(one), length(other)) >= 8, 2, 1)
    and rtrim(one, 'aeiouy') <> rtrim(other, 'aeiouy');

create macro is_variant(one, other) as
    starts_with(one, other)
    or starts_with(other, one)
    or damerau_levenshtein(one, other) <= if(least(length(one), length(other)) >= 5, 2, 1)
    or jaro_winkler_similarity(one, other) >= 0.88;

create macro unshared(words, others) as
    list_filter(words, lambda word: not list_contains(others, word));

create macro misspelt_words(words, others) as list_filter(
    words, lambda word: len(list_filter(others, lambda other: is_misspelt(word, other))) > 0
);

create macro variant_words(words, others) as list_filter(
    words, lambda word: len(list_filter(others, lambda other: is_variant(word, other))) > 0
);

-- `fewer` and `more` are the words that only one of the two has, first those of the shorter name.
create macro rest_likeness(fewer, more, shared_count) as case
    when len(fewer) = 0 and len(more) = 0 then 'same'
    when len(fewer) = 0 and shared_count >= 2 then 'shorter'
    when len(fewer) + shared_count >= 2 and len(misspelt_words(fewer, more)) = len(fewer)
        then if(len(fewer) = 1, 'misspelt', 'misspelt twice')
    when len(fewer) + shared_count >= 2 and len(variant_words(fewer, more)) = len(fewer)
        then 'variant'
    when len(fewer) + shared_count < 2
        then if(len(variant_words(fewer, more)) = len(fewer), 'incomplete', 'other')
    when shared_count > 0 or len(variant_words(fewer, more)) > 0 then 'part'
    else 'other'
end;

create macro name_likeness(words, others) as if(
    len(words) <= len(others),
    rest_likeness(
        unshared(words, others), unshared(others, words), len(words) - len(unshared(words, others))
    ),
    rest_likeness(
        unshared(others, words), unshared(words, others), len(others) - len(unshared(others, words))
    )
);

-- A slip of the keys, the day before the month, or midnight read in another time zone.
create macro is_date_misread(one, other) as
    damerau_levenshtein(one, other) = 1
    or one = other[1:4] || other[7:8] || other[5:6]
    or abs(date_diff('day', strptime(one, '%Y%m%d'), strptime(other, '%Y%m%d'))) = 1;

create macro is_near(one, other) as
    coalesce(damerau_levenshtein(one, other) <= if(length(one) >= 8, 2, 1), false);

create macro is_other(one, other) as
    coalesce(damerau_levenshtein(one, other) > if(length(one) >= 8, 2, 1), false);

-- The same but for a slip of the keys on one side of the @, or with a number that is one person's.
-- Another number is another person.
create macro is_own_email(local_part, domain, other_local_part, other_domain) as
    regexp_replace(local_part, '[^0-9]', '', 'g')
        = regexp_replace(other_local_part, '[^0-9]', '', 'g')
    and case
        when local_part = other_local_part
            then regexp_matches(local_part, '[0-9]{2}')
                or damerau_levenshtein(domain, other_domain) = 1
        when
            regexp_matches(local_part, '[0-9]{2}')
            and (starts_with(local_part, other_local_part)
                or starts_with(other_local_part, local_part))
            then true
        else
            domain = other_domain
            and least(length(local_part), length(other_local_part)) >= 7
            and damerau_levenshtein(local_part, other_local_part) = 1
    end;
"""

_RECORDS = """
with

addressed as (
    select
        *,
        lower(regexp_replace(email_key, '([+].*)?@[^@]*$', '')) as local_part,
        split_part(email_key, '@', -1) as domain
    from contacts
    where is_record
),

-- Which of the words of a name are names that others have too.
known as (
    select
        words.record_number,
        bool_and(coalesce(common_names.is_widespread, false)) as is_common_name,
        coalesce(list(words.word) filter (common_names.is_given_name), []) as given_names
    from (
        select record_number, unnest(string_split(name_key, ' ')) as word from addressed
    ) as words
    left join common_names on words.word = common_names.word
    group by words.record_number
),

records as (
    select
        addressed.record_number as unique_id,
        external_id,
        -- An address of a post says nothing of who has it; dots and dashes are soon mistyped.
        case when roles.local_part is null then email_key end as email_key,
        case when roles.local_part is null then regexp_replace(addressed.local_part, '[^a-z0-9]+', '.', 'g') end
            as email_local,
        regexp_replace(domain, '[.]+', '.', 'g') as email_domain,
        regexp_replace(addressed.local_part, '[^0-9]+', '', 'g') as figures,
        name_key,
        string_split(name_key, ' ') as words,
        string_split(given_name_key, ' ') as first_words,
        array_to_string(list_sort(list_transform(words, lambda word: word[1])), '') as initials,
        coalesce(known.is_common_name, false) as is_common_name,
        known.given_names,
        -- The zeros of clocks and spreadsheets are nobody's birthday.
        case
            when
                birth_date between date '1900-01-02' and first_load_date
                and birth_date <> date '1970-01-01'
                then strftime(birth_date, '%Y%m%d')
        end as born,
        date_diff('year', birth_date, first_load_date) as age_when_first_seen,
        phone_e164 as phone,
        postcode_key as postcode,
        city_key as city,
        company_name_key as company
    from addressed
    left join known on addressed.record_number = known.record_number
    left join roles on addressed.local_part = roles.local_part
),

keys as (
    select unique_id, unnest([
        'phone ' || phone,
        'email ' || if(length(email_local) >= 4, email_local, null),
        'begin ' || if(length(email_local) >= 8, email_local[:6] || '@' || email_domain, null),
        'end ' || if(length(email_local) >= 8, email_local[-6:] || '@' || email_domain, null),
        'longer begin ' || if(length(email_local) >= 12, email_local[:10] || '@' || email_domain, null),
        'longer end ' || if(length(email_local) >= 12, email_local[-10:] || '@' || email_domain, null),
        'figures ' || if(length(figures) >= 3, figures || ' ' || email_local[:2], null),
        'name, postcode ' || name_key || ' ' || postcode,
        'name, city ' || name_key || ' ' || city,
        'name, company ' || name_key || ' ' || company,
        'name, day ' || name_key || ' ' || born[5:],
        'name, year ' || name_key || ' ' || born[:4],
        'born, postcode ' || born || ' ' || postcode,
        'born, city ' || born || ' ' || city,
        'born, initials ' || born || ' ' || initials,
        'postcode, initials ' || postcode || ' ' || initials
    ]) as key
    from records
    union
    select unique_id, unnest(list_transform(words, lambda word: 'born, word ' || born || ' ' || word))
    from records
    union
    select
        unique_id,
        unnest(list_transform(
            words, lambda word: 'postcode, word ' || postcode || ' ' || word
        ))
    from records
),

shared as (
    select key
    from keys
    where key is not null
    group by key
    having count(*) between 2 and {most}
)

select records.*, held.key
from records
inner join (
    select keys.unique_id, list(keys.key) as key
    from keys
    inner join shared using (key)
    group by keys.unique_id
) as held using (unique_id)
"""
# Where households are among the customers, likeness alone does not tie
# - two whose birth dates differ by more than a slip: father and son share all the rest;
# - two who each have a given name that the other lacks: so do twins;
# - a shortened name, or a part of one, without the day of birth: Anna and A. may be a couple. With
#   it, the given name must be the same: then it is who married.
_PAIRS = """
with

scored as (
    select
        least(unique_id_l, unique_id_r) as record_number_a,
        greatest(unique_id_l, unique_id_r) as record_number_b,
        match_probability
    from scores
),

likened as (
    select
        scored.*,
        coalesce(name_likeness(a.words, b.words), 'other') as likeness,
        len(unshared(a.given_names, b.words)) > 0 and len(unshared(b.given_names, a.words)) > 0
            as are_two_given_names,
        coalesce(list_has_all(b.words, a.first_words) and list_has_all(a.words, b.first_words), false)
            as is_given_name_shared,
        coalesce(a.born = b.born, false) as is_born_alike,
        coalesce(is_near(a.postcode, b.postcode) and is_near(a.city, b.city), false)
            as is_home_alike,
        (a.email_local is null or b.email_local is null) and (a.phone is null or b.phone is null)
            as has_no_address_to_compare,
        coalesce(least(a.age_when_first_seen, b.age_when_first_seen) >= 18, false) as are_of_age,
        coalesce(a.born <> b.born and not is_date_misread(a.born, b.born), false) as is_born_apart,
        coalesce(
            is_own_email(a.email_local, a.email_domain, b.email_local, b.email_domain), false
        ) as is_own_email
    from scored
    inner join records as a on scored.record_number_a = a.unique_id
    inner join records as b on scored.record_number_b = b.unique_id
),

judged as (
    select
        *,
        is_born_apart
        or case
            when likeness in ('same', 'shorter') then false
            when likeness in ('misspelt', 'misspelt twice')
                then are_two_given_names and not is_own_email
            when likeness = 'variant'
                then are_two_given_names and not is_own_email
                    or not (is_born_alike or is_own_email or is_given_name_shared)
            when likeness = 'incomplete' then not is_born_alike
            else not (is_given_name_shared and is_born_alike)
        end
        and not (
            {trusts_birth_date}
            and likeness <> 'other'
            and is_born_alike
            and is_home_alike
            and has_no_address_to_compare
            and are_of_age
        ) as may_be_of_one_household
    from likened
)

select
    a.source as source_a,
    a.source_record_id as record_id_a,
    b.source as source_b,
    b.source_record_id as record_id_b,
    judged.match_probability as score,
    judged.match_probability >= {tie_from}
        and not judged.may_be_of_one_household as is_tied,
    greatest(a.first_load_date, b.first_load_date) as valid_from
from judged
inner join contacts as a on judged.record_number_a = a.record_number
inner join contacts as b on judged.record_number_b = b.record_number
order by judged.record_number_a, judged.record_number_b
"""


def pairs(
    contacts: Any,
    roles: Any,
    common_names: Any,
    *,
    is_on: bool,
    tie_from: float,
    review_from: float,
    trusts_birth_date: bool,
) -> "pyarrow.Table":
    """Return the pairs of records with a score of at least ``review_from``.

    Args:
        contacts: DuckDB relation of ``int_identity__contacts``.
        roles: DuckDB relation of ``role_addresses``, whose addresses say nothing of a person.
        common_names: DuckDB relation of ``common_names``, whose words many people are called.
        is_on: without it there are no pairs, and Splink is not even imported.
        tie_from: score from which a pair ``is_tied`` without asking anybody.
        review_from: score from which a person may want to look.
        trusts_birth_date: see the policy ``fuzzy_identity_trusts_birth_date``.
    """
    import duckdb

    with duckdb.connect() as connection:  # Splink's own tables stay out of the warehouse
        connection.register("contacts", (contacts if is_on else contacts.limit(0)).to_arrow_table())
        connection.register("roles", roles.to_arrow_table())
        connection.register("common_names", common_names.to_arrow_table())
        records = connection.sql(_RECORDS.format(most=MOST_RECORDS_PER_KEY)).to_arrow_table()
        scored = _scores(records, at_least=review_from) if records.num_rows else _no_scores()
        connection.register("records", records)
        connection.register("scores", scored)
        connection.execute(MACROS)
        return connection.sql(
            _PAIRS.format(tie_from=float(tie_from), trusts_birth_date=bool(trusts_birth_date))
        ).to_arrow_table()


def _scores(records: "pyarrow.Table", *, at_least: float) -> "pyarrow.Table":
    """Return (unique_id_l, unique_id_r, match_probability) of the pairs that reach a score."""
    import duckdb
    from splink import DuckDBAPI, Linker

    settings = {
        "link_type": "dedupe_only",
        "probability_two_random_records_match": PRIOR,
        "comparisons": [_comparison(name, *levels) for name, levels in COMPARISONS.items()],
        "blocking_rules_to_generate_predictions": [BLOCK],
        "retain_matching_columns": False,
    }
    with duckdb.connect() as connection:
        connection.execute(MACROS)
        database = DuckDBAPI(connection=connection)
        linker = Linker(database.register(records), settings, log_level=None)
        linker.inference.predict(threshold_match_probability=at_least).as_duckdbpyrelation().create(
            "predicted"
        )
        return connection.sql(
            "select unique_id_l, unique_id_r, match_probability from predicted order by all"
        ).to_arrow_table()


def _comparison(name: str, unknown: str, levels: Sequence[Level]) -> dict[str, Any]:
    return {
        "output_column_name": name,
        "comparison_levels": [
            {"sql_condition": unknown, "label_for_charts": "unknown", "is_null_level": True},
            *(
                {
                    "sql_condition": condition,
                    "label_for_charts": condition,
                    "m_probability": m,
                    "u_probability": u,
                }
                for condition, m, u in levels
            ),
        ],
    }


def _no_scores() -> "pyarrow.Table":
    import pyarrow

    number, score = pyarrow.array([], pyarrow.int64()), pyarrow.array([], pyarrow.float64())
    return pyarrow.table({"unique_id_l": number, "unique_id_r": number, "match_probability": score})
