"""An API of a firm: pages turned by dlt, opened by the connection, and believed only where sure."""

import json
import threading
from contextlib import closing
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from rapport.errors import SourceDenied, SourceError, UnusableTable
from rapport.sources.probe import probe
from tests.declaring import NIGHT, ORDERS, Firm, declaration

NEXT = NIGHT + timedelta(days=1)
FAST = {"max_attempts": 3, "backoff_factor": 0.001}


class Web:
    """An API that answers each path by a function of the query, and notes what it was asked."""

    def __init__(self):
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                length = int(self.headers.get("Content-Length") or 0)
                asked = urlsplit(self.path)
                query = {name: values[-1] for name, values in parse_qs(asked.query).items()}
                body = self.rfile.read(length)
                web.asked.append((asked.path, query, dict(self.headers), body))
                found = web.answers.get(asked.path, lambda _: (404, {"detail": "Not found."}))
                status, said, *headers = _answer(found(query))
                content = said if isinstance(said, bytes) else json.dumps(said).encode()
                self.send_response(status)
                for name, value in headers[0].items() if headers else ():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_POST = do_GET

            def log_message(self, *_):
                pass

        self.asked, self.answers = [], {}
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def _answer(said):
    return said if isinstance(said, tuple) else (200, said)


@pytest.fixture
def web():
    with closing(Web()) as there:
        yield there


@pytest.fixture
def firm(tmp_path, web):
    """Return a function that makes a firm with an API, of which a table is declared."""

    def of(paginator="single_page", options=None, **table):
        there = Firm(tmp_path, web.url, **FAST, **(options or {}))
        said = {"path": "api/orders", "data": "results", "key": ["id"]} | table
        there.declare(declaration("rest", paginator=paginator, **said))
        return there

    return of


def records(*ids, **more):
    return [{"id": id_, "placed": f"2026-11-{id_:02}T00:00:00Z", **more} for id_ in ids]


# --- pages


def test_records_land_as_text_and_what_is_nested_as_json(web, firm):
    web.answers["/api/orders"] = lambda _: {"results": records(1, lines=[{"sku": "a"}], paid=True)}
    there = firm()
    assert there.pull()["orders"] == 1
    assert there.rows(select="id, placed, lines, paid, _line") == [
        ("1", "2026-11-01T00:00:00Z", '[{"sku":"a"}]', "true", None)
    ]
    assert web.asked[0][2]["Authorization"] == "Bearer secret"


@pytest.mark.parametrize(("paginator", "answer"), [
    ({"type": "page_number", "base_page": 1, "total_path": None},
     lambda q: {"results": records(*{"1": [1, 2], "2": [3]}.get(q.get("page", "1"), []))}),
    ({"type": "offset", "limit": 2, "total_path": "count"},
     lambda q: {"count": 3, "results": records(*[1, 2, 3][int(q.get("offset", 0)):][:2])}),
    ({"type": "cursor", "cursor_path": "after", "cursor_param": "after"},
     lambda q: {"results": records(3)} if q.get("after") else
     {"results": records(1, 2), "after": "x"}),
])  # fmt: skip
def test_every_page_is_read_as_dlt_says_pages_are_turned(web, firm, paginator, answer):
    web.answers["/api/orders"] = answer
    assert firm(paginator).pull()["orders"] == 3


def test_what_hangs_on_another_table_is_asked_for_of_each_of_its_records(web, firm):
    web.answers |= {
        "/api/orders": lambda _: {"results": records(1, 2)},
        "/api/orders/1/lines": lambda _: {"results": [{"id": 10, "placed": "x"}]},
        "/api/orders/2/lines": lambda _: {"results": [{"id": 20, "placed": "y"}]},
    }
    there = firm()
    said = declaration("rest", path="api/orders", data="results", key=["id"])
    said["tables"]["lines"] = {
        "path": "api/orders/{resources.orders.id}/lines",
        "data": "results",
        "paginator": "single_page",
        "include_from_parent": ["id"],
        "streams": {
            "orders": {"columns": ORDERS["orders"]["columns"] | {"order_id": "_orders_id"}}
        },
    }
    there.declare(said)
    there.pull()
    assert there.rows("lines", "id, _orders_id") == [("10", "1"), ("20", "2")]


# --- from where


def test_a_later_night_asks_for_what_changed_since(web, firm):
    web.answers["/api/orders"] = lambda _: {"results": records(2, 9, 5)}
    there = firm(incremental={"cursor_path": "placed", "start_param": "updated_since"})
    assert there.pull()["orders"] == 3
    assert web.asked[0][1] == {}
    assert there.pull(NEXT)["orders"] == 3, "what comes lands: nothing is dropped for its time"
    assert web.asked[1][1] == {"updated_since": "2026-11-08T00:00:00Z"}


