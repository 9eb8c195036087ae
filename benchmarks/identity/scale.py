"""A million contact records made up set-wise, landed, and tied to customers by dbt."""

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import duckdb

from rapport.settings import PROJECT_DIR
from rapport.sources.streams import STREAMS

FIRST, LAST = "2018-01-01", "2018-01-02"

# Two fifths as many people as records: one account each, seven contacts and six profiles for
# every eight of them, an eighth of the contacts doubled. Every twelfth record lacks the customer
# number, every fifth the telephone; one in fifty lands or changes its address a night later, one
# in fifty accounts is a flatmate's: the same telephone, another name. Every tenth birth date is the
# one that somebody typed because the form wanted one, a third of the people live in one city, and
# two in a hundred contacts are of somebody whose names are the commonest.
PEOPLE = """
create table people as
select
    id,
    id % 50 = 1 as has_flatmate,
    if(
        id % 50 = 9, 'anna',
        format(
            '{}{}',
            syllables[1 + (hash(id, 1) % 40)::int], syllables[1 + (hash(id, 2) % 40)::int]
        )
    ) as first_name,
    if(id % 50 = 9, 'muller', format(
        '{}{}{}',
        syllables[1 + (hash(id, 3) % 40)::int], syllables[1 + (hash(id, 4) % 40)::int],
        syllables[1 + (hash(id, 5) % 40)::int]
    )) as last_name,
    format('{}.{}{}@example{}.com', first_name, last_name, id, id % 50) as email,
    date '1930-01-01' + if(id % 10 = 3, 20000, (hash(id, 6) % 27000)::int) as birth_date,
    if(id % 3 = 0, 'metropolis', 'town ' || hash(id, 7) % 500) as city,
    format('{:05d}', if(id % 3 = 0, hash(id, 8) % 50, 100 + hash(id, 7) % 2000)) as postcode,
    format('({}) {}-{:04d}', 201 + line // 10000 % 700, 200 + line // 7000000, line % 10000)
        as phone
from (
    select
        range as id,
        (if(range % 50 = 1, range - 1, range) * 7) % 5600000 as line,
        string_split(
            'an ba chi do eva fu gia ho in jo ka li mi na oan phu qui ro sa tu uy vi wa xi yen zo '
            || 'bel cor dan fer gil han jun kim lan mar nor pet rud sor', ' '
        ) as syllables
    from range({people})
)
"""
SOURCES = {
    ("shop", "customers"): """
        select
            id::varchar as customer_id,
            email,
            '2017-01-01 00:00:00' as created_at,
            '2017-01-01 00:00:00' as updated_at,
            false as is_later
        from people
    """,
    ("hubspot", "contacts"): """
        select
            format('h{}-{}', id, copy) as id,
            '2017-01-02T00:00:00Z' as created_at,
            if(is_later, '2018-01-02T00:00:00Z', '2017-01-02T00:00:00Z') as updated_at,
            'false' as archived,
            to_json({
                email: if(copy = 1, 'second.' || email, if(is_later, 'new.' || email, email)),
                firstname: if(copy = 1, last_name, first_name),
                lastname: if(copy = 1, first_name, last_name),
                phone: if(id % 5 > 0, phone, null),
                date_of_birth: if(id % 7 > 0, birth_date::varchar, null),
                city: if(id % 9 > 0, city, null),
                zip: if(id % 9 > 1, postcode, null),
                shop_customer_number: if(id % 12 = 0 or copy = 1, null, id::varchar),
                lifecyclestage: 'customer'
            })::varchar as properties,
            is_later
        from people
        cross join (values (0), (1)) as copies (copy)
        cross join (values (false), (true)) as versions (is_later)
        where id % 8 > 0 and (copy = 0 or id % 8 = 1) and (not is_later or id % 50 = 7)
    """,
    ("klaviyo", "profiles"): """
        select
            'k' || id as id,
            '2017-01-03T00:00:00+00:00' as created,
            '2017-01-03T00:00:00+00:00' as updated,
            to_json({
                email: email,
                external_id: if(id % 12 = 5, null, id::varchar),
                first_name: first_name,
                last_name: last_name,
                phone_number: if(id % 5 > 0, phone, null),
                location: {city: city, zip: if(id % 4 > 0, postcode, null)},
                properties: {Birthday: if(id % 3 > 0, birth_date::varchar, null)}
            })::varchar as attributes,
            id % 50 = 11 as is_later
        from people
        where id % 8 > 1
    """,
}


