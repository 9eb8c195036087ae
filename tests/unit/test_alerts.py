"""Alerts: what each says, to whom it goes, and that an incident is one message."""

import asyncio
import json
import logging
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowFailException

from rapport.alerts import NOTE, Told, cause_of
from rapport.alerts.cause import of_database
from rapport.build.parts import Part
from rapport.build.record import Header, Outcome, RecordWriter
from rapport.errors import BuildError, GateFailed, ReleaseError, SourceDenied
from rapport.gate.docs import Check, Docs, Looked
from rapport.orchestration import alerts, channels, telling
from rapport.orchestration.failures import no_retry_when_hopeless
from rapport.settings import Settings
from tests.mailbox import taking

NIGHT, RUN = date(2018, 1, 2), "night_2018-01-02"
RELEASE = "2018-01-01-0123456789ab"
SMTP, WEBHOOK = "AIRFLOW_CONN_RAPPORT_ALERTS_SMTP", "AIRFLOW_CONN_RAPPORT_ALERTS_WEBHOOK"
UI = "http://airflow.example:8080/dept"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("RAPPORT_HOME", str(tmp_path))
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", UI)
    for variable in (SMTP, WEBHOOK):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path


@pytest.fixture
def mailbox(home, monkeypatch):
    with taking() as (made, _):
        monkeypatch.setenv(SMTP, made.connection())
        yield made


@pytest.fixture
def webhook(home, monkeypatch):
    with taking() as (_, made):
        monkeypatch.setenv(WEBHOOK, made.connection(password="a-token-of-theirs"))
        yield made


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr(channels, "PAUSE_SECONDS", 0)


@pytest.fixture(autouse=True)
def params(monkeypatch):
    """What a run is triggered with."""
    given = {"trial": False}
    monkeypatch.setattr(telling, "get_current_context", lambda: {"params": given})
    return given


@pytest.fixture
def night(monkeypatch):
    """Return a function that has Airflow tell of a run: states and what tasks left, by task."""

    def told(states, left=None):
        monkeypatch.setattr(telling, "_states", lambda _: states)
        monkeypatch.setattr(
            telling, "_left", lambda _, task, key="return_value": (left or {}).get((task, key))
        )

    told({"report_night": "upstream_failed"})
    return told


def released(home, *, hours=26.0, reduced_hours=None):
    """Let readers have a release; with hours, one that was reduced since."""
    folder = home / "releases" / RELEASE
    folder.mkdir(parents=True)
    manifest = {"tables": [], "files": {}, "gate": {"warnings": []}}
    if reduced_hours is not None:
        of = {"reduced_from": RELEASE, "night": str(NIGHT), "customers": 3, "taken_out": {}}
        manifest["reduction"] = of
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder.parent / "current").symlink_to(folder.name)
    for event, ago in (("built", hours), ("reduced", reduced_hours)):
        if ago is not None:
            at = (datetime.now(UTC) - timedelta(hours=ago)).isoformat(timespec="seconds")
            with (folder.parent / "history.jsonl").open("a") as file:
                file.write(json.dumps({"at": at, "event": event, "release_id": RELEASE}) + "\n")


def fail(run_id=RUN):
    """Have Airflow call back for a run that failed."""
    at = datetime(2018, 1, 2, 2, tzinfo=UTC)
    alerts.AlertNotifier()({"run_id": run_id, "dag_run": SimpleNamespace(logical_date=at)})


def be_late(run_id=RUN, state="running"):
    """Have Airflow call back for a run whose hour is over."""
    run = {"dag_run_id": run_id, "logical_date": "2018-01-02T02:00:00Z", "state": state}
    context = {"dag_run": run, "deadline": {"deadline_time": datetime(2018, 1, 3, 6, tzinfo=UTC)}}
    asyncio.run(alerts.release_is_late(context=context))


def built(home, *outcomes):
    header = Header(RUN, NIGHT, "code", ())
    part = Part("marts.fct_orders", tuple(outcome.node for outcome in outcomes))
    with RecordWriter(Settings.from_env().build_record_path, header, [part]) as record:
        for outcome in outcomes:
            record.add(outcome)


def closed(home, gate):
    check = Check(
        words="people in a segment agreed",
        title="expect_column_values_to_be_between(unconsented_count)",
        limits="",
        severity="critical",
        why="These people did not agree to be written to.",
        found="3 of 5 rows fail (60.0%)",
        problem="3 of 5 rows (customer_id c-4711, c-4712, ...)",
        row_id="customer_id",
        rows=("c-4711", "c-4712", "c-4713"),
    )
    looked = Looked("audit.segment_safety", 5, [check])
    Docs(home / "data_docs", gate, NIGHT).write([looked], [check.line(looked.name)], [])
    return GateFailed(gate, [check.line(looked.name)])


