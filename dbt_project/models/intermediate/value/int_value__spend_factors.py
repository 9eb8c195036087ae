"""What the model of spend says of customers with as many orders."""


def model(dbt, session):
    from rapport.value.tables import policy, spend_factors

    dbt.config(materialized="table")
    return spend_factors(
        dbt.ref("int_value__spend_cells"),
        dbt.ref("int_value__fits"),
        policy(dbt.ref("int_value__policy")),
    )
