"""``rapport doctor``: every fault is named with what to do, and looking changes nothing."""

import fcntl
import json
from contextlib import nullcontext
from datetime import date

import duckdb
import pytest
from typer.testing import CliRunner

from rapport import bi
from rapport.bi import Held
from rapport.errors import SourceDenied, SourceError
from rapport.gate.docs import Check, Docs, Looked
from rapport.orchestration import doctor, embedded
from rapport.orchestration.cli import app
from rapport.settings import Settings
from rapport.sources.connection import Connection
from rapport.warehouse import fingerprint

HUBSPOT = Connection("rapport_hubspot", "https://example.test", "secret")


@pytest.fixture
def home(monkeypatch, tmp_path):
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    monkeypatch.setenv("RAPPORT_HOME", str(home))
    monkeypatch.setenv("RAPPORT_COMPANY", "own")
    monkeypatch.setenv("COLUMNS", "200")
    (home / "sources.yml").write_text("hubspot: true\n")
    monkeypatch.setattr(doctor, "_found", lambda name, *_: {"hubspot": HUBSPOT}.get(name))
    monkeypatch.setattr(doctor, "probe", lambda *_: "answers")
    monkeypatch.setattr(doctor, "speak_as_a_task_would", lambda *_: None)
    monkeypatch.setattr(embedded, "running", lambda *_: [])
    return home


def looked(check):
    """What one check finds, by what it is about."""
    settings = Settings.from_env()
    only = {name: each for name, each in doctor.CHECKS.items() if each is check}
    doctor.CHECKS, all_checks = only, doctor.CHECKS
    try:
        return {each.what: each for each in doctor.examined(settings)}
    finally:
        doctor.CHECKS = all_checks


def built(home, as_of=date(2018, 1, 2), code=None, is_finished=True):
    path = home / "warehouse" / "rapport_build.duckdb"
    path.parent.mkdir(mode=0o700)
    with duckdb.connect(str(path)) as warehouse:
        warehouse.execute("create schema ops")
        warehouse.execute("create table ops.built_loads (source varchar, load_id varchar)")
        if is_finished:
            warehouse.execute("insert into ops.built_loads values ('hubspot', '1')")
        warehouse.execute(
            "create table ops.build_state as select ?::date as as_of_date, ? as fingerprint",
            [as_of, code or fingerprint(Settings.from_env().dbt_project_dir) + " policies"],
        )
    return path


class TestTheCommand:
    """It says everything, counts it, and exits by the worst."""

    def run(self, *arguments):
        return CliRunner().invoke(app, ["doctor", *arguments])

    @pytest.fixture(autouse=True)
    def without_airflow(self, monkeypatch):
        monkeypatch.delitem(doctor.CHECKS, "Airflow")

    def test_a_new_installation_is_no_patient(self, home):
        done = self.run()
        assert done.exit_code == 0, done.output
        assert "connection rapport_hubspot: answers" in done.stdout
        assert "nothing has landed yet" in done.stdout
        assert "0 broken, 3 to look at" in done.stdout
        assert sorted(path.name for path in home.iterdir()) == ["sources.yml"]

    def test_one_thing_that_is_broken_is_exit_code_1_and_the_rest_is_said(self, home):
        (home / "policy.yml").write_text("no_such_policy: 1\n")
        done = self.run()
        assert done.exit_code == 1
        assert "no_such_policy" in done.stdout
        assert "1 broken" in done.stdout
        assert "none yet" in done.stdout

    def test_for_machines_it_is_json(self, home):
        found = json.loads(self.run("--json").stdout)
        assert {each["state"] for each in found} == {"fine", "look"}
        assert all(each.keys() == {"what", "state", "found", "remedy"} for each in found)

    def test_offline_no_source_is_called(self, home, monkeypatch):
        monkeypatch.setattr(doctor, "probe", lambda *_: pytest.fail("called"))
        done = self.run("--offline")
        assert done.exit_code == 0
        assert "connection rapport_" not in done.stdout

    def test_a_fault_of_its_own_hides_nothing(self, home, monkeypatch):
        monkeypatch.setattr(doctor, "list_releases", lambda _: 1 / 0)
        done = self.run()
        assert "releases: cannot be looked at: ZeroDivisionError" in done.stdout
        assert "landing: nothing has landed yet" in done.stdout


