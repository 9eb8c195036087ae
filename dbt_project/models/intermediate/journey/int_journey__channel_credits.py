"""What each channel is owed of a month's conversions, by every model, and how sure that is."""


def model(dbt, session):
    from rapport.journey.months import channel_credits, policy

    dbt.config(materialized="table")
    return channel_credits(
        dbt.ref("int_journey__touches"), policy(dbt.ref("int_journey__attribution_policy"))
    )
