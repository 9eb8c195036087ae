"""Places that other parts of Rapport keep: the account, Airflow's database; and how one asks."""

import itertools
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import date

import pytest

from rapport.activation.account import Row, opened
from rapport.activation.destination import Batch, Outcome, Segment
from rapport.erasure.metadata import Metadata
from rapport.errors import SettingsError
from rapport.orchestration.erasure import _account, wanted
from rapport.settings import Settings
from tests.unit.test_tombstones import buried

NUMBERS = itertools.count()
WHO, OTHER, CONTACT = "16fd42af1bb4dae66255453fa6d2463f", "0" * 32, "20001466077"


@pytest.fixture
def theirs(tmp_path):
    return buried(
        tmp_path / "landing",
        customers=[(WHO, None, None)],
        records={"hubspot.contacts": [CONTACT]},
    )


def sent(folder, destination, key, customer_id, operation="add"):
    """Note that somebody was brought to a destination, or taken off it."""
    run_id = f"run{next(NUMBERS)}"
    with opened(folder, destination) as account:
        account.begin(run_id, "2018-01-02-abcdefabcdef", date(2018, 1, 2), "full")
        batch = Batch(
            f"{run_id}-1",
            run_id,
            "2018-01-02-abcdefabcdef",
            date(2018, 1, 2),
            Segment("welcome"),
            "list",
        )
        account.intend(batch, [Row(key, customer_id, operation, "member")])
        status = "added" if operation == "add" else "removed"
        account.settle(batch, [Outcome(key, operation, status)])


def place(tmp_path):
    (found,) = _account(replace(Settings.from_env(), home=tmp_path))
    return found


def test_their_rows_go_from_the_account_and_all_others_stay(tmp_path, theirs):
    folder = tmp_path / "activation"
    sent(folder, "hubspot", CONTACT, WHO)
    sent(folder, "hubspot", "31", OTHER)
    account = place(tmp_path)
    assert account.count(theirs) == 1
    account.erase(theirs)
    assert account.count(theirs) == 0
    with opened(folder) as left:
        assert [row["customer_id"] for row in left.query("select customer_id from rows")] == [OTHER]
    assert CONTACT.encode() not in (folder / "account.sqlite").read_bytes()


def test_who_is_at_a_webhook_stays_in_it_until_they_were_taken_off(tmp_path, theirs):
    folder = tmp_path / "activation"
    sent(folder, "webhook", WHO, WHO)
    account = place(tmp_path)
    account.erase(theirs)
    assert account.count(theirs) == 1
    sent(folder, "webhook", WHO, WHO, "remove")
    account.erase(theirs)
    assert account.count(theirs) == 0


def test_a_home_that_never_sent_anything_has_no_account(tmp_path):
    assert _account(replace(Settings.from_env(), home=tmp_path)) == []


def test_parameters_of_a_run_are_written_over_and_nothing_of_them_is_in_the_file(tmp_path, theirs):
    path = tmp_path / "airflow.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("create table dag_run (id integer primary key, run_id text, conf JSON)")
        database.execute("create table connection (id integer primary key, extra text)")
        conf = json.dumps({"customer_ids": [WHO, OTHER]})
        database.execute("insert into dag_run values (1, 'a', ?)", [conf])
        database.execute("insert into connection values (1, ?)", [WHO])
        database.commit()
    metadata = Metadata(f"sqlite:///{path}")
    assert metadata.count(theirs) == 1
    metadata.erase(theirs)
    assert metadata.count(theirs) == 0
    with closing(sqlite3.connect(path)) as database:
        (said,) = database.execute("select conf from dag_run").fetchone()
    assert json.loads(said) == {"customer_ids": ["x" * 32, OTHER]}
    assert path.read_bytes().count(WHO.encode()) == 1  # a secret is not looked at


def test_who_is_meant_is_said_in_words_or_in_a_file(tmp_path):
    path = tmp_path / "request.txt"
    path.write_text("b2\n# a remark\n")
    assert wanted(["a1"], path) == ["a1", "b2"]
    assert wanted([], None) == []
    with pytest.raises(SettingsError, match="cannot be read"):
        wanted([], tmp_path / "none")
