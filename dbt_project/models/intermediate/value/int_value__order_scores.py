"""What the model of orders says of customers alike."""


def model(dbt, session):
    from rapport.value.tables import order_scores, policy

    dbt.config(materialized="table")
    return order_scores(
        dbt.ref("int_value__cells"),
        dbt.ref("int_value__fits"),
        policy(dbt.ref("int_value__policy")),
    )