@pytest.mark.parametrize(("incremental", "first", "then"), [
    ({"initial_value": "2020-01-01"}, "2020-01-01", "2026-11-08T00:00:00Z"),
    ({"format": "%d.%m.%Y"}, None, "08.11.2026"),
    ({"cursor_path": "id"}, None, "9"),
])  # fmt: skip
def test_the_start_is_written_as_the_api_wants_it(web, firm, incremental, first, then):
    web.answers["/api/orders"] = lambda _: {"results": records(2, 9)}
    there = firm(
        incremental={"cursor_path": "placed"} | incremental,
        params={"where": "changed > {incremental.start_value}", "size": 5},
    )
    there.pull()
    there.pull(NEXT)
    said = [asked[1].get("where") for asked in web.asked]
    assert said == [first and f"changed > {first}", f"changed > {then}"]
    assert [asked[1]["size"] for asked in web.asked] == ["5", "5"]


def test_a_pull_that_breaks_off_starts_where_it_started(web, firm):
    """An API promises no order: what came before says nothing of what would have come."""

    def answer(query):
        if query.get("page", "1") == "1":
            return {"results": records(9)}
        return 500, {"detail": "broken"}

    web.answers["/api/orders"] = answer
    there = firm(
        {"type": "page_number", "base_page": 1, "total_path": None},
        incremental={"cursor_path": "placed", "start_param": "since"},
    )
    with pytest.raises(SourceError, match=r"api/orders: no usable answer after 3 tries"):
        there.pull()
    web.answers["/api/orders"] = lambda _: {"results": []}
    web.asked.clear()
    there.pull(NEXT)
    assert "since" not in web.asked[0][1]


# --- what is no answer


def test_an_answer_without_the_records_is_no_empty_page(web, firm):
    web.answers["/api/orders"] = lambda _: {"items": records(1), "count": 1}
    with pytest.raises(UnusableTable, match="an answer has nothing at data: results; it has items"):
        firm().pull()


def test_an_answer_that_does_not_say_how_many_pages_there_are_is_told_without_its_records(
    web, firm
):
    """dlt 1.31 quotes the whole answer."""
    web.answers["/api/orders"] = lambda _: {"results": [{"id": 1, "placed": "me@example.com"}]}
    with pytest.raises(UnusableTable, match=r"Total .* not found") as error:
        firm({"type": "page_number", "base_page": 1}).pull()
    assert "example.com" not in str(error.value)


def test_two_lists_of_an_answer_are_one_table_up_to_the_page_on_which_both_are_empty(web, firm):
    """BottleCRM gives accounts so: open and closed ones, each paged by the same offset."""

    def page(query):
        offset = int(query.get("offset", 0))
        return {
            "active": {"open_accounts": records(1, 2, 3)[offset:][:2]},
            "closed": {"close_accounts": records(4)[offset:][:2]},
        }

    web.answers["/api/orders"] = page
    paginator = {"type": "offset", "limit": 2, "total_path": None}
    there = firm(paginator, data="*.[open_accounts,close_accounts][*]")
    assert there.pull()["orders"] == 4


def test_where_the_records_are_is_to_be_said_where_it_is_not_plain(web, firm):
    web.answers["/api/orders"] = lambda _: {"items": records(1), "errors": []}
    with pytest.raises(UnusableTable, match=r"say where the records are \(data: \.\.\.\)"):
        firm_without_data(firm).pull()


def firm_without_data(firm):
    there = firm()
    there.declare(declaration("rest", path="api/orders", key=["id"]))
    return there


def test_a_list_needs_no_word_of_where_its_records_are(web, firm):
    web.answers["/api/orders"] = lambda _: records(1, 2)
    assert firm_without_data(firm).pull()["orders"] == 2


def test_a_record_that_contradicts_itself_is_refused_by_itself(web, firm):
    said = b'{"results": [{"id": 1, "placed": "a"}, {"id": 2, "id": 3, "placed": "b"}]}'
    web.answers["/api/orders"] = lambda _: (200, said)
    there = firm()
    assert there.pull() | {"source_totals": 0} == {
        "orders": 1, "removals": 0, "source_totals": 0, "refusals": 1,
    }  # fmt: skip


