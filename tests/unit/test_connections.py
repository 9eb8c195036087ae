"""What is wrong with a connection is said of the connection, and a hopeless pull is not retried."""

import json

import pytest
from airflow.sdk.exceptions import AirflowFailException

from rapport.errors import BudgetSpent, NotBefore, SourceDenied, SourceError
from rapport.orchestration.connections import bi_connection, source_connection
from rapport.orchestration.failures import no_retry_when_hopeless


@pytest.mark.parametrize(("text", "said"), [
    ("{not json", "AIRFLOW_CONN_RAPPORT_SHOP is set, and is no connection"),
    ("not json}", "has no type: JSON names its conn_type"),
    ({"conn_type": "oracle"}, "'oracle' is not one of"),
    ({"conn_type": "sqlite"}, "no host, which is the path"),
    ({"conn_type": "mysql", "host": "h", "password": "hush"}, r"no schema .*, no login"),
    ({"conn_type": "sqlite", "host": "/a", "extra": "{hush"}, "extra is not JSON"),
])  # fmt: skip
def test_a_connection_that_cannot_be_says_why(monkeypatch, text, said):
    written = text if isinstance(text, str) else json.dumps(text)
    monkeypatch.setenv("AIRFLOW_CONN_RAPPORT_SHOP", written)
    with pytest.raises(SourceDenied, match=said) as told:
        source_connection("shop")
    assert "hush" not in str(told.value)


@pytest.mark.parametrize("error", [SourceDenied, NotBefore, BudgetSpent])
def test_what_no_retry_can_help_fails_the_task_for_good_with_its_words(error):
    with pytest.raises(AirflowFailException, match="back at midnight"), no_retry_when_hopeless():
        raise error("rapport_hubspot", "back at midnight")


def test_what_passes_is_left_to_airflows_retries():
    with pytest.raises(SourceError), no_retry_when_hopeless():
        raise SourceError("rapport_hubspot", "no usable answer")


def test_bi_tools_are_given_postgresql_or_nothing(monkeypatch):
    assert bi_connection() is None
    written = {"conn_type": "mysql", "host": "h", "schema": "bi", "login": "rapport"}
    monkeypatch.setenv("AIRFLOW_CONN_RAPPORT_BI", json.dumps(written))
    with pytest.raises(SourceDenied, match="make its type postgres"):
        bi_connection()
    more = {"conn_type": "postgres", "extra": {"sslmode": "verify-full", "other": "x"}}
    monkeypatch.setenv("AIRFLOW_CONN_RAPPORT_BI", json.dumps(written | more))
    assert bi_connection().url == "postgresql+psycopg://rapport@h/bi?sslmode=verify-full"
