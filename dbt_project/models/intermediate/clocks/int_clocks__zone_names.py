"""What people and vendors call a time zone."""


def model(dbt, session):
    from rapport.places.zones import zone_spellings

    dbt.config(materialized="table")
    return zone_spellings()