def text_of(mail):
    return mail.get_body(("plain",)).get_content().replace("\r\n", "\n")


# --- what a message says of each kind of failure


def test_a_failed_model_is_named_with_its_error_and_without_a_value(home, mailbox, night):
    released(home)
    message = (
        "Runtime Error in model fct_orders (models/marts/fct_orders.sql)\n"
        "  Conversion Error: Could not convert string 'ada@example.com' to INT32. LINE 1: select"
    )
    built(
        home,
        Outcome("model.r.fct_orders", "fct_orders", "model", "failed", 1.0, message=message),
        Outcome("model.r.dim_customers", "dim_customers", "model", "skipped", 0.0),
    )
    note = cause_of(BuildError(f"the build failed:\nfct_orders: {message}"))
    night({"dbt.build": "failed", "dbt.marts.fct_orders": "failed"}, {("dbt.build", NOTE): note})
    fail()
    assert mailbox.subjects == ["Rapport, night of 2 January 2018: model fct_orders failed"]
    told = text_of(mailbox.mails[0])
    assert "model fct_orders failed: Conversion Error: Could not convert string … to INT32" in told
    assert "dbt.build: fct_orders: Conversion Error: Could not convert string … to" in told
    assert "1 model or test not built after it" in told
    assert "dbt.marts.fct_orders" not in told
    assert "ada" not in mailbox.mails[0].as_string()
    assert f"{UI}/plugin/rapport/dept/rapport/runbooks/build_failed.md" in told
    assert f"{UI}/dags/customer_relationship_nightly/runs/{RUN}" in told
    assert f"release {RELEASE} of the night of 1 January 2018, published 26 h ago" in told


def test_a_failed_test_is_named_with_how_many_rows_it_objects_to(home, mailbox, night):
    built(home, Outcome("test.r.sums", "sums", "test", "failed", 0.5, failures=1203))
    night({"dbt.build": "failed"})
    fail()
    assert mailbox.subjects == ["Rapport, night of 2 January 2018: test sums failed on 1,203 rows"]
    assert "Readers     have no release yet" in text_of(mailbox.mails[0])


@pytest.mark.parametrize(
    ("task", "gate", "what", "runbook"),
    [
        ("check_sources", "sources", "the gate on what came in is closed", "source_gate_failed"),
        ("check_release", "publish", "the gate on what goes out is closed", "publish_gate_failed"),
    ],
)
def test_a_closed_gate_says_whom_it_concerns_and_how_many_rows_but_not_which(
    home, mailbox, night, task, gate, what, runbook
):
    error = closed(home, gate)
    night({task: "failed", "publish_release": "upstream_failed"}, {(task, NOTE): cause_of(error)})
    fail()
    assert mailbox.subjects == [f"Rapport, night of 2 January 2018: {what}"]
    told = text_of(mailbox.mails[0])
    assert "These people did not agree to be written to. (audit.segment_safety: " in told
    assert "(unconsented_count): 3 of 5 rows fail (60.0%))" in told
    assert f"runbooks/{runbook}.md" in told
    assert "4711" not in mailbox.mails[0].as_string()


def test_a_verdict_of_another_night_is_not_this_one_s(home, mailbox, night):
    closed(home, "publish")
    verdict = home / "data_docs" / "publish" / "verdict.json"
    verdict.write_text(verdict.read_text().replace("2018-01-02", "2018-01-01"))
    night({"check_release": "failed"})
    fail()
    assert "These people" not in text_of(mailbox.mails[0])


def test_a_failed_pull_says_what_the_source_answered_and_comes_before_the_gate_it_closed(
    home, mailbox, night
):
    pulls = [f"extract.hubspot_{name}" for name in ("contacts", "deals", "tickets", "emails")]
    error = SourceDenied("rapport_hubspot", "POST /crm answered 401: access refused. Put the token")
    left = {(task, NOTE): cause_of(error) for task in pulls}
    left["check_sources", NOTE] = cause_of(closed(home, "sources"))
    night(dict.fromkeys([*pulls, "check_sources"], "failed"), left)
    fail()
    assert mailbox.subjects == [
        "Rapport, night of 2 January 2018: the pull of hubspot_contacts, hubspot_deals, "
        "hubspot_emails and 1 more failed"
    ]
    told = text_of(mailbox.mails[0])
    assert "'rapport_hubspot': POST /crm answered 401: access refused.\n" in told
    assert "Also failed extract.hubspot_tickets\n" in told
    assert told.index("extract.hubspot_contacts") < told.index("check_sources")
    assert "runbooks/extract_failed.md" in told


