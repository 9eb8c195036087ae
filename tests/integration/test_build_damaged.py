"""A build that meets damage or a full disk: what it says, and that the next one is sound."""

import multiprocessing
import resource
import shutil
from datetime import date

import duckdb
import pyarrow as pa
import pytest

from rapport import landing
from rapport.build import run
from rapport.errors import BuildError, DamagedLanding
from tests.integration.small_project import settings_of, write_project

NIGHT = date(2018, 1, 2)
FILES = {
    "dbt_project.yml": "name: rapport\nversion: 1.0.0\nprofile: rapport\n"
    "models: {+materialized: table}\n",
    "policy_schema.yml": "properties: {}\n",
    # Reads what it built before, as models do that only build what is new.
    "models/marts/core/fct_kept.sql": "{{ config(materialized='incremental') }} "
    "select number, md5(number::varchar) as digest from range(300000) as numbers (number) "
    "{% if is_incremental() %} where (select min(digest) from {{ this }}) is null {% endif %}",
    "models/marts/core/dim_landed.sql": "select * from read_parquet("
    "'{{ env_var('RAPPORT_LANDING', '') }}/crm/contacts/*/*.parquet', union_by_name = true)",
}


@pytest.fixture(scope="module")
def parsed(tmp_path_factory):
    """An installation with a landing and a warehouse of one night."""
    folder = tmp_path_factory.mktemp("parsed")
    write_project(folder, FILES)
    settings = settings_of(folder, threads=1)
    rows = pa.table({"id": [str(number) for number in range(1000)]})
    with landing.Slices(
        settings.landing_dir, settings.work_dir, "crm", "crm_contacts", ["contacts"], NIGHT
    ) as slices:
        slices.add("contacts", rows)
    run.build(settings, NIGHT)
    return folder


@pytest.fixture
def settings(parsed, tmp_path):
    """An installation of the test's own."""
    shutil.copytree(parsed, tmp_path, dirs_exist_ok=True)
    return settings_of(tmp_path, threads=1)


def counts(settings):
    with duckdb.connect(str(settings.warehouse_path), read_only=True) as connection:
        return [
            connection.sql(f"select count(*), count(distinct {key}) from main.{table}").fetchone()
            for table, key in (("fct_kept", "digest"), ("dim_landed", "id"))
        ]


def test_a_warehouse_that_is_damaged_where_a_model_reads_it_is_built_again(settings):
    size = settings.warehouse_path.stat().st_size
    with settings.warehouse_path.open("r+b") as file:
        for place in range(5 * 2**18, size - 2**18, 2**18):
            file.seek(place)
            file.write(b"damage" * 100)
    assert run.build(settings, NIGHT).fresh
    assert counts(settings) == [(300_000, 300_000), (1000, 1000)]


def test_a_damaged_file_of_the_landing_is_named_and_counts_no_more(settings):
    (file,) = settings.landing_dir.glob("crm/contacts/load_date=2018-01-02/*")
    data = bytearray(file.read_bytes())
    data[40:400] = bytes(360)
    file.write_bytes(data)
    with pytest.raises(DamagedLanding, match=rf"crm/contacts/.*/{file.name}.*run the night again"):
        run.build(settings, NIGHT)
    assert landing.loads_of_night(settings.landing_dir, "crm", NIGHT) == set()


def build_on_a_full_disk(settings, said):
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))
    try:
        run.build(settings, NIGHT)
    except BuildError as error:
        said.put(str(error))
    except BaseException as error:
        said.put(f"not ours: {type(error).__name__}: {error}")
    else:
        said.put("nothing")


def test_a_full_disk_is_said_and_the_next_build_is_sound(settings):
    shutil.rmtree(settings.warehouse_path.parent)
    processes = multiprocessing.get_context("forkserver")
    said = processes.Queue()
    process = processes.Process(target=build_on_a_full_disk, args=(settings, said))
    process.start()
    told = said.get(timeout=120)
    process.join()
    assert "File too large" in told
    assert not told.startswith("not ours")
    run.build(settings, NIGHT)
    assert counts(settings) == [(300_000, 300_000), (1000, 1000)]
