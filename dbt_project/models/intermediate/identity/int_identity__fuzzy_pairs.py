"""Pairs of records that look like one person; empty unless the policy asks for them."""


def model(dbt, session):
    from rapport.identity import fuzzy

    dbt.config(materialized="table")
    is_on, tie_from, review_from, most_relatives = dbt.ref("int_identity__fuzzy_policy").fetchone()
    return fuzzy.pairs(
        dbt.ref("int_identity__contacts"),
        dbt.ref("role_addresses"),
        dbt.ref("common_names"),
        is_on=is_on,
        tie_from=tie_from,
        review_from=review_from,
        most_relatives=most_relatives,
    )
