"""Records that look like one person although no rule says so; off unless the policy asks for it.

Fellegi-Sunter weights by Splink on DuckDB. The weights are fixed, not fitted to tonight's records:
what two records say of one another then depends on nobody else, and a pair that was tied last
night is tied tonight.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow

PRIOR = 1e-5
"""Probability that two records out of all are one person, before anything is compared."""

Level = tuple[str, float, float]
"""An SQL condition on both records, how often it holds for one person (m), for two (u)."""

COMPARISONS: dict[str, Sequence[Level]] = {
    "name_key": (
        ("name_key_l = name_key_r", 0.80, 0.0005),
        ("jaro_winkler_similarity(name_key_l, name_key_r) >= 0.93", 0.12, 0.002),
        ("jaro_winkler_similarity(name_key_l, name_key_r) >= 0.85", 0.05, 0.01),
        ("ELSE", 0.03, 0.9875),
    ),
    "email_local": (
        ("email_local_l = email_local_r and email_domain_l = email_domain_r", 0.50, 0.000001),
        ("email_local_l = email_local_r", 0.25, 0.0005),
        ("jaro_winkler_similarity(email_local_l, email_local_r) >= 0.92", 0.10, 0.003),
        ("ELSE", 0.15, 0.996499),
    ),
    "phone": (
        ("phone_l = phone_r", 0.70, 0.00005),
        ("damerau_levenshtein(phone_l, phone_r) = 1", 0.10, 0.00002),
        ("ELSE", 0.20, 0.99993),
    ),
}
# Pairs that share none of these cannot reach the review threshold by the weights above.
BLOCKS = (
    "l.phone = r.phone",
    "l.email_local = r.email_local",
    "l.name_key = r.name_key and substr(l.phone, 1, 7) = substr(r.phone, 1, 7)",
)

_RECORDS = """
select
    record_number as unique_id,
    name_key,
    case when local_part not in ({roles}) then local_part end as email_local,
    split_part(email_key, '@', -1) as email_domain,
    phone_e164 as phone
from (
    select *, lower(regexp_replace(email_key, '([+].*)?@[^@]*$', '')) as local_part from contacts
)
where is_record
"""
# What a rule ties, or two customer numbers keep apart, is not a question of likeness.
_PAIRS = """
with

-- One side after the other: joined at will, all records would meet all records.
named as materialized (
    select
        one.*,
        greatest(scores.unique_id_l, scores.unique_id_r) as other_number,
        scores.match_probability
    from scores
    inner join contacts as one
        on least(scores.unique_id_l, scores.unique_id_r) = one.record_number
)

select
    one.source as source_a,
    one.source_record_id as record_id_a,
    other.source as source_b,
    other.source_record_id as record_id_b,
    one.match_probability as score,
    one.match_probability >= {tie_from} as is_tied,
    greatest(one.first_load_date, other.first_load_date) as valid_from
from named as one
inner join contacts as other on one.other_number = other.record_number
where
    (one.external_id is null or other.external_id is null)
    and one.email_key is distinct from other.email_key
order by one.record_number, other.record_number
"""


def pairs(
    contacts: Any, roles: Any, *, is_on: bool, tie_from: float, review_from: float
) -> "pyarrow.Table":
    """Return the pairs of records with a score of at least ``review_from``.

    Args:
        contacts: DuckDB relation of ``int_identity__contacts``.
        roles: DuckDB relation of ``role_addresses``, whose addresses say nothing of a person.
        is_on: without it there are no pairs, and Splink is not even imported.
        tie_from: score from which a pair ``is_tied`` without asking anybody.
        review_from: score from which a person may want to look.
    """
    import duckdb

    with duckdb.connect() as connection:  # Splink's own tables stay out of the warehouse
        connection.register("contacts", (contacts if is_on else contacts.limit(0)).to_arrow_table())
        local_parts = [local_part for (local_part,) in roles.project("local_part").fetchall()]
        listed = ", ".join("'" + part.replace("'", "''") + "'" for part in local_parts) or "''"
        records = connection.sql(_RECORDS.format(roles=listed)).to_arrow_table()
        scored = (
            scores(records, COMPARISONS, BLOCKS, prior=PRIOR, at_least=review_from)
            if is_on and records.num_rows
            else _no_scores()
        )
        connection.register("scores", scored)
        return connection.sql(_PAIRS.format(tie_from=float(tie_from))).to_arrow_table()


def scores(
    records: "pyarrow.Table",
    comparisons: Mapping[str, Sequence[Level]],
    blocks: Iterable[str],
    *,
    prior: float,
    at_least: float,
    train: Callable[[Any], None] | None = None,
) -> "pyarrow.Table":
    """Return (unique_id_l, unique_id_r, match_probability) of the pairs that reach a score.

    Args:
        records: one row per record, with ``unique_id`` and the columns compared.
        comparisons: column -> its levels, the most alike first.
        blocks: conditions on ``l`` and ``r`` of which a pair must meet one to be compared at all.
        prior: probability that two records out of all are one.
        at_least: the least score.
        train: may fit Splink's linker to the records instead of taking the weights as they are.
    """
    import duckdb
    from splink import DuckDBAPI, Linker

    settings = {
        "link_type": "dedupe_only",
        "probability_two_random_records_match": prior,
        "comparisons": [_comparison(*comparison) for comparison in comparisons.items()],
        "blocking_rules_to_generate_predictions": [
            {"blocking_rule": block, "sql_dialect": "duckdb"} for block in blocks
        ],
        "retain_matching_columns": False,
    }
    with duckdb.connect() as connection:
        database = DuckDBAPI(connection=connection)
        linker = Linker(database.register(records), settings, log_level=None)
        if train:
            train(linker)
        linker.inference.predict(threshold_match_probability=at_least).as_duckdbpyrelation().create(
            "predicted"
        )
        return connection.sql(
            "select unique_id_l, unique_id_r, match_probability from predicted order by all"
        ).to_arrow_table()


def _comparison(column: str, levels: Sequence[Level]) -> dict[str, Any]:
    unknown = f"{column}_l is null or {column}_r is null"
    return {
        "output_column_name": column,
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
