"""Tasks' logs in the archive: sent when a task ends, read once they are gone here."""

import pytest

from rapport.archive import Store
from rapport.errors import ArchiveError
from rapport.orchestration.logs import LOGGING_CONFIG, REMOTE_TASK_LOG, ArchivedLogs

LOG = "dag_id=nightly/run_id=night/task_id=build/attempt=1.log"


@pytest.fixture
def logs(tmp_path):
    here = tmp_path / "logs" / LOG
    here.parent.mkdir(parents=True)
    here.write_text('{"event": "built"}\n')
    return ArchivedLogs(Store(f"file://{tmp_path}/archive"), tmp_path / "logs")


def test_without_an_archive_airflow_keeps_its_own_logging():
    assert REMOTE_TASK_LOG is None
    assert LOGGING_CONFIG["handlers"]["task"]


def test_a_log_is_read_here_as_long_as_it_is_here(logs, tmp_path):
    logs.upload(LOG)
    assert logs.read(LOG, None) == ([], None)
    (tmp_path / "logs" / LOG).unlink()
    said = logs.read(LOG, None)
    assert said == ([f"file://{tmp_path}/archive/logs/{LOG}"], ['{"event": "built"}\n'])


def test_what_a_trigger_said_is_read_beside_it_and_no_other_try(logs, tmp_path):
    for name in (f"{LOG}.trigger.7.log", LOG.replace("=1", "=10")):
        (tmp_path / "logs" / name).write_text(name)
        logs.upload(name)
        (tmp_path / "logs" / name).unlink()
    (tmp_path / "logs" / LOG).unlink()
    assert logs.read(LOG, None)[1] == [f"{LOG}.trigger.7.log"]


def test_a_log_that_goes_on_is_sent_anew_and_whole(logs, tmp_path):
    logs.upload(LOG)
    with (tmp_path / "logs" / LOG).open("a") as log:
        log.write('{"event": "resumed"}\n')
    logs.upload(LOG)
    (tmp_path / "logs" / LOG).unlink()
    assert logs.read(LOG, None)[1] == ['{"event": "built"}\n{"event": "resumed"}\n']


def test_a_log_that_never_was_is_none(logs):
    logs.upload("dag_id=nightly/attempt=9.log")
    assert logs.read("dag_id=nightly/attempt=9.log", None) == ([], None)


def test_a_store_that_refuses_fails_no_task_and_is_named_to_the_reader(logs, tmp_path, monkeypatch):
    def refuse(*_):
        raise ArchiveError("s3://bucket", "writing: refused")

    monkeypatch.setattr(Store, "put", refuse)
    monkeypatch.setattr(Store, "sizes", refuse)
    logs.upload(LOG)
    assert logs.read(LOG, None) == ([], None)
    (tmp_path / "logs" / LOG).unlink()
    assert logs.read(LOG, None) == (["archive s3://bucket: writing: refused"], None)