def test_opt_outs_that_could_not_be_taken_out_come_before_whatever_else_failed(
    home, mailbox, night
):
    built(home, Outcome("test.r.sums", "sums", "test", "failed", 0.5, failures=2))
    night(
        {"dbt.build": "failed", "subtract_opt_outs": "failed"},
        {("subtract_opt_outs", NOTE): cause_of(BuildError("the build failed:\nint_x: Got 'a'"))},
    )
    fail()
    assert mailbox.subjects == [
        "Rapport, night of 2 January 2018: who said no could not be taken out"
    ]
    told = text_of(mailbox.mails[0])
    assert "Mend this before anything is sent." in told
    assert "subtract_opt_outs: int_x: Got …" in told
    assert "test sums failed on 2 rows" in told
    assert "runbooks/subtraction_failed.md" in told


def test_who_was_taken_out_of_the_last_release_is_counted(home, mailbox, night):
    returned = {"release_id": RELEASE, "customers": 18}
    night({"check_release": "failed"}, {("subtract_opt_outs", "return_value"): returned})
    fail()
    assert "Opt-outs    18 customers who said no since were taken off the lists" in text_of(
        mailbox.mails[0]
    )


def test_a_release_that_could_not_be_published_and_a_report_that_could_not_be_made(
    home, mailbox, night
):
    full = ReleaseError("publishing to releases failed: No space left on device. Make room")
    night({"publish_release": "failed"}, {("publish_release", NOTE): cause_of(full)})
    fail()
    published = {("publish_release", "return_value"): {"release_id": RELEASE}}
    night({"report_night": "failed"}, published)
    fail("night_2018-01-02_2")
    assert mailbox.subjects == [
        "Rapport, night of 2 January 2018: its release could not be published",
        "Rapport, night of 2 January 2018: its report could not be made",
    ]
    assert "No space left on device.\n" in text_of(mailbox.mails[0])
    assert "is released and readers have it" in text_of(mailbox.mails[1])


def test_a_killed_process_leaves_no_word_and_that_is_said(home, mailbox, night):
    night({"dbt.build": "failed"})
    fail()
    assert mailbox.subjects == ["Rapport, night of 2 January 2018: the build failed"]
    assert "it left no word, as its process was killed or lost" in text_of(mailbox.mails[0])


def test_the_mail_says_the_same_in_html_escaped_and_loads_nothing(home, mailbox, night):
    built(home, Outcome("m", "<b>", "model", "failed", 1.0, message="Parser Error: at <script>"))
    night({"dbt.build": "failed"})
    fail()
    page = mailbox.mails[0].get_body(("html",)).get_content()
    assert "&lt;script&gt;" in page
    assert "<script>" not in page
    assert "src=" not in page
    assert mailbox.recipients == [["ops@example.com"]]
    assert mailbox.mails[0]["From"] == "rapport@example.com"


# --- why a task failed


def test_an_error_of_ours_is_told_by_its_first_sentence_and_one_of_others_by_its_kind():
    assert cause_of(ReleaseError("It failed. Ada did it.")) == {
        "error": "ReleaseError",
        "said": "It failed.",
    }
    assert cause_of(ValueError("Ada")) == {"error": "ValueError", "said": ""}
    assert cause_of(OSError(28, "No space left on device", "/home/ada"))["said"] == (
        "No space left on device"
    )


def test_a_build_that_did_not_begin_says_so_in_its_own_words_and_dbt_s_are_masked():
    assert cause_of(BuildError("it is being built by process 4711; wait"))["said"] == (
        "it is being built by process 4711; wait"
    )
    assert cause_of(BuildError("dbt could not run: no 'Ada'"))["said"] == "dbt could not run: no …"


def test_a_gate_s_error_names_rows_and_is_told_by_their_number(home):
    said = cause_of(GateFailed("publish", ["a (m.t: x: 1 row (id c-1))", "b"]))["said"]
    assert said == "the gate 'publish' is closed by 2 findings"


def test_what_a_database_says_of_code_is_told_and_of_values_masked():
    assert of_database('Binder Error: no column "shop_id" in m') == (
        'Binder Error: no column "shop_id" in m'
    )
    assert of_database('Constraint Error: Duplicate key "id: 17"') == (
        "Constraint Error: Duplicate key …"
    )