class TestConnections:
    """Each source is called once; what it says is what is told."""

    def test_a_missing_connection_says_how_to_make_it(self, home, monkeypatch):
        monkeypatch.setattr(doctor, "_found", lambda *_: None)
        found = looked(doctor._connections)["connection rapport_hubspot"]
        assert (found.state, found.found) == ("broken", "there is none")
        assert "AIRFLOW_CONN_RAPPORT_HUBSPOT" in found.remedy

    @pytest.mark.parametrize("error", [SourceDenied, SourceError])
    def test_what_the_source_says_is_told_once(self, home, monkeypatch, error):
        def refuse(*_):
            raise error("rapport_hubspot", "401. Put a key. What came before is landed, and so on")

        monkeypatch.setattr(doctor, "probe", refuse)
        found = looked(doctor._connections)["connection rapport_hubspot"]
        assert (found.state, found.found) == ("broken", "401. Put a key")

    def test_a_version_that_ends_is_to_look_at(self, home, monkeypatch):
        monkeypatch.setattr(doctor.versions, "ending", lambda *_: ["support ends: install newer"])
        found = [each for each in doctor.examined(Settings.from_env()) if each.state == "look"]
        assert ("support ends", "install newer") in [(each.found, each.remedy) for each in found]


class TestTheWarehouse:
    """It says which night it shows, and whether the next one builds upon it."""

    def state(self):
        found = looked(doctor._warehouse)["warehouse"]
        return found.state, found.found

    def test_one_that_is_as_it_should_be(self, home):
        built(home)
        assert self.state() == ("fine", "shows the night of 2018-01-02")

    def test_one_of_other_models_and_one_that_was_not_finished(self, home):
        built(home, code="another policies")
        assert self.state()[0] == "look"
        assert "by other models" in self.state()[1]
        built_path = home / "warehouse" / "rapport_build.duckdb"
        built_path.unlink()
        built_path.parent.rmdir()
        built(home, is_finished=False)
        assert "did not come to its end" in self.state()[1]

    def test_a_later_night_that_landed(self, home):
        built(home)
        folder = home / "landing" / "hubspot" / "contacts" / "load_date=2018-01-03"
        folder.mkdir(parents=True)
        (folder / "1.0.parquet").touch()
        found = looked(doctor._warehouse)["warehouse"]
        assert found.found == "shows the night of 2018-01-02, and 2018-01-03 has landed"
        assert "--as-of 2018-01-03" in found.remedy

    def test_one_that_is_damaged_or_empty(self, home):
        path = built(home)
        path.write_bytes(b"no database")
        assert self.state()[0] == "broken"
        path.unlink()
        with duckdb.connect(str(path)):
            pass
        assert "holds no build" in self.state()[1]

    def test_one_that_is_being_built(self, home):
        path = built(home)
        with path.with_suffix(".lock").open("w") as lock:
            lock.write("4711")
            lock.flush()
            fcntl.flock(lock, fcntl.LOCK_EX)
            assert self.state() == ("look", "process 4711 is building it")
        assert self.state()[0] == "fine"


class TestCopies:
    """Those who read elsewhere must have what readers here have."""

    CURRENT = "2018-01-02-0123456789ab"

    @pytest.fixture(autouse=True)
    def released(self, home):
        folder = home / "releases" / self.CURRENT
        folder.mkdir(parents=True)
        (folder.parent / "current").symlink_to(folder.name)

    @pytest.mark.parametrize(
        ("has", "state"),
        [(CURRENT, "fine"), ("2018-01-01-0123456789ab", "broken"), (None, "broken")],
    )
    def test_the_archive(self, home, monkeypatch, tmp_path, has, state):
        monkeypatch.setenv("RAPPORT_ARCHIVE", f"file://{tmp_path}/archive")
        if has:
            pointer = tmp_path / "archive" / "releases" / "current.json"
            pointer.parent.mkdir(parents=True)
            pointer.write_text(json.dumps({"release_id": has}))
        found = looked(doctor._copies)["archive"]
        assert found.state == state
        assert (has or "nothing") in found.found

    @pytest.mark.parametrize(
        ("has", "state"), [(CURRENT, "fine"), ("2018-01-01-0123456789ab", "broken")]
    )
    def test_postgres(self, home, monkeypatch, has, state):
        there = {"bi": Connection("rapport_bi", "postgresql+psycopg://u:p@localhost/bi")}
        monkeypatch.setattr(doctor, "_found", there.get)
        monkeypatch.setattr(bi.Server, "transaction", lambda _: nullcontext())
        monkeypatch.setattr(
            bi, "held_releases", lambda _: [Held(has, "rapport"), Held("older", "rapport_1")]
        )
        assert looked(doctor._copies)["Postgres for BI tools"].state == state

    def test_where_there_is_no_copy_nothing_is_said(self, home):
        assert looked(doctor._copies) == {}


