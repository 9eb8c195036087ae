"""Records that look like one person although no rule says so; off unless the policy asks for it.

Fellegi-Sunter weights by Splink on DuckDB. The weights are fixed, not fitted to tonight's records:
what two records say of one another then depends on nobody else, and a pair that was tied last
night is tied tonight. Decision 16 says where they come from. One thing is asked of the base:
whether people who live together are in it at all (`Base`).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import duckdb
    import pyarrow

PRIOR = 1e-5
"""Probability that two records out of all are one person, before anything is compared."""

LEAST_ALIKE = 100
"""Pairs that agree in all, below which a base is too small to tell whether it has households."""

LEAST_PROBABILITY = 0.05
"""What is less probable is tied in no base, however sure the other ties are."""

MOST_RECORDS_PER_KEY = 50
"""A key that more records share is no reason to compare any of them: a date that somebody typed
because the form wanted one, a name of thousands. It bounds the work, never a score."""

Level = tuple[str, float, float]
"""What two records have in common, how often it is so for one person (m), for two (u)."""

COMPARISONS: dict[str, Sequence[Level]] = {
    # A name that very many have says little; so does a family name or a given name alone.
    "name": (
        ("same of many", 0.10, 1.3e-4),
        ("same", 0.55, 2e-6),
        ("shorter", 0.04, 4e-6),
        ("misspelt", 0.09, 1e-5),
        ("misspelt twice", 0.02, 5e-6),
        ("variant", 0.04, 2e-5),
        ("incomplete", 0.04, 1.5e-3),
        ("part", 0.07, 2e-4),
        ("part of many", 0.04, 2e-3),
        ("other", 0.01, 0.994),
    ),
    # On the first of January is born who was, and everybody whose birthday nobody knew.
    "birth_date": (
        ("same new year", 0.02, 3.5e-5),
        ("same", 0.90, 6e-5),
        ("misread", 0.05, 2e-3),
        ("other", 0.03, 0.998),
    ),
    # Made of the name alone (`alike`), an address says little more than the name; with another
    # number (`numbered`) it is how namesakes are told apart.
    "email": (
        ("same", 0.30, 1e-6),
        ("own", 0.20, 2e-5),
        ("alike", 0.15, 4e-2),
        ("numbered", 0.006, 0.1),
        ("near", 0.05, 3e-2),
        ("other", 0.294, 0.83),
    ),
    "phone": (("same", 0.70, 5e-5), ("misspelt", 0.10, 2e-5), ("other", 0.20, 0.99993)),
    "place": (
        ("postcode and city", 0.50, 1.5e-4),
        ("postcode", 0.10, 1e-3),
        ("city and near postcode", 0.10, 1e-3),
        ("near both", 0.04, 1e-3),
        ("city", 0.10, 4e-3),
        ("near city", 0.02, 2e-3),
        ("postcode alone", 0.04, 3e-3),
        ("city alone", 0.02, 1e-2),
        ("other", 0.08, 0.98),
    ),
    "company": (("same", 0.5, 1e-2), ("other", 0.5, 0.99)),
}

# Records are compared that share one of these: SQL of a record's own values, or of a list of them.
KEYS = (
    "phone",
    # a misspelt address has one end, or its number, right
    "if(length(email_local) >= 4, email_local, null)",
    "if(length(email_local) >= 8, email_local[:6] || '@' || email_domain, null)",
    "if(length(email_local) >= 8, email_local[-6:] || '@' || email_domain, null)",
    "if(length(email_local) >= 12, email_local[:10] || '@' || email_domain, null)",
    "if(length(email_local) >= 12, email_local[-10:] || '@' || email_domain, null)",
    "if(length(figures) >= 3, figures || ' ' || email_local[:2], null)",
    # a misspelt birth date has the name right ...
    "name_key || ' ' || postcode",
    "name_key || ' ' || city",
    "name_key || ' ' || company",
    "name_key || ' ' || born[5:]",
    "name_key || ' ' || born[:4]",
    # ... and a misspelt name the birth date, or a word and the place
    "born || ' ' || postcode",
    "born || ' ' || city",
    "born || ' ' || initials",
    "list_transform(words, lambda word: born || ' ' || word)",
    "postcode || ' ' || initials",
    "list_transform(words, lambda word: postcode || ' ' || word)",
    # ... or a word and the city as far as it was typed right, where the postcode is wrong too ...
    "list_transform(words, lambda word: city[:4] || ' ' || word)",
    "born || ' ' || city[:4]",
    "city || ' ' || initials",
    "name_key || ' ' || city[:4]",
    "name_key || ' ' || postcode[:2]",
    # ... or the home alone, in places that are small or in a base that is.
    "postcode || ' ' || city",
)

# Two words are a misspelling of each other if they are long enough for a slip to show and begin
# alike. Short ones, and those that differ in a last vowel alone, are as often two names (Tim and
# Tom, Anna and Anne, Daniel and Daniela).
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

_CONTACTS = (
    "record_number, source, source_record_id, external_id, email_key, name_key, given_name_key, "
    "birth_date, phone_e164, postcode_key, city_key, company_name_key, is_record, first_load_date"
)
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

-- A date that one record in two hundred has is no birthday: one day in a lifetime is a ninetieth of
-- that. Only bases that are large enough to tell have such.
fillers as (
    select birth_date
    from addressed
    where birth_date is not null
    group by birth_date
    having
        count(*) > 100
        and count(*) > 0.005 * (select count(birth_date) from addressed)
),

-- Which of the words of a name are names that others have too.
known as (
    select
        words.record_number,
        bool_and(coalesce(common_names.is_widespread, false)) as is_common_name,
        coalesce(list(words.word) filter (common_names.is_given_name), []) as given_names,
        coalesce(
            list(words.word) filter (
                length(words.word) >= 3
                and not coalesce(common_names.is_widespread or common_names.is_given_name, false)
            ),
            []
        ) as rare_words
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
        case
            when roles.local_part is null
                then regexp_replace(addressed.local_part, '[^\\p{L}\\p{N}]+', '.', 'g')
        end as email_local,
        regexp_replace(domain, '[.]+', '.', 'g') as email_domain,
        regexp_replace(addressed.local_part, '[^0-9]+', '', 'g') as figures,
        regexp_replace(addressed.local_part, '[^\\p{L}]+', '', 'g') as email_letters,
        name_key,
        string_split(name_key, ' ') as words,
        string_split(given_name_key, ' ') as first_words,
        array_to_string(list_sort(list_transform(words, lambda word: word[1])), '') as initials,
        coalesce(known.is_common_name, false) as is_common_name,
        known.given_names,
        known.rare_words,
        -- The zeros of clocks and spreadsheets are nobody's birthday, nor what a form fills in.
        case
            when
                birth_date between date '1900-01-02' and first_load_date
                and birth_date <> date '1970-01-01'
                and birth_date not in (select birth_date from fillers)
                then strftime(birth_date, '%Y%m%d')
        end as born,
        phone_e164 as phone,
        postcode_key as postcode,
        city_key as city,
        company_name_key as company
    from addressed
    left join known on addressed.record_number = known.record_number
    left join roles on addressed.local_part = roles.local_part
)

select * from records
"""
# What a rule ties, or two customer numbers keep apart, is not a question of likeness; nor is it two
# names that are nothing like each other, if neither birth date, address nor telephone is the same.
_CANDIDATES = """
insert into candidates
with

keys as (
    select distinct unique_id, hash(key) as key
    from (select unique_id, unnest({key}) as key from records)
    where key is not null
),

held as (
    select key, list(unique_id) as unique_ids
    from keys
    group by key
    having count(*) between 2 and {most}
),

sides as (select key, unnest(unique_ids) as unique_id from held)

select distinct l.unique_id, r.unique_id
from sides as l_side
inner join sides as r_side
    on l_side.key = r_side.key and l_side.unique_id < r_side.unique_id
inner join records as l on l_side.unique_id = l.unique_id
inner join records as r on r_side.unique_id = r.unique_id
where
    (l.external_id is null or r.external_id is null)
    and (l.email_key <> r.email_key or l.email_key is null or r.email_key is null)
    and (
        coalesce(jaro_winkler_similarity(l.name_key, r.name_key) >= 0.75, true)
        or list_has_any(l.words, r.words)
        or l.born = r.born
        or l.email_local = r.email_local
        or l.phone = r.phone
    )
"""
# What two records have in common, each question asked once; null where one of them does not say.
_COMPARED = """
create table compared as
with

pairs as (
    select
        *,
        row_number() over (order by record_number_a, record_number_b) as pair_number
    from (select distinct record_number_a, record_number_b from candidates)
),

likened as (
    select
        pairs.*,
        a,
        b,
        case
            when a.name_key = b.name_key then 'same' else name_likeness(a.words, b.words)
        end as likeness,
        case
            when a.born = b.born then if(a.born like '%0101', 'same new year', 'same')
            when is_date_misread(a.born, b.born) then 'misread'
            when a.born <> b.born then 'other'
        end as birth_date,
        case
            when a.email_local = b.email_local and a.email_domain = b.email_domain then 'same'
            when is_own_email(a.email_local, a.email_domain, b.email_local, b.email_domain)
                then 'own'
            when a.email_local = b.email_local then 'alike'
            when a.email_letters = b.email_letters and a.figures <> '' and b.figures <> ''
                then 'numbered'
            when jaro_winkler_similarity(a.email_local, b.email_local) >= 0.92 then 'near'
            when a.email_local <> b.email_local then 'other'
        end as email,
        case
            when a.phone = b.phone then 'same'
            when damerau_levenshtein(a.phone, b.phone) = 1 then 'misspelt'
            when a.phone <> b.phone then 'other'
        end as phone,
        coalesce(
            list_has_all(b.words, a.first_words) and list_has_all(a.words, b.first_words), false
        ) as is_given_name_shared
    from pairs
    inner join records as a on pairs.record_number_a = a.unique_id
    inner join records as b on pairs.record_number_b = b.unique_id
)

select
    pair_number,
    record_number_a,
    record_number_b,
    case
        when likeness in ('same', 'shorter') and a.is_common_name and b.is_common_name
            then 'same of many'
        when
            likeness = 'part'
            and (
                is_given_name_shared
                or not list_has_any(list_intersect(a.words, b.words), a.rare_words)
            )
            then 'part of many'
        else likeness
    end as name,
    birth_date,
    email,
    phone,
    case
        when a.postcode = b.postcode and (a.city = b.city or is_near(a.city, b.city))
            then 'postcode and city'
        when a.postcode = b.postcode and not is_other(a.city, b.city) then 'postcode'
        when a.city = b.city and is_near(a.postcode, b.postcode) then 'city and near postcode'
        when is_near(a.city, b.city) and is_near(a.postcode, b.postcode) then 'near both'
        when a.city = b.city and not is_other(a.postcode, b.postcode) then 'city'
        when is_near(a.city, b.city) and not is_other(a.postcode, b.postcode) then 'near city'
        when a.postcode = b.postcode then 'postcode alone'
        when a.city = b.city then 'city alone'
        when a.city <> b.city or a.postcode <> b.postcode then 'other'
    end as place,
    case when a.company = b.company then 'same' when a.company <> b.company then 'other' end
        as company,
    -- each has a given name that the other lacks
    len(unshared(a.given_names, b.words)) > 0 and len(unshared(b.given_names, a.words)) > 0
        as are_two_given_names,
    is_given_name_shared,
    -- nobody is a parent at less
    coalesce(abs(a.born[:4]::integer - b.born[:4]::integer) < 15, false) as are_of_one_generation
from likened
"""
# Relatives show in who shares a family name and a home, but neither given name nor birth date.
# Where they are few beside those who agree in all, the base has no households, as a list of members
# may not. Of three relatives to a hundred that agree in all (a quarter of the pairs to be found)
# less than one tie in a hundred would be wrong, were they all tied.
_BASE = """
select
    (select count(*) from records) as record_count,
    count(*) filter (
        name in ('same', 'same of many', 'shorter') and birth_date like 'same%'
    ) as alike_count,
    count(*) filter (name like 'part%' and birth_date = 'other') as relative_count
from compared
where place = 'postcode and city'
"""
# Where there are households, who may be another of the same one is not tied by likeness:
# - whose birth dates differ by more than a slip: father and son share all the rest. Who is too
#   close in age to be either, and has the same name, is one;
# - who has another given name: so have twins. That a name is misspelt shows in its being none, or
#   in an address of one's own;
# - by a part of a name without the day of birth: Anna and A. may be a couple. With it the given
#   name must be the same: then it is who married.
# Where there are none, the score alone decides: the most probable pairs are tied, as many as leave
# the policy's share of ties right.
_PAIRS = """
with

judged as (
    select
        compared.*,
        scores.match_probability,
        coalesce(birth_date = 'other' and not (name = 'same' and are_of_one_generation), false)
        or case
            when name in ('same of many', 'same', 'shorter') then false
            when coalesce(email in ('same', 'own'), false) and name not like 'part%' then false
            when name in ('misspelt', 'misspelt twice') then are_two_given_names
            when name = 'variant'
                then are_two_given_names
                    or not (is_given_name_shared or coalesce(birth_date like 'same%', false))
            when name = 'incomplete' then coalesce(birth_date not like 'same%', true)
            else coalesce(birth_date not like 'same%', true) or not is_given_name_shared
        end as may_be_of_one_household,
        avg(scores.match_probability) over (order by scores.match_probability desc) as share_right
    from scores
    inner join compared on scores.unique_id_l // 2 = compared.pair_number
),

decided as (
    select
        *,
        case
            when {has_households}
                then match_probability >= {tie_from} and not may_be_of_one_household
            else share_right >= {tie_from} and match_probability >= {least}
        end as is_tied
    from judged
)

select
    a.source as source_a,
    a.source_record_id as record_id_a,
    b.source as source_b,
    b.source_record_id as record_id_b,
    decided.match_probability as score,
    decided.is_tied,
    greatest(a.first_load_date, b.first_load_date) as valid_from
from decided
inner join contacts as a on decided.record_number_a = a.record_number
inner join contacts as b on decided.record_number_b = b.record_number
where decided.is_tied or decided.match_probability >= {review_from}
order by decided.record_number_a, decided.record_number_b
"""


