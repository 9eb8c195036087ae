"""What sqlfluff's templater lacks of dbt's."""
