"""docker/backup against a docker-compose that only notes what it is told."""

import json
import os
import subprocess
import sys

import pytest

from tests.compose.team import BACKUP

# Answers as an installation with workers does; `night` and `dump` of its folder say what else.
COMPOSE = """#!/bin/sh
cd {folder} && shift 2 && echo "$*" >> calls
case "$*" in
  *pg_restore*|"run "*) cat > "got.$(grep -c . calls)" ;;
  "ps --services"*) cat services ;;
  *"psql"*"dag_run"*) sed -n "$(grep -c dag_run calls)p" nights ;;
  *"psql"*) cat tables ;;
  *pg_dump*) test -e dump && cat dump ;;
  *"tar -C"*) echo "the home" ;;
  "stop "*) grep -vx "$2" services > left; mv left services ;;
esac
"""
LEFT_OUT = [f"--exclude=./{each}" for each in ("work", "warehouse/tmp", "warehouse/aside")]
DUMP = ["pg_dump", "--username=airflow", "--format=custom", "airflow"]
TAR = ["tar", "-C", "/var/lib/rapport", *LEFT_OUT, "-cf", "-", "."]
RUNS = ["postgres", "api-server", "dag-processor", "scheduler", "worker-pulls"]


class Installation:
    """A folder with a docker-compose of its own, and what it says."""

    def __init__(self, folder):
        self.folder = folder
        command = folder / "bin" / "docker-compose"
        command.parent.mkdir()
        command.write_text(COMPOSE.format(folder=folder))
        command.chmod(0o755)
        self.env = folder / "env"
        self.env.write_text("RAPPORT_FERNET_KEY=one\nRAPPORT_POSTGRES_PASSWORD=two\n")
        self.says(services="\n".join([*RUNS, ""]), nights="", tables="", dump="the database")

    def says(self, **texts):
        for name, text in texts.items():
            (self.folder / name).write_text(text)

    def run(self, what, *options):
        """The exit code and what was said of it."""
        saved = str(self.folder / "saved")
        done = subprocess.run(
            [sys.executable, "-I", "-S", BACKUP, what, saved, "--env", self.env, *options],
            env={"PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"},
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stdout + done.stderr

    def calls(self):
        return (self.folder / "calls").read_text().splitlines()


@pytest.fixture
def installed(tmp_path):
    return Installation(tmp_path)


def test_what_could_write_is_stopped_the_scheduler_first_and_started_again(installed):
    assert installed.run("make")[0] == 0
    begun = [each.split() for each in installed.calls()]
    assert [each for each in begun if each[0] != "ps" and "psql" not in each] == [
        ["stop", "scheduler"],
        ["stop", "dag-processor"],
        ["stop", "worker-pulls"],
        ["exec", "-T", "postgres", *DUMP],
        ["exec", "-T", "api-server", *TAR],
        ["start", "worker-pulls", "dag-processor", "scheduler"],
    ]


def test_a_backup_is_for_its_owner_only_and_says_what_is_in_it(installed):
    installed.run("make")
    saved = installed.folder / "saved"
    assert saved.stat().st_mode & 0o777 == 0o700
    assert (saved / "env").stat().st_mode & 0o777 == 0o600
    assert (saved / "airflow.dump").read_text() == "the database"
    assert (saved / "home.tar").read_text() == "the home\n"
    assert set(json.loads((saved / "backup.json").read_text())["files"]) == {
        "airflow.dump",
        "env",
        "home.tar",
    }


def test_no_backup_is_made_while_a_night_runs(installed):
    installed.says(nights="nightly night_1\n")
    code, said = installed.run("make")
    assert (code, "nightly night_1 is running" in said) == (1, True)
    assert not [call for call in installed.calls() if call.startswith("stop")]
    assert not (installed.folder / "saved").exists()


def test_a_night_that_began_meanwhile_goes_on(installed):
    installed.says(nights="\nnightly night_1\n")
    code, said = installed.run("make")
    assert (code, "began meanwhile and goes on" in said) == (1, True)
    assert installed.calls()[-1].startswith("start ")
    assert not (installed.folder / "saved").exists()


def test_a_backup_that_fails_is_none_and_leaves_everything_running(installed):
    (installed.folder / "dump").unlink()
    assert installed.run("make")[0] == 1
    assert installed.calls()[-1].startswith("start ")
    assert not (installed.folder / "saved").exists()
    installed.says(dump="the database", services="\n".join([*RUNS, ""]))
    assert installed.run("make")[0] == 0


def test_a_backup_that_is_there_stays_as_it_is(installed):
    installed.run("make")
    before = (installed.folder / "saved" / "backup.json").read_bytes()
    assert "stays as it is" in installed.run("make")[1]
    assert (installed.folder / "saved" / "backup.json").read_bytes() == before


def test_a_restore_brings_the_env_the_database_and_the_home(installed):
    installed.run("make")
    kept = installed.env.read_bytes()
    installed.env.unlink()
    installed.says(services="", calls="")
    assert installed.run("restore") == (
        0,
        "restored; `docker-compose ps` says when it is healthy\n",
    )
    assert installed.env.read_bytes() == kept
    got = sorted(path.read_text() for path in installed.folder.glob("got.*"))
    assert got == ["the database", "the home\n"]
    assert (installed.calls()[0].split()[0], installed.calls()[-1]) == ("ps", "up -d")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"env": "RAPPORT_FERNET_KEY=another\n"}, "has other keys than the backup"),
        ({"services": "api-server\n"}, "api-server runs here"),
        ({"services": "", "tables": "1\n"}, "the database is not empty"),
        ({"saved/home.tar": "damaged"}, "is not as it was saved"),
        ({"saved/backup.json": ""}, "holds no whole backup"),
    ],
)
def test_a_restore_touches_nothing_that_is_there(installed, change, said):
    installed.run("make")
    installed.says(**{"services": "", "calls": ""} | change)
    code, told = installed.run("restore")
    assert (code, said in told) == (1, True), told
    assert not list(installed.folder.glob("got.*"))
