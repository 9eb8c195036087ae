"""Pairs of records that look like one person; empty unless the policy asks for them."""


def model(dbt, session):
    from rapport.identity import fuzzy

    dbt.config(materialized="table")
    return fuzzy.pairs(
        dbt.ref("int_identity__contacts"),
        dbt.ref("role_addresses"),
        is_on=str(dbt.config.meta_get("is_on")).lower() == "true",
        tie_from=float(dbt.config.meta_get("tie_from")),
        review_from=float(dbt.config.meta_get("review_from")),
    )
