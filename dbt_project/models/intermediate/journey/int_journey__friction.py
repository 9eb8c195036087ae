"""What a state of a journey costs those who come to it: detours, time and conversions."""


def model(dbt, session):
    from rapport.journey.friction import friction

    dbt.config(materialized="table")
    least_exits, z = dbt.ref("int_journey__friction_policy").fetchone()
    return friction(dbt.ref("rpt_journey_transitions"), least_exits=least_exits, z=z)
