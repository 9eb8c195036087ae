"""What people are told of nights that end badly, by a real Airflow: one message each.

One installation lives through them all, so that readers have a release when they begin.
"""

import json
import re
import shutil
import sqlite3
import subprocess
import time
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.integration.test_embedded_night import RAPPORT, ROOT, Installation
from tests.mailbox import Mailbox, Webhook, taking

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
PATIENCE_SECONDS = 500
TELLING_SECONDS = 90
SECOND_SECONDS = 5  # in which a second message would have come
PROJECT = ("bi", "dags", "dbt_project", "docs", "expectations", "plugins", "sandbox")
BROKEN = "seg_relationship_mismatch_repair"
SOMEBODY = "anna.muster@example.com"


class Firm(Installation):
    """An installation of a project of its own, in which somebody may break a model."""

    def __init__(self, folder, mailbox: Mailbox, webhook: Webhook):
        self.project, self.mailbox, self.webhook = folder / "project", mailbox, webhook
        for name in PROJECT:
            shutil.copytree(ROOT / name, self.project / name)
        super().__init__(
            folder / "home",
            AIRFLOW_CONN_RAPPORT_ALERTS_SMTP=mailbox.connection(),
            AIRFLOW_CONN_RAPPORT_ALERTS_WEBHOOK=webhook.connection(),
            PYTHONPATH=f"{self.project / 'plugins'}:{self.project}",
        )

    @contextmanager
    def one_message(self):
        """Give what a webhook got of what happens meanwhile, and the mail; there is one of each."""
        before, told = len(self.mailbox.mails), Told()
        yield told
        wait_until(lambda: len(self.mailbox.mails) > before, TELLING_SECONDS)
        time.sleep(SECOND_SECONDS)
        [told.mail], [told.json] = self.mailbox.mails[before:], self.webhook.bodies[before:]
        assert str(told.mail["Subject"]).strip() == told.json["subject"]
        print(told.text)

    def trigger(self, dag_id: str, **parameters: Any) -> str:
        """Run a DAG; return how it ended."""
        calls = self.airflow()._http
        runs = f"/api/v2/dags/{dag_id}/dagRuns"
        answer = calls.post(runs, json={"logical_date": None, "conf": parameters})
        run = f"{runs}/{answer.raise_for_status().json()['dag_run_id']}"
        wait_until(lambda: calls.get(run).json()["state"] in ("success", "failed"), 120)
        return calls.get(run).json()["state"]

    def sell_as(self, category: str) -> None:
        """Give some products that sell well a category, on the last day of the year."""
        with closing(sqlite3.connect(self.home / "sandbox" / "shop.sqlite")) as shop, shop:
            shop.execute(
                "update _products set product_category = ?, updated_at = '2017-12-31 11:00:00' "
                "where product_id in (select product_id from _order_lines "
                "group by product_id order by count(*) desc limit 5)",
                [category],
            )

    def grow_old(self, hours: int) -> None:
        """Have all that was published have been published earlier."""
        path = self.home / "releases" / "history.jsonl"
        events = [json.loads(line) for line in path.read_text().splitlines()]
        for event in events:
            earlier = datetime.fromisoformat(event["at"]) - timedelta(hours=hours)
            event["at"] = earlier.isoformat(timespec="seconds")
        path.write_text("".join(json.dumps(event) + "\n" for event in events))


class Told:
    """A message, as mail and as JSON."""

    mail: Any
    json: dict[str, Any]

    @property
    def text(self) -> str:
        return self.mail.get_body(("plain",)).get_content()

    @property
    def everything(self) -> str:
        """All that left the house."""
        return self.mail.as_string() + json.dumps(self.json, ensure_ascii=False)


def wait_until(happened, seconds=PATIENCE_SECONDS):
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "what was waited for did not come"
        time.sleep(1)


def callbacks(home) -> list[tuple[str, str]]:
    """What Airflow has called of its deadlines: what calls it, and how that went."""
    with closing(sqlite3.connect(home / "airflow" / "airflow.db")) as airflow:
        return airflow.execute(
            "select callback.type, callback.state from deadline "
            "join callback on callback.id = deadline.callback_id where missed"
        ).fetchall()


@pytest.fixture(scope="module")
def firm(tmp_path_factory):
    with taking() as (mailbox, webhook):
        made = Firm(tmp_path_factory.mktemp("told"), mailbox, webhook)
        try:
            done = made.rapport("run", "--as-of", "2017-12-30")
            assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
            assert mailbox.mails == webhook.bodies == []
            yield made
        finally:
            made.rapport("down")


