"""What a request to Klaviyo asks for: filters, order, cursor and fields; and what it is refused."""

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any
from urllib.parse import parse_qsl, urlencode

from fastapi import Request
from fastapi.responses import Response

from sandbox.clock import klaviyo_time, parse_instant

MEDIA_TYPE = "application/vnd.api+json"
RANGE = {
    "greater-or-equal": ">=",
    "greater-than": ">",
    "less-or-equal": "<=",
    "less-than": "<",
}
FILTER = re.compile(
    r"""\s*(?P<operator>[a-z-]+)\(\s*(?P<field>[\w.$]+)\s*,\s*
    (?P<value>\[[^\]]*\]|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^,()'"\[\]]+)\s*\)\s*(?:,|\Z)""",
    re.VERBOSE,
)
ITEM = re.compile(r""""((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^,\[\]\s]+)""")


EVERYTHING = 200  # the size of a page whose size cannot be asked for


class Refused(Exception):
    """A request that Klaviyo would refuse."""

    def __init__(
        self, detail: str, parameter: str = "", status: int = 400, code: str = "invalid"
    ) -> None:
        super().__init__(detail)
        self.parameter = parameter
        self.status = status
        self.code = code


def error(status: int, code: str, title: str, detail: str, **source: str) -> Response:
    """Return an error in JSON:API's envelope."""
    item = {
        "id": blake2b(detail.encode(), digest_size=16).hexdigest(),
        "code": code,
        "title": title,
        "detail": detail,
        "source": source or {"pointer": "/data/"},
    }
    return answer({"errors": [item]}, status)


@dataclass(frozen=True)
class Page:
    """What an endpoint allows, and where its rows are.

    Attributes:
        parameters: query parameters it knows.
        filters: field -> operators.
        columns: field -> SQL, for filters and sorts.
        instants: the fields that hold an instant, spelt as a date.
        each: field -> (array in the body, SQL over an element): a filter asks for any element.
        sorts: fields to sort by; the first is the default.
        size: default and greatest page size; None when the size cannot be asked for.
    """

    parameters: tuple[str, ...]
    filters: Mapping[str, tuple[str, ...]]
    columns: Mapping[str, str]
    instants: tuple[str, ...]
    sorts: tuple[str, ...]
    size: tuple[int, int] | None
    each: Mapping[str, tuple[str, str]] = field(default_factory=dict)


