"""The build: one dbt process that makes a night's marts and segments out of the landing."""