def test_a_release_that_is_too_old_is_told_once_a_day_and_a_trial_each_time(firm):
    """While nothing else was told of that release."""
    with firm.one_message() as told:
        assert firm.trigger("release_age_check") == "success"
        firm.grow_old(hours=31)
        assert firm.trigger("release_age_check") == "failed"
        assert firm.trigger("release_age_check") == "failed"
    assert told.json["kind"] == "release_old"
    assert told.json["subject"] == "Rapport: the current release is 31 h old"
    with firm.one_message() as told:
        assert firm.trigger("release_age_check", trial=True) == "success"
    assert told.json["kind"] == "trial"


def test_bad_data_that_closes_the_last_gate(firm):
    """Somebody's address as a category: no model minds, and no dashboard may show it."""
    readers_had = firm.current()
    customer, profile = firm.member()
    with firm.one_message() as told:
        firm.sell_as(f"ask {SOMEBODY}")
        firm.unsubscribe(profile)
        done = firm.rapport("run", "--as-of", "2017-12-31")
        assert done.returncode == 1
    assert told.json["kind"] == "gate_closed"
    assert told.json["subject"] == (
        "Rapport, night of 31 December 2017: the gate on what goes out is closed"
    )
    [step] = told.json["steps"]
    assert step["step"] == "check_release"
    # Whom it hurts first, then the expectation and how many rows failed.
    assert re.match(
        r"An e-mail address or telephone number in a release reaches everybody who reads .*\. "
        r"\(audit\.released_columns: .*: \d+ of \d+ rows fail",
        step["found"][0],
    )
    assert told.json["runbook"]["name"] == "publish_gate_failed"
    assert told.json["release"]["release_id"] == firm.current() != readers_had
    assert "Opt-outs    1 customer who said no since was taken off the lists" in told.text
    assert f"have release {firm.current()} of the night of 30 December 2017" in told.text
    assert SOMEBODY not in told.everything
    assert customer not in told.everything


def test_a_model_that_somebody_broke(firm):
    firm.sell_as("BREAD")
    path = firm.project / f"dbt_project/models/segments/who/{BROKEN}.sql"
    good = path.read_text()
    # Sound SQL, until a row is read.
    path.write_text(f"select * from ({good}) where cast(reason as integer) > 0")
    try:
        with firm.one_message() as told:
            assert firm.rapport("run", "--as-of", "2018-01-01").returncode == 1
    finally:
        path.write_text(good)
    assert told.json["kind"] == "build_failed"
    assert told.json["subject"] == (f"Rapport, night of 1 January 2018: model {BROKEN} failed")
    [step] = told.json["steps"]
    assert step["step"] == "dbt.build"
    assert step["found"][0].startswith(f"model {BROKEN} failed: Conversion Error: ")
    assert "not built after it" in step["found"][-1]
    assert "Wants a relationship" not in told.everything
    assert told.json["runbook"]["name"] == "build_failed"
    assert "of the night of 30 December 2017" in told.text


def test_a_night_without_a_release_by_its_hour_is_told_once_while_it_hangs(firm):
    """Airflow's scheduler notices, its triggerer tells, and every slot of the executor is taken."""
    assert callbacks(firm.home) == []
    firm.env["RAPPORT_RELEASE_WITHIN_MINUTES"] = "1"
    running = None
    try:
        with firm.one_message() as told:
            assert firm.rapport("up").returncode == 0
            firm.faults({"times": None, "do": {"kind": "hang"}, "match": {"path": "/hubspot/"}})
            running = subprocess.Popen(
                [*RAPPORT, "run", "--as-of", "2018-01-02"],
                env=firm.env,
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
            )
            wait_until(lambda: callbacks(firm.home) == [("triggerer", "success")])
    finally:
        if running:
            running.terminate()
            running.wait()
    assert told.json["kind"] == "release_missing"
    assert told.json["subject"].startswith("Rapport, night of 2 January 2018: no release by")
    assert "the run is running: extract.hubspot_" in told.text
    assert told.json["runbook"]["name"] == "alerts"
    assert f"have release {firm.current()} of the night of 30 December 2017" in told.text


def test_no_run_was_told_of_twice(firm):
    runs = [told["run_id"] for told in firm.webhook.bodies if told["run_id"]]
    assert sorted(runs) == ["night_2017-12-31", "night_2018-01-01", "night_2018-01-02"]
