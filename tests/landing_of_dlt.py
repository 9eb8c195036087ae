"""Landings as dlt wrote them until pulls landed slices of their own: they must stay readable."""

import json
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def land_as_dlt_did(
    landing_dir: Path,
    source: str,
    stream: str,
    as_of: date,
    rows: pa.Table,
    load_id: str = "1514900000.1234567",
) -> str:
    """Write one load as dlt 1.31 left it; return its id."""
    folder = landing_dir / source / stream / f"load_date={as_of}"
    folder.mkdir(parents=True, exist_ok=True)
    table = rows.append_column("_dlt_load_id", pa.repeat(pa.scalar(load_id), rows.num_rows))
    table = table.append_column("_dlt_id", pa.array([f"x{n}" for n in range(rows.num_rows)]))
    pq.write_table(table, folder / f"{load_id}.5d3a1c2b7e.parquet", compression="zstd")
    listed = landing_dir / source / "_dlt_loads"
    listed.mkdir(exist_ok=True)
    line = {
        "load_id": load_id,
        "schema_name": source,
        "status": 0,
        "inserted_at": f"{as_of}T02:00:00+00:00",
        "schema_version_hash": "PzCZ/Jq5o2VnkI0lNs0dLNVYDpFpkYfzrz3IdHVVOZY=",
    }
    (listed / f"{source}__{load_id}.jsonl").write_text(json.dumps(line) + "\n")
    return load_id