def test_a_task_leaves_the_error_beneath_the_one_that_airflow_is_told():
    left = {}
    context = {"ti": SimpleNamespace(xcom_push=lambda key, value: left.update({key: value}))}
    with pytest.raises(AirflowFailException) as told, no_retry_when_hopeless():
        raise SourceDenied("rapport_shop", "has no login")
    alerts.note_failure(context | {"exception": told.value})
    assert left == {
        NOTE: {"error": "SourceDenied", "said": "connection 'rapport_shop': has no login"}
    }
    left.clear()
    alerts.note_failure(context | {"exception": None})
    assert left == {}


# --- over which connections


def test_without_a_connection_nobody_is_told_and_nothing_breaks(home, night, caplog):
    caplog.set_level(logging.INFO)
    fail()
    assert "nobody is told" in caplog.text
    assert not (home / "alerts.jsonl").exists()


def test_a_webhook_gets_the_same_as_json_with_its_token(home, webhook, night):
    released(home)
    error = closed(home, "publish")
    night({"check_release": "failed"}, {("check_release", NOTE): cause_of(error)})
    fail()
    body = webhook.bodies[0]
    assert webhook.headers[0]["authorization"] == "Bearer a-token-of-theirs"
    assert (body["type"], body["version"], body["kind"]) == ("rapport.alert", 1, "gate_closed")
    assert (body["night"], body["run_id"]) == ("2018-01-02", RUN)
    assert body["steps"][0]["step"] == "check_release"
    assert body["steps"][0]["found"][0].startswith("These people did not agree")
    assert body["release"]["release_id"] == RELEASE
    assert body["runbook"]["name"] == "publish_gate_failed"
    assert body["text"].startswith(body["subject"])


def test_a_server_that_is_out_of_order_is_asked_again_and_one_that_refuses_is_not(
    home, mailbox, webhook, night, caplog
):
    mailbox.answers = ["451 later", "451 later"]
    webhook.answers = [403]
    fail()
    assert len(mailbox.mails) == 1
    assert len(webhook.bodies) == 1
    assert "an alert was not sent over rapport_alerts_webhook: it answered 403" in caplog.text
    assert Told(home).last()["channels"] == ["rapport_alerts_smtp"]


def test_three_tries_are_enough_and_the_log_says_that_it_was_in_vain(
    home, mailbox, webhook, night, caplog
):
    mailbox.answers = ["451 later"] * 3
    webhook.answers = [503, 429, 500]
    fail()
    assert mailbox.answers == webhook.answers == []
    assert mailbox.mails == []
    assert len(webhook.bodies) == 3
    assert "over rapport_alerts_smtp: the server answered 451" in caplog.text
    assert Told(home).last() is None


def test_a_channel_that_does_not_answer_does_not_keep_the_other_from_telling(
    home, webhook, night, monkeypatch, caplog
):
    dead = {"conn_type": "smtp", "host": "127.0.0.1", "port": 9, "password": "p4ss-w0rd"}
    dead["extra"] = {"from_email": "a@example.com", "to": "b@example.com", "disable_ssl": True}
    monkeypatch.setenv(SMTP, json.dumps(dead))
    fail()
    assert len(webhook.bodies) == 1
    assert "over rapport_alerts_smtp: no answer (ConnectionRefusedError)" in caplog.text
    assert "p4ss-w0rd" not in caplog.text


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"disable_tls": False}, "the server offers no STARTTLS, or no login"),
        ({"disable_ssl": False}, "the server's TLS is not to be trusted"),
    ],
)
def test_a_server_without_the_encryption_that_is_asked_for_gets_nothing(
    home, mailbox, night, monkeypatch, caplog, asked, told
):
    monkeypatch.setenv(SMTP, mailbox.connection(**asked))
    fail()
    assert f"over rapport_alerts_smtp: {told}" in caplog.text
    assert mailbox.mails == []


@pytest.mark.parametrize(
    ("variable", "text", "told"),
    [
        (SMTP, '{"conn_type": "smtp", "host": "h"}', "its extra lacks from_email or to"),
        (WEBHOOK, '{"conn_type": "http", "host": "hooks"}', "its host is no URL"),
        (WEBHOOK, "{", "AIRFLOW_CONN_RAPPORT_ALERTS_WEBHOOK is no connection"),
    ],
)
def test_a_connection_that_cannot_be_used_is_an_error_in_the_log(
    home, night, monkeypatch, caplog, variable, text, told
):
    monkeypatch.setenv(variable, text)
    fail()
    assert told in caplog.text


def test_a_night_of_which_nothing_can_be_learned_is_told_all_the_same(
    home, mailbox, monkeypatch, caplog
):
    def mute(_):
        raise RuntimeError("Airflow is mute")

    monkeypatch.setattr(telling, "_states", mute)
    fail()
    assert mailbox.subjects == ["Rapport, night of 2 January 2018: it failed"]
    assert "could not be told (RuntimeError): look at the run" in text_of(mailbox.mails[0])
    assert "what failed in night_2018-01-02 could not be learned" in caplog.text


