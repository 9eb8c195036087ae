"""Which records are one customer, from which night on; only numbers come here and leave."""


def model(dbt, session):
    from rapport.identity.nights import replay

    dbt.config(materialized="table")
    return replay(dbt.ref("int_identity__contacts"), dbt.ref("int_identity__holdings"))
