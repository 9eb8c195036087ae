"""How two warehouses differ."""

import duckdb


def differences(one, other, *schemas: str) -> dict[str, list[tuple]]:
    """Rows that only one of two warehouses has, per table."""
    tables = one.tables(*schemas)
    assert tables
    assert tables == other.tables(*schemas)
    found = {}
    with duckdb.connect() as connection:
        connection.execute(f"attach '{one.path}' as one (read_only)")
        connection.execute(f"attach '{other.path}' as other (read_only)")
        for table in tables:
            rows = connection.sql(
                f"(from one.{table} except all from other.{table}) "
                f"union all (from other.{table} except all from one.{table})"
            ).fetchall()
            if rows:
                found[table] = rows
    return found