def test_whatever_goes_wrong_with_a_message_the_callback_ends_well(home, monkeypatch, caplog):
    def broken(_):
        raise RuntimeError

    monkeypatch.setattr(telling, "send", broken)
    fail()
    assert "an alert could not be told: RuntimeError" in caplog.text


# --- one message per incident


def test_a_late_night_is_told_with_what_is_running(home, mailbox, night):
    released(home)
    night({"extract.shop_orders": "running", "extract.klaviyo_events": "failed"})
    be_late()
    assert mailbox.subjects == [
        "Rapport, night of 2 January 2018: no release by 2018-01-03 06:00 UTC"
    ]
    told = text_of(mailbox.mails[0])
    assert "Now         the run is running: extract.shop_orders" in told
    assert "Failed      extract.klaviyo_events" in told
    assert "runbooks/alerts.md" in told


def test_a_night_that_failed_before_its_hour_is_not_told_again(home, mailbox, night):
    night({"check_release": "failed"})
    fail()
    be_late(state="failed")
    assert len(mailbox.mails) == 1


def test_a_night_whose_failure_could_not_be_told_is_told_by_its_hour(home, mailbox, night):
    mailbox.answers = ["550 no"]
    night({"check_release": "failed"})
    fail()
    be_late(state="failed")
    assert mailbox.subjects == [
        "Rapport, night of 2 January 2018: no release by 2018-01-03 06:00 UTC"
    ]


def test_a_night_is_not_late_when_readers_have_it_or_a_later_one(home, mailbox, night):
    released(home)
    run = {"dag_run_id": "night_2018-01-01", "logical_date": "2018-01-01T02:00:00Z", "state": "x"}
    telling.tell_of_late(run, datetime(2018, 1, 3, 6, tzinfo=UTC))
    assert mailbox.mails == []


def test_an_old_release_is_told_once_a_day_and_is_red_every_hour(home, mailbox):
    released(home, hours=31)
    for _ in range(3):
        with pytest.raises(AirflowFailException, match="is 31 h old, and may be 30 h"):
            alerts.check_release_age()
    assert mailbox.subjects == ["Rapport: the current release is 31 h old"]
    ledger = home / "alerts.jsonl"
    yesterday = json.loads(ledger.read_text())
    yesterday["at"] = (datetime.now(UTC) - timedelta(hours=25)).isoformat()
    ledger.write_text(json.dumps(yesterday) + "\n")
    with pytest.raises(AirflowFailException):
        alerts.check_release_age()
    assert len(mailbox.mails) == 2


def test_a_release_that_is_old_since_a_night_failed_is_not_told_beside_that_night(
    home, mailbox, night
):
    released(home, hours=31)
    night({"check_release": "failed"})
    fail()
    with pytest.raises(AirflowFailException):
        alerts.check_release_age()
    assert len(mailbox.mails) == 1


def test_who_was_taken_out_of_a_release_made_it_no_younger(home, mailbox):
    released(home, hours=40, reduced_hours=1)
    with pytest.raises(AirflowFailException, match="40 h old"):
        alerts.check_release_age()


def test_a_young_release_and_none_at_all_are_no_incident(home, mailbox):
    assert alerts.check_release_age() == {"release_id": None, "age_hours": None}
    released(home, hours=2)
    assert alerts.check_release_age() == {"release_id": RELEASE, "age_hours": 2.0}
    assert mailbox.mails == []


def test_a_trial_says_that_it_is_one_and_counts_as_nothing_told(home, mailbox, params):
    params["trial"] = True
    assert alerts.check_release_age() == {"told": ["rapport_alerts_smtp"]}
    assert mailbox.subjects == ["Rapport: a trial"]
    assert Told(home).last() is None
    mailbox.answers = ["550 no"]
    with pytest.raises(AirflowFailException, match="reached nobody"):
        alerts.check_release_age()


def test_a_ledger_with_a_line_that_was_cut_off_is_read_all_the_same(home, mailbox, night):
    fail()
    with (home / "alerts.jsonl").open("a") as file:
        file.write('{"at": "2018')
    assert Told(home).of_run(RUN)
    assert not Told(home).of_run("another")


def test_a_ledger_that_cannot_be_written_keeps_nobody_from_being_told(home, mailbox, night, caplog):
    (home / "alerts.jsonl").mkdir()
    fail()
    assert len(mailbox.mails) == 1
    assert "alerts.jsonl cannot be written" in caplog.text
