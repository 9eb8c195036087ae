"""What each campaign is owed of a month's conversions, by the rules, and how sure that is."""


def model(dbt, session):
    from rapport.journey.months import campaign_credits, policy

    dbt.config(materialized="table")
    return campaign_credits(
        dbt.ref("int_journey__touches"), policy(dbt.ref("int_journey__attribution_policy"))
    )
