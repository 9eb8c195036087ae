"""The time zone of every country that has but one."""


def model(dbt, session):
    from rapport.places.zones import country_zones

    dbt.config(materialized="table")
    return country_zones()