@pytest.mark.parametrize("status", [401, 403])
def test_no_is_final_and_names_the_connection(web, firm, status):
    web.answers["/api/orders"] = lambda _: (status, {"detail": "secret word"})
    with pytest.raises(
        SourceDenied, match=rf"'rapport_web_shop': GET /api/orders answered {status}"
    ):
        firm().pull()
    assert len(web.asked) == 1


def test_what_passes_is_asked_for_again(web, firm):
    answers = iter([(429, {}, {"Retry-After": "0"}), (503, {}), {"results": records(1)}])
    web.answers["/api/orders"] = lambda _: next(answers)
    assert firm().pull()["orders"] == 1


def test_a_link_to_another_host_is_not_followed(web, firm):
    web.answers["/api/orders"] = lambda _: {
        "results": records(1),
        "next": web.url.replace("127.0.0.1", "localhost") + "/api/orders",
    }
    with pytest.raises(SourceError, match="refused to follow a link to http://localhost"):
        firm({"type": "json_link", "next_url_path": "next"}).pull()
    assert len(web.asked) == 1


def test_all_there_is_may_come_from_an_api_too(web, firm):
    there = firm(whole=True)
    web.answers["/api/orders"] = lambda _: {"results": records(1, 2, 3)}
    there.pull()
    web.answers["/api/orders"] = lambda _: {"results": records(1, 3)}
    assert there.pull(NEXT)["removals"] == 1


def test_the_probe_asks_for_one_page(web, firm):
    web.answers["/api/orders"] = lambda _: {"results": records(1), "after": "x"}
    there = firm({"type": "cursor", "cursor_path": "after", "cursor_param": "after"})
    said = probe("web_shop", there.connection, there.source)
    assert said == "answers, and gives orders with id, placed"
    assert len(web.asked) == 1


# --- how it is opened


@pytest.mark.parametrize(("options", "sent"), [
    ({"login": "me"}, ("Authorization", "Basic bWU6c2VjcmV0")),
    ({"auth": "api_key"}, ("X-API-Key", "secret")),
    ({"auth": "api_key", "header": "X-Key"}, ("X-Key", "secret")),
    ({"scheme": "Token"}, ("Authorization", "Token secret")),
    ({"headers": {"org": "7"}}, ("org", "7")),
])  # fmt: skip
def test_the_connection_says_how_it_is_opened(web, firm, options, sent):
    web.answers["/api/orders"] = lambda _: {"results": records(1)}
    firm(options=options).pull()
    assert web.asked[0][2][sent[0]] == sent[1]


def test_a_login_gives_a_token_and_another_one_where_it_has_run_out(web, firm):
    logins = []

    def login(_):
        logins.append(1)
        return {"tokens": {"access": f"t{len(logins)}"}}

    def answer(_):
        is_stale = web.asked[-1][2]["Authorization"] == "JWT t1"
        return (401, {}) if is_stale else {"results": records(1)}

    web.answers |= {"/auth/login/": login, "/api/orders": answer}
    options = {
        "auth": "login",
        "login": "me@example.com",
        "login_path": "auth/login/",
        "login_field": "email",
        "token": "tokens.access",
        "scheme": "JWT",
    }
    assert firm(options=options).pull()["orders"] == 1
    assert json.loads(web.asked[0][3]) == {"email": "me@example.com", "password": "secret"}
    assert len(logins) == 2


def test_a_login_that_is_refused_is_asked_for_once(web, firm):
    web.answers["/auth/login/"] = lambda _: (401, {})
    options = {"auth": "login", "login": "me", "login_path": "auth/login/"}
    with pytest.raises(SourceDenied, match="POST /auth/login/ answered 401"):
        firm(options=options).pull()
    assert len(web.asked) == 1


def test_oauth2_asks_for_a_token_where_the_connection_says(web, firm):
    web.answers |= {
        "/oauth/token": lambda _: {"access_token": "t", "expires_in": 60},
        "/api/orders": lambda _: {"results": records(1)},
    }
    firm(options={"auth": "oauth2", "login": "me", "token_url": "/oauth/token"}).pull()
    assert b"grant_type=client_credentials" in web.asked[0][3]
    assert web.asked[1][2]["Authorization"] == "Bearer t"


@pytest.mark.parametrize(("options", "said"), [
    ({"auth": "jwt"}, "auth 'jwt' in its extra is none of"),
    ({"auth": "login"}, "auth login needs login_path; set them"),
    ({"auth": "oauth2", "login": "x"}, "auth oauth2 needs token_url; set them"),
])  # fmt: skip
def test_a_connection_that_does_not_say_enough_is_refused_before_a_call(web, firm, options, said):
    with pytest.raises(SourceDenied, match=said):
        firm(options=options).pull()
    assert web.asked == []
