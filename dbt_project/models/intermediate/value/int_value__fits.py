"""The parameters of the models of value, with their standard errors."""


def model(dbt, session):
    from rapport.value.tables import fits

    dbt.config(materialized="table")
    return fits(
        dbt.ref("int_value__samples"),
        dbt.ref("int_value__cells"),
        dbt.ref("int_value__spend_cells"),
    )
