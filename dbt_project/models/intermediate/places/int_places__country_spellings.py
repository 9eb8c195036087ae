"""What the languages of the world call a country."""


def model(dbt, session):
    from rapport.places.countries import country_spellings

    dbt.config(materialized="table")
    return country_spellings()