class Base(NamedTuple):
    """What the records show of whom they are of.

    Attributes:
        record_count: records that may be tied.
        alike_count: pairs that agree in name, birth date, postcode and city.
        relative_count: pairs that share a name and a home, but neither the other name nor the
            birth date.
    """

    record_count: int
    alike_count: int
    relative_count: int

    def has_households(self, most_relatives: float) -> bool:
        """Whether people who live together are to be reckoned with, as in doubt they are."""
        return (
            self.alike_count < LEAST_ALIKE
            or self.relative_count >= most_relatives * self.alike_count
        )

    @property
    def prior(self) -> float:
        """Probability that two records are one person, by how many pairs agree in all."""
        chances = {
            (comparison, level): m
            for comparison, levels in COMPARISONS.items()
            for level, m, _ in levels
        }
        agree = (
            (chances["name", "same"] + chances["name", "same of many"])
            * chances["birth_date", "same"]
            * chances["place", "postcode and city"]
        )
        return self.alike_count / agree / (self.record_count * (self.record_count - 1) / 2)


def pairs(
    contacts: Any,
    roles: Any,
    common_names: Any,
    *,
    is_on: bool,
    tie_from: float,
    review_from: float,
    most_relatives: float,
) -> "pyarrow.Table":
    """Return the pairs of records with a score of at least ``review_from``.

    Args:
        contacts: DuckDB relation of ``int_identity__contacts``.
        roles: DuckDB relation of ``role_addresses``, whose addresses say nothing of a person.
        common_names: DuckDB relation of ``common_names``, whose words many people are called.
        is_on: without it there are no pairs, and Splink is not even imported.
        tie_from: score from which a pair ``is_tied`` without asking anybody.
        review_from: score from which a person may want to look.
        most_relatives: see the policy ``fuzzy_identity_most_relatives``.
    """
    import duckdb

    with duckdb.connect() as connection:  # Splink's own tables stay out of the warehouse
        given = contacts.project(_CONTACTS) if is_on else contacts.project(_CONTACTS).limit(0)
        connection.register("contacts", given.to_arrow_table())
        connection.register("roles", roles.to_arrow_table())
        connection.register("common_names", common_names.to_arrow_table())
        connection.execute(MACROS)
        connection.execute(f"create table records as {_RECORDS}")
        connection.execute(
            "create table candidates (record_number_a bigint, record_number_b bigint)"
        )
        if is_on:
            for key in KEYS:
                key = key if key.startswith("list_") else f"[{key}]"
                connection.execute(_CANDIDATES.format(key=key, most=MOST_RECORDS_PER_KEY))
        connection.execute(_COMPARED)
        (counts,) = connection.sql(_BASE).fetchall()
        base = Base(*counts)
        has_households = base.has_households(most_relatives)
        if connection.table("compared").limit(1).fetchall():
            if has_households:
                _score(connection, prior=PRIOR, at_least=review_from)
            else:
                least = min(LEAST_PROBABILITY, review_from)
                _score(connection, prior=base.prior, at_least=least)
        else:
            connection.execute("create table scores (unique_id_l bigint, match_probability double)")
        return connection.sql(
            _PAIRS.format(
                has_households=has_households,
                tie_from=float(tie_from),
                review_from=float(review_from),
                least=LEAST_PROBABILITY,
            )
        ).to_arrow_table()


