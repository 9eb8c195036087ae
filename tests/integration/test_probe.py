"""One harmless call to each source tells whether its connection works."""

from dataclasses import replace

import pytest

from rapport.errors import SourceDenied, SourceError
from rapport.sources.probe import probe
from tests.house import House


@pytest.fixture
def connections(tmp_path, sandbox_server):
    return House(tmp_path, sandbox_server).connections


@pytest.mark.parametrize(
    ("source", "answer"),
    [("hubspot", "counts"), ("klaviyo", "kinds of events"), ("shop", "order_lines")],
)
def test_a_source_that_answers_says_so(connections, source, answer):
    said = probe(source, connections[source])
    assert said.startswith("answers, and ")
    assert answer in said


@pytest.mark.parametrize("source", ["hubspot", "klaviyo"])
def test_a_wrong_token_is_refused_in_the_sources_words(connections, source):
    with pytest.raises(SourceDenied, match="401"):
        probe(source, replace(connections[source], secret="wrong"))


@pytest.mark.parametrize("source", ["hubspot", "klaviyo"])
def test_a_source_that_does_not_answer_is_asked_once(connections, source):
    nowhere = replace(connections[source], url="http://127.0.0.1:9")
    with pytest.raises(SourceError, match=r"no usable answer \(ConnectionError: .* refused\)"):
        probe(source, nowhere)


def test_a_shop_that_is_not_there_is_said(connections):
    with pytest.raises(SourceDenied, match="there is no file"):
        probe("shop", replace(connections["shop"], url="sqlite:////nowhere/shop.sqlite"))