def test_dags_wait_for_the_project_to_be_parsed(home, monkeypatch):
    monkeypatch.setattr(doctor, "is_parsed", lambda _: False)
    found = looked(doctor._airflow)
    assert (found["DAGs"].state, found["services"].state) == ("look", "look")


def test_a_service_that_died_is_broken_and_not_passed_over(home):
    (home / "run").mkdir()
    (home / "run" / "scheduler.json").write_text(json.dumps({"group": 2**22 + 1, "born": 1.0}))
    found = looked(doctor._airflow)
    assert (found["scheduler"].state, "services" in found) == ("broken", False)
    assert "has ended" in found["scheduler"].found
    assert "make up" in found["scheduler"].remedy


class TestTheRest:
    """Landing, releases, gates, packages, home."""

    def test_a_home_that_others_may_enter(self, home):
        assert looked(doctor._home)["home"].state == "fine"
        home.chmod(0o755)
        (home / "landing").mkdir(mode=0o755)
        found = looked(doctor._home)["home"]
        assert found.state == "look"
        assert "chmod 700" in found.remedy

    def test_a_landing_with_a_file_that_is_gone(self, home, monkeypatch):
        (home / "landing" / "hubspot").mkdir(parents=True)
        monkeypatch.setattr(doctor, "damaged_files", lambda *_, **__: {"contacts/a": "missing"})
        found = looked(doctor._landing)["landing of hubspot"]
        assert (found.state, found.found) == ("broken", "1 file damaged: contacts/a (missing)")

    def test_files_that_were_laid_aside(self, home):
        aside = home / "landing" / "hubspot" / "_damaged"
        aside.mkdir(parents=True)
        (aside / "contacts.1.parquet").touch()
        assert looked(doctor._landing)["landing of hubspot"].state == "look"

    def test_a_current_release_that_is_damaged(self, home):
        folder = home / "releases" / "2018-01-02-0123456789ab"
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text("{")
        (folder.parent / "current").symlink_to(folder.name)
        found = looked(doctor._releases)[f"release {folder.name}"]
        assert found.state == "broken"
        assert "It is the readers'!" in found.remedy
        (folder.parent / "current").unlink()
        assert looked(doctor._releases)["current release"].found == "there is no `current`"

    @pytest.mark.parametrize(
        ("critical", "warnings", "state"),
        [([], [], "fine"), ([], ["look at it"], "look"), (["stopped it"], [], "broken")],
    )
    def test_a_gates_last_verdict(self, home, critical, warnings, state):
        problem = "1 of 2 rows" if critical else None
        check = Check("a is 0", "expect(a)", "", "critical", "They are hurt.", "1", problem)
        Docs(home / "data_docs", "publish", date(2018, 1, 2)).write(
            [Looked("marts.a", 2, [check])], critical, warnings
        )
        [found] = looked(doctor._gates).values()
        assert found.state == state
        assert all(line in found.found for line in critical)

    def test_a_package_that_is_not_as_locked(self, home, monkeypatch):
        assert looked(doctor._packages)["packages"].state == "fine"
        real = doctor.version
        monkeypatch.setattr(
            doctor, "version", lambda name: "0.1" if name == "duckdb" else real(name)
        )
        assert "duckdb 0.1 (==" in looked(doctor._packages)["packages"].found