def land(
    landing: Path, connection: duckdb.DuckDBPyConnection, made: Mapping[tuple[str, str], str]
) -> int:
    """Write a landing as the nightly pull does; return the number of records.

    Args:
        landing: folder; what is there goes.
        connection: where the queries find their tables.
        made: (source, stream) -> query of its columns, with `is_later` for what a second night
            lands. All other streams are empty.
    """
    shutil.rmtree(landing, ignore_errors=True)
    records = 0
    for stream in STREAMS:
        query = made.get((stream.source, stream.name))
        connection.execute(f"create or replace table made as {query or 'select false as is_later'}")
        there = {name for (name, *_) in connection.sql("describe made").fetchall()}
        columns = ", ".join(
            f'"{name}"' if name in there else f'null::varchar as "{name}"'
            for name in stream.columns
        )
        for night, is_later in ((FIRST, "not is_later"), (LAST, "is_later")):
            folder = landing / stream.source / stream.name / f"load_date={night}"
            folder.mkdir(parents=True)
            connection.execute(
                f"copy (select {columns}, '{night}' as _dlt_load_id from made "
                f"where {is_later if query else 'false'}) to '{folder / 'load.0.parquet'}' "
                "(format parquet, compression zstd)"
            )
        if query:
            (key,) = stream.key
            ((count,),) = connection.sql(f"select count(distinct {key}) from made").fetchall()
            records += count
    for source in {stream.source for stream in STREAMS}:
        loads = landing / source / "_dlt_loads"
        loads.mkdir()
        for night in (FIRST, LAST):
            line = {"load_id": night, "schema_name": source, "status": 0, "inserted_at": night}
            (loads / f"{source}__{night}.jsonl").write_text(json.dumps(line))
    return records


def build(
    folder: Path, landing: Path, *, memory: str, **variables: object
) -> tuple[float, float, int, list[tuple[str, float]]]:
    """Build everything from the landing to the identity marts.

    Args:
        folder: takes the warehouse.
        landing: what to build from.
        memory: DuckDB's limit.
        variables: policies that differ from dbt_project.yml.

    Returns:
        Wall seconds, CPU seconds, peak memory of the process in bytes, and seconds per model.
    """
    environment = os.environ | {
        "RAPPORT_WAREHOUSE": str(folder / "rapport.duckdb"),
        "RAPPORT_LANDING": str(landing),
        "RAPPORT_TEMP_DIR": str(folder / "tmp"),
        "RAPPORT_MEMORY_LIMIT": memory,
        "RAPPORT_THREADS": "2",
    }
    for old in folder.glob("rapport.duckdb*"):
        old.unlink()
    models = ["+int_identity__customers", "+customer_aliases", "+identity_changes"]
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "dbt.cli.main", "--quiet", "build", "--profiles-dir", "."),
            *("--select", *models, "int_identity__reviews"),
            *("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test"),
            *("--target-path", str(folder / "target")),
            *("--vars", json.dumps({"as_of_date": LAST, **variables})),
            *("--log-path", str(folder / "target")),
        ],
        cwd=PROJECT_DIR / "dbt_project",
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    peak = 0

    def watch() -> None:
        nonlocal peak
        status = Path(f"/proc/{process.pid}/status")
        while process.poll() is None:
            found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
            peak = max(peak, int(found[1]) * 1024 if found else 0)
            time.sleep(0.2)

    start, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    watcher = threading.Thread(target=watch)
    watcher.start()
    code = process.wait()
    seconds = time.perf_counter() - start
    watcher.join()
    done = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = done.ru_utime + done.ru_stime - used.ru_utime - used.ru_stime
    if code:
        raise SystemExit("dbt failed; its messages are above")
    results = json.loads((folder / "target" / "run_results.json").read_text())["results"]
    models_seconds = [
        (result["unique_id"].split(".")[-1], result["execution_time"])
        for result in results
        if result["unique_id"].startswith("model.")
    ]
    return seconds, cpu, peak, sorted(models_seconds, key=lambda item: -item[1])


def run(folder: Path, *, people: int, memory: str, is_fuzzy: bool) -> None:
    """Print what it took and what came of it."""
    landing = folder / "landing"
    with duckdb.connect() as connection:
        connection.execute(PEOPLE.replace("{people}", str(people)))
        records = land(landing, connection, SOURCES)
    seconds, cpu, peak, models = build(folder, landing, memory=memory, fuzzy_identity=is_fuzzy)
    print(f"{records:,} contact records of {people:,} people, {LAST}: ", end="")
    print(f"{seconds:.0f} s ({cpu:.0f} s of CPU), peak memory of the process ", end="")
    print(f"{peak / 2**30:.2f} GB")
    for model, model_seconds in models[:12]:
        print(f"  {model_seconds:6.1f} s  {model}")
    with duckdb.connect(str(folder / "rapport.duckdb"), read_only=True) as connection:
        for query in (
            "select count(*) as records, count(distinct customer_id) as customers "
            "from intermediate.int_identity__contact_map",
            "select rule, is_used, reason, count(*) as links from intermediate.identity_links "
            "group by all order by all",
            "select change, rule, count(*) as changes from marts.identity_changes "
            "group by all order by all",
        ):
            print(connection.sql(query))