def _score(connection: "duckdb.DuckDBPyConnection", *, prior: float, at_least: float) -> None:
    """Make ``scores`` of what was ``compared``.

    Splink compares rows. Each pair is two rows of its own that both hold what was found, so that
    nothing is found out once more per level.
    """
    from splink import DuckDBAPI, Linker

    columns = ", ".join(COMPARISONS)
    connection.execute(
        f"create table sides as select 2 * pair_number + side as unique_id, {columns} "
        "from compared cross join (values (0), (1)) as sides (side)"
    )
    connection.execute(
        "create table blocked as select '0' as match_key, 2 * pair_number as join_key_l, "
        "2 * pair_number + 1 as join_key_r from compared"
    )
    settings = {
        "link_type": "dedupe_only",
        "probability_two_random_records_match": prior,
        "comparisons": [_comparison(*comparison) for comparison in COMPARISONS.items()],
        # Splink wants one, though the pairs are given.
        "blocking_rules_to_generate_predictions": ["l.unique_id = r.unique_id"],
        "retain_matching_columns": False,
    }
    database = DuckDBAPI(connection=connection)
    linker = Linker(database.register("sides"), settings, log_level=None)
    linker.table_management.register_blocked_pairs_for_predict(database.register("blocked"))
    linker.inference.predict(threshold_match_probability=at_least).as_duckdbpyrelation().create(
        "scores"
    )


def _comparison(name: str, levels: Sequence[Level]) -> dict[str, Any]:
    return {
        "output_column_name": name,
        "comparison_levels": [
            {
                "sql_condition": f"{name}_l is null or {name}_r is null",
                "label_for_charts": "unknown",
                "is_null_level": True,
            },
            *(
                {
                    "sql_condition": "ELSE" if label == "other" else f"{name}_l = '{label}'",
                    "label_for_charts": label,
                    "m_probability": m,
                    "u_probability": u,
                }
                for label, m, u in levels
            ),
        ],
    }
