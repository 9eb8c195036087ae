"""Pairs of records that look like one person; empty unless the policy asks for them."""


def model(dbt, session):
    from rapport.identity import fuzzy

    dbt.config(materialized="table")
    # By themselves on a line: dbt looks for these calls in the text.
    is_on = dbt.config.meta_get("is_on")
    tie_from = dbt.config.meta_get("tie_from")
    review_from = dbt.config.meta_get("review_from")
    most_relatives = dbt.config.meta_get("most_relatives")
    yes_no = {"true": True, "false": False}
    return fuzzy.pairs(
        dbt.ref("int_identity__contacts"),
        dbt.ref("role_addresses"),
        dbt.ref("common_names"),
        is_on=yes_no[str(is_on).lower()],
        tie_from=float(tie_from),
        review_from=float(review_from),
        most_relatives=float(most_relatives),
    )
