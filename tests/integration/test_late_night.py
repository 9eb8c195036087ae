"""By Airflow's own clock: a night that has no release by its hour, in a real installation."""

import sqlite3
import subprocess
import time
from contextlib import closing

import pytest

from tests.integration.test_embedded_night import RAPPORT, ROOT, Installation
from tests.mailbox import taking

PATIENCE_SECONDS = 500


def wait_until(happened):
    end = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        assert time.monotonic() < end
        time.sleep(1)


def callbacks(home) -> list[tuple[str, str]]:
    """What Airflow has called of its deadlines: what calls it, and how that went."""
    with closing(sqlite3.connect(home / "airflow" / "airflow.db")) as airflow:
        return airflow.execute(
            "select callback.type, callback.state from deadline "
            "join callback on callback.id = deadline.callback_id where missed"
        ).fetchall()


@pytest.mark.slow
def test_a_night_without_a_release_by_its_hour_is_told_once_while_it_hangs(tmp_path):
    """Airflow's scheduler notices, its triggerer tells, and every slot of the executor is taken."""
    with taking() as (mailbox, _):
        late = Installation(
            tmp_path,
            AIRFLOW_CONN_RAPPORT_ALERTS_SMTP=mailbox.connection(),
            RAPPORT_RELEASE_WITHIN_MINUTES="1",
        )
        running = None
        try:
            assert late.rapport("up").returncode == 0
            late.faults({"times": None, "do": {"kind": "hang"}, "match": {"path": "/hubspot/"}})
            running = subprocess.Popen(
                [*RAPPORT, "run", "--as-of", "2017-12-30"],
                env=late.env,
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
            )
            wait_until(lambda: callbacks(tmp_path) == [("triggerer", "success")])
            assert len(mailbox.mails) == 1
            assert mailbox.subjects[0].startswith("Rapport, night of 30 December 2017: no release")
            told = mailbox.mails[0].get_body(("plain",)).get_content()
            assert "the run is running: extract.hubspot_" in told
        finally:
            if running:
                running.terminate()
                running.wait()
            late.rapport("down")