class Asked:
    """One request for a page: its filters, order, cursor and fields, checked."""

    def __init__(self, request: Request, page: Page) -> None:
        self.page = page
        self.url = request.url
        query = request.query_params
        unknown = [name for name in query if name not in page.parameters]
        if unknown:
            raise Refused(f"'{unknown[0]}' is not a valid parameter of this endpoint.", unknown[0])
        self.include = set(query.get("include", "").split(",")) - {""}
        self._fields = {
            name[7:-1]: value.split(",") for name, value in query.items() if name[:7] == "fields["
        }
        sort = query.get("sort", page.sorts[0])
        self.down, self.sort = sort.startswith("-"), sort.removeprefix("-")
        if self.sort not in page.sorts:
            raise Refused(f"'{sort}' is not a valid sort of this endpoint.", "sort")
        self.size = self._size(query.get("page[size]"))
        self.cursor = self._cursor(query.get("page[cursor]"))
        self.filter = query.get("filter", "")

    def sql(
        self, stands_for: Mapping[str, Callable[[str], list[str]]] | None = None
    ) -> tuple[str, str, dict[str, Any]]:
        """Return conditions, order and values; one row more than a page is asked for.

        Args:
            stands_for: field -> what a value asked for is called in the table, where names differ.
        """
        values: dict[str, Any] = {"limit": self.size + 1}
        conditions = []
        for operator, name, given in parse_filter(self.filter):
            named = (stands_for or {}).get(name)
            items = [each for item in given for each in named(item)] if named else given
            conditions.append(self._condition(operator, name, items, values))
        column, row_id = self.key, self.page.columns["id"]
        backwards = bool(self.cursor and self.cursor[2])
        down = self.down != backwards
        if self.cursor:
            # A row value comparison, which SQLite answers from the index: no page costs more
            # than another. It wants a column without nulls.
            values["cursor_value"], values["cursor_id"] = self.cursor[:2]
            sign = "<" if down else ">"
            conditions.append(f"({column}, {row_id}) {sign} (:cursor_value, :cursor_id)")
        way = " desc" if down else ""
        order = f"order by {column}{way}, {row_id}{way} limit :limit"
        return " and ".join(conditions) or "true", order, values

    def cut(self, found: list[Any], base: str) -> tuple[list[Any], dict[str, str]]:
        """Return the rows of this page and its links; a row begins with its id and its key."""
        backwards = bool(self.cursor and self.cursor[2])
        more = len(found) > self.size
        rows = found[: self.size]
        if backwards:
            rows.reverse()
        links = {"self": self._link(base, None)}
        if rows and (more or backwards):
            links["next"] = self._link(base, [rows[-1][1], rows[-1][0], False])
        if rows and (more if backwards else self.cursor):
            links["prev"] = self._link(base, [rows[0][1], rows[0][0], True])
        return rows, links

    @property
    def key(self) -> str:
        """The SQL of what the rows are sorted by; a query selects it after the id."""
        return self.page.columns[self.sort]

    def fields(self, kind: str) -> list[str] | None:
        """Return the sparse fieldset asked for, or None for everything."""
        return self._fields.get(kind)

    def _link(self, base: str, cursor: list[Any] | None) -> str:
        path = self.url.path.split("/api", 1)[1]
        query = parse_qsl(self.url.query, keep_blank_values=True)
        if cursor is not None:
            text = base64.urlsafe_b64encode(json.dumps(cursor).encode()).decode()
            query = [pair for pair in query if pair[0] != "page[cursor]"]
            query.append(("page[cursor]", text))
        return f"{base}{path}" + (f"?{urlencode(query)}" if query else "")

    def _size(self, text: str | None) -> int:
        default, most = self.page.size or (EVERYTHING, EVERYTHING)
        if text is None:
            return default
        if not (text.isascii() and text.isdigit() and 1 <= int(text) <= most):
            raise Refused(f"Page size must be a whole number from 1 to {most}.", "page[size]")
        return int(text)

    def _cursor(self, text: str | None) -> tuple[Any, str, bool] | None:
        if text is None:
            return None
        try:
            value, row_id, backwards = json.loads(base64.urlsafe_b64decode(text))
        except (ValueError, TypeError, binascii.Error):
            raise Refused("The cursor is not one of this endpoint.", "page[cursor]") from None
        return value, str(row_id), bool(backwards)

    def _condition(self, operator: str, name: str, given: list[str], values: dict[str, Any]) -> str:
        if operator not in self.page.filters.get(name, ()):
            raise Refused(f"'{operator}' on '{name}' is not a valid filter here.", "filter")
        if name in self.page.each:
            array, column = self.page.each[name]
        else:
            array, column = "", self.page.columns[name]
        bound = []
        for value in given:
            key = f"filter_{len(values)}"
            values[key] = self._value(name, value)
            bound.append(f":{key}")
        if operator in ("equals", "any"):
            condition = f"{column} in ({', '.join(bound)})"
        elif operator == "contains":
            condition = f"instr(lower({column}), lower({bound[0]})) > 0"
        else:
            condition = f"{column} {RANGE[operator]} {bound[0]}"
        if array:
            some = f"body ->> '{array}' <> '[]'"  # as the index on it has it
            return f"{some} and exists (select 1 from json_each(body, '{array}') where {condition})"
        return condition

    def _value(self, name: str, text: str) -> Any:
        try:
            if name == "timestamp":
                return int(text) * 1_000
            if name == "scheduled_at" or name.endswith(".timestamp"):  # spelt inside the body
                return klaviyo_time(parse_instant(text))
            return parse_instant(text) if name in self.page.instants else text
        except ValueError:
            raise Refused(f"'{text}' is not a valid value for '{name}'.", "filter") from None


def parse_filter(text: str) -> list[tuple[str, str, list[str]]]:
    """Split a filter into operator, field and values; a comma between filters means and.

    >>> parse_filter('greater-than(updated,2017-01-01T00:00:00Z),any(id,["a","b"])')
    [('greater-than', 'updated', ['2017-01-01T00:00:00Z']), ('any', 'id', ['a', 'b'])]

    Raises:
        Refused: it is no filter.
    """
    found = []
    place = 0
    while place < len(text):
        match = FILTER.match(text, place)
        if match is None:
            raise Refused(f"Invalid filter near '{text[place : place + 40]}'.", "filter")
        items = ["".join(groups) for groups in ITEM.findall(match["value"])]
        found.append((match["operator"], match["field"], items))
        place = match.end()
    return found


def answer(body: Any, status: int = 200) -> Response:
    """Return a body as Klaviyo sends it."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Response(text, status, media_type=MEDIA_TYPE)
