"""Which records are one customer, from which night on; only numbers come here and leave."""


def model(dbt, session):
    from rapport.identity.nights import replay

    dbt.config(materialized="table")
    number = dbt.config.meta_get("most_records_per_number")
    email = dbt.config.meta_get("most_records_per_email")
    phone = dbt.config.meta_get("most_records_per_phone")
    return replay(
        dbt.ref("int_identity__contacts"),
        dbt.ref("int_identity__holdings"),
        most_records={"external_id": int(number), "email": int(email), "phone": int(phone)},
    )
