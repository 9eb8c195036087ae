"""`sources/<name>.yml`: a source of the firm's own, and how it is mapped onto canonical streams.

Read whenever the DAG is, so without dlt. All that can be wrong with a declaration by itself is said
at once, a line each with file, line, key and remedy: before anything is pulled.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from functools import cache, cached_property
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any, Literal, get_args
from zoneinfo import available_timezones

import yaml

from rapport import contract
from rapport.errors import SourcesError
from rapport.places.clocks import clock_changes
from rapport.sources.mapped.expressions import (
    Expression,
    binding_fault,
    format_fault,
    read_expression,
)
from rapport.sources.streams import (
    BECOMES,
    BOOKS,
    FILES_READ,
    GROUPS,
    REFUSALS,
    REMOVALS,
    SOURCE_TOTALS,
    Stream,
)
from rapport.written import Layer, Problem, faults, placed

Kind = Literal["files", "sql", "rest"]
KINDS: tuple[str, ...] = get_args(Kind)
FOLDER = "sources"
KEPT = "declaration"  # folder of the landing, in that of a source
SHIPPED = Path(__file__).parents[1] / "mappings"
FILE, LINE, ABOVE = "_file", "_line", "_above"
ITEMS = ("item", "item_number")
# dlt's, without `auto`, which guesses.
PAGINATORS = (
    *("json_link", "json_response", "header_link", "header_cursor"),
    *("single_page", "cursor", "offset", "page_number"),
)
NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Mapped:
    """Rows of a table as rows of one canonical stream.

    Attributes:
        stream: the canonical stream, without `canonical_`.
        columns: SQL by canonical column.
        where: SQL of which rows; empty for all.
        each: SQL of a JSON list of which each item is a row; empty for a row per row.
        reads: columns of the table that all of it reads.
    """

    stream: str
    columns: Mapping[str, str]
    where: str
    each: str
    reads: tuple[str, ...]

    @property
    def like(self) -> tuple[str, ...]:
        """What tells the same: the canonical stream, and what of built-in sources becomes it."""
        built_in = (name for name, stream in BECOMES.items() if stream == self.stream)
        return (self.stream, *built_in)


@dataclass(frozen=True)
class MappedTable:
    """A table of a declared source.

    Attributes:
        stream: how it lands.
        how: where it is and how it is read, as the declaration says it for its kind.
        whole: each pull brings all there is.
        every: days between two pulls.
        mapped: onto which canonical streams.
        shrinks_on: the night on which much of it may be gone.
    """

    stream: Stream
    how: Mapping[str, Any]
    whole: bool
    every: int
    mapped: tuple[Mapped, ...]
    shrinks_on: date | None = None

    @property
    def name(self) -> str:
        """Its name in the landing."""
        return self.stream.name


@dataclass(frozen=True)
class MappedSource:
    """A source that a firm declares itself.

    Attributes:
        name: the file's.
        kind: by what it is read.
        path: of the files: a folder, or where they are on object storage; empty for other kinds.
        tables: of it.
        said_in: the declaration's file, for people.
        content: the declaration, with what ships below it.
    """

    name: str
    kind: Kind
    path: str
    tables: tuple[MappedTable, ...]
    said_in: Path
    content: Mapping[str, Any] = field(repr=False)

    @property
    def streams(self) -> tuple[Stream, ...]:
        """What lands, the books that a pull keeps last."""
        of_files = (FILES_READ[self.name],) if self.kind == "files" else ()
        books = (REMOVALS[self.name], SOURCE_TOTALS[self.name], REFUSALS[self.name])
        return (*(table.stream for table in self.tables), *of_files, *books)

    @property
    def is_local(self) -> bool:
        """Whether it needs no connection."""
        return self.kind == "files" and "://" not in self.path

    @cached_property
    def digest(self) -> str:
        """What changes with everything that the declaration says."""
        said = {**self.content, "tables": {t.name: _lasting(self, t) for t in self.tables}}
        return sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]

    def variables(self) -> list[dict[str, Any]]:
        """Return what dbt is told of it: one map per table and canonical stream."""
        zone = str(self.content.get("time_zone", "UTC"))
        changes = [list(each) for each in clock_changes(zone)] if zone != "UTC" else []
        return [
            {
                "source": self.name,
                "kind": self.kind,
                "table": table.name,
                "stream": mapped.stream,
                "like": list(mapped.like),
                "where": mapped.where,
                "each": mapped.each,
                "columns": dict(mapped.columns),
                "key": list(table.stream.key),
                "whole_by": list(table.stream.whole_by),
                "whole": table.whole,
                "time_zone": zone,
                "clock_changes": changes,
                "decimal": self.content.get("decimal", "."),
                "dates": list(self.content.get("dates", ())),
                "shared": list(self.content.get("shared", ())),
                "file": f"{FOLDER}/{self.said_in.name}",
            }
            for table in self.tables
            for mapped in table.mapped
        ]


def _lasting(source: MappedSource, table: MappedTable) -> dict[str, Any]:
    """What is said of a table for more than a night."""
    said: Mapping[str, Any] = source.content["tables"][table.name]
    return {key: value for key, value in said.items() if key != "shrinks_on"}


def read_all(
    folders: Sequence[Path], home: Path, dbt_project_dir: Path, *, parses: bool = True
) -> tuple[MappedSource, ...]:
    """Return the sources that a firm declares, by name; of two of one name the first holds.

    Args:
        folders: of the declarations.
        home: what a folder of files is relative to.
        dbt_project_dir: holds the contract of the canonical streams.
        parses: whether expressions are looked into, which takes a database. Without that no table
            knows which columns it needs: enough to say what there is to be pulled.

    Raises:
        SourcesError: one of the files cannot be used; all that is wrong with any is told.
    """
    found, problems = [], []
    paths = {path.name: path for folder in reversed(folders) for path in folder.glob("*.yml")}
    for _, path in sorted(paths.items()):
        try:
            found.append(read_source(path, home, dbt_project_dir, parses=parses))
        except SourcesError as error:
            problems += error.problems
    if problems:
        raise SourcesError(problems)
    return tuple(found)


def keep_declaration(source: MappedSource, landing_dir: Path) -> None:
    """Write a declaration beside what it brings, so that this is understood when it is gone."""
    path = landing_dir / source.name / KEPT / f"{source.name}.yml"
    content = {name: said for name, said in source.content.items() if name != "uses"}
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".new")
    aside.write_text(text, encoding="utf-8")
    aside.replace(path)


def read_retired(
    landing_dir: Path, declared: Collection[str], home: Path, dbt_project_dir: Path
) -> tuple[MappedSource, ...]:
    """Return sources that landed and are declared no more, as their last pull had them.

    Args:
        landing_dir: the landing.
        declared: names of those that are.
        home: what a folder of files is relative to.
        dbt_project_dir: holds the contract of the canonical streams.

    Raises:
        SourcesError: one of the kept declarations cannot be used any more.
    """
    gone = {path for path in landing_dir.glob(f"*/{KEPT}/*.yml") if path.stem not in declared}
    folders = sorted(path.parent for path in gone)
    return read_all(folders, home, dbt_project_dir)


def read_source(
    path: Path,
    home: Path,
    dbt_project_dir: Path,
    shipped: Path = SHIPPED,
    *,
    parses: bool = True,
) -> MappedSource:
    """Return the source that a file declares.

    Args:
        path: the file; its stem is the source's name.
        home: what a folder of files is relative to.
        dbt_project_dir: holds the contract of the canonical streams.
        shipped: where the mappings are that ``uses`` names.
        parses: whether expressions are looked into, see `read_all`.

    Raises:
        SourcesError: the file cannot be used; all that is wrong with it is told.
    """
    layers, content, problems = _read(path, shipped)
    if not problems:
        problems = list(_problems(path, layers, content, dbt_project_dir, parses))
    if problems:
        raise SourcesError([str(problem) for problem in sorted(set(problems))])
    name, kind = path.stem, content["kind"]
    folder = str(content.get("path", ""))
    if kind == "files" and "://" not in folder:
        folder = str((home / Path(folder).expanduser()).resolve())
    tables = tuple(_table(name, kind, t, said, parses) for t, said in content["tables"].items())
    return MappedSource(name, kind, folder, tables, path, content)


def _read(path: Path, shipped: Path) -> tuple[list[Layer], dict[str, Any], list[Problem]]:
    """Read a declaration, laid over what it uses."""
    own = Layer.read(path.name, path, SourcesError)
    layers, uses = [own], own.content.get("uses")
    if uses is not None:
        there = sorted(each.stem for each in shipped.glob("*.yml"))
        if uses not in there:
            near = get_close_matches(str(uses).lower(), there, n=1, cutoff=0.5)
            said = f"uses {json.dumps(uses)} is no mapping that ships"
            said += f"; the nearest is {near[0]}" if near else ""
            said += f"; there are {', '.join(there)}" if there else ""
            return layers, {}, [Problem(path, own.lines[("uses",)], said)]
        layers.insert(0, Layer.read(f"{uses}.yml", shipped / f"{uses}.yml", SourcesError))
    content: dict[str, Any] = {}
    for layer in layers:
        content = _laid_over(content, _on_one_line(layer.content))
    return layers, content, [problem for layer in layers for problem in layer.problems]


def _laid_over(below: Any, above: Any) -> Any:
    """Lay one map over another, member by member; null takes a member away."""
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    laid = below | {name: _laid_over(below.get(name), value) for name, value in above.items()}
    return {name: value for name, value in laid.items() if value is not None or name not in below}


def _on_one_line(value: Any) -> Any:
    """SQL may be written on several lines."""
    if isinstance(value, dict):
        return {name: _on_one_line(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_on_one_line(inner) for inner in value]
    return re.sub(r"\s*[\r\n]\s*", " ", value).strip() if isinstance(value, str) else value


# -- what is wrong ---------------------------------------------------------------------------


def _problems(
    path: Path,
    layers: list[Layer],
    content: dict[str, Any],
    dbt_project_dir: Path,
    parses: bool,
) -> Iterator[Problem]:
    if fault := fault_of_name(path.stem):
        yield Problem(path, 0, fault)
    streams = _canonical(dbt_project_dir)
    formats = _FORMATS if parses else _FORMATS | {"times": lambda _: None}
    found = list(faults(content, schema(streams, content.get("kind")), formats, "key"))
    # A value with another fault is no value to ask more of.
    if not found:
        found += _more(content, streams, parses)
    for place, said in found:
        yield placed(place, said, [_deepest(place, layers)], path)


def _deepest(place: tuple[str, ...], layers: list[Layer]) -> Layer:
    """The layer that says most of a place, of several the uppermost."""

    def depth(layer: Layer) -> int:
        there = (n for n in range(len(place), 0, -1) if place[:n] in layer.lines)
        return next(there, 0)

    return max(reversed(layers), key=depth)


def fault_of_name(name: str) -> str:
    """Say why a source cannot be called so; nothing where it can."""
    if not NAME.fullmatch(name):
        return "a source is called by its file: lower-case letters, digits and _, a letter first"
    taken = {streams[0].source for streams in GROUPS.values()}
    if name in taken:
        return f"{name} is a source that Rapport has itself; give this one another name"
    if name in GROUPS:
        return f"{name} is a pull that Rapport has itself; give this one another name"
    return ""


def _more(
    content: dict[str, Any], streams: Mapping[str, contract.Stream], parses: bool
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield what no schema can say."""
    for name, table in content["tables"].items():
        place = ("tables", name)
        telling = _lower([*table.get("key", ()), *table.get("whole_by", ())])
        for column in table.get("optional", ()):
            if column.lower() in telling:
                yield (*place, "optional"), f"{column} tells records apart, and may not be lacking"
        said = table.get("files", ())
        for each in [said] if isinstance(said, str) else said:
            if PurePosixPath(each).is_absolute() or ".." in PurePosixPath(each).parts:
                told = f"{json.dumps(each)} leaves the folder; path says where it is"
                yield (*place, "files"), f"{told}, files which of those below it"
        if "paginator" in table and (fault := _fault_of_pages(table["paginator"])):
            yield (*place, "paginator"), fault
        for stream, said in table["streams"].items():
            inner = (*place, "streams", stream)
            lacking = _lacking(streams[stream], said["columns"])
            if lacking:
                what = ", ".join(lacking)
                yield (
                    (*inner, "columns"),
                    f"has no {what}: without it no row of {stream} can be used",
                )
            if parses:
                yield from _faults_of_sql(inner, said, bool(table.get("whole_by")))


def _fault_of_pages(said: Any) -> str | None:
    """What is wrong with how pages are turned: dlt would guess, and read one page of many."""
    kind = said if isinstance(said, str) else said.get("type")
    if kind not in PAGINATORS:
        return f"{json.dumps(said)} has to say its type; there are {', '.join(PAGINATORS)}"
    if kind == "page_number" and (isinstance(said, str) or "base_page" not in said):
        return "page_number has to say its base_page: 1 where the first page is 1, else 0"
    return None


def _faults_of_sql(
    place: tuple[str, ...], said: Mapping[str, Any], has_whole: bool
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield what is wrong with the expressions of one mapping."""
    for key in ("where", "each"):
        if key in said:
            yield from _sql_faults((*place, key), said[key])
    for column, sql in said["columns"].items():
        yield from _sql_faults((*place, "columns", column), sql, "each" in said, has_whole)


def _sql_faults(
    place: tuple[str, ...], sql: str, items: bool = False, whole: bool = False
) -> Iterator[tuple[tuple[str, ...], str]]:
    read = read_expression(sql)
    if isinstance(read, str):
        yield place, read
    elif read.is_of_whole and not whole:
        yield (
            place,
            "reads rows that belong together: only a column may, of a table with whole_by, the"
            " columns that tell which do",
        )
    elif fault := binding_fault(sql, _of_table(read, items), items):
        yield place, fault


def _of_table(read: Expression, items: bool) -> list[str]:
    """The columns that an expression reads of the table."""
    return [name for name in read.columns if not (items and name.lower() in ITEMS)]


def _lacking(stream: contract.Stream, said: Mapping[str, str]) -> list[str]:
    """What every row of a stream has to say, and nothing takes the place of."""
    return [
        column.name
        for column in stream.columns
        if column.required
        and not column.given
        and column.name not in stream.defaults
        and column.name not in said
    ]


def _zone_fault(text: str) -> str | None:
    # What the system adds says of no place.
    zones = available_timezones() - {"Factory", "localtime"}
    if text in zones:
        return None
    near = get_close_matches(text, sorted(zones), n=1, cutoff=0.5)
    return f"{json.dumps(text)} is no time zone" + (f"; the nearest is {near[0]}" if near else "")


def _night_fault(text: str) -> str | None:
    try:
        date.fromisoformat(text)
    except ValueError:
        return f"{json.dumps(text)} is no night; such is 2026-11-30"
    return None


_FORMATS = {
    "night": _night_fault,
    "zone": _zone_fault,
    "times": format_fault,
    "name": lambda text: (
        None
        if NAME.fullmatch(text) and text not in BOOKS
        else f"{text} must be lower-case letters, digits and _, and none of {', '.join(BOOKS)}"
    ),
    "encoding": lambda text: _encoding_fault(text),
    "delimiter": lambda text: (
        f"{json.dumps(text)} ends a cell or a line itself, and parts none"
        if text in '"\r\n'
        else None
    ),
}


def _encoding_fault(text: str) -> str | None:
    import codecs

    try:
        is_text = codecs.lookup(text)._is_text_encoding
    except (LookupError, ValueError):
        is_text = False
    if not is_text:  # neither are `hex` and `rot13`, by which Python turns other things
        return f"{json.dumps(text)} is no encoding; such are utf-8, cp1252, latin-1, utf-16"
    return None


@cache
def _canonical(dbt_project_dir: Path) -> dict[str, contract.Stream]:
    return {stream.name: stream for stream in contract.read_contract(dbt_project_dir)}


# -- the schema ------------------------------------------------------------------------------

_TEXT: dict[str, Any] = {"type": "string", "minLength": 1}
_NAMES: dict[str, Any] = {"type": "array", "uniqueItems": True, "items": _TEXT}
_MAP: dict[str, Any] = {"type": "object"}
_COMMON: dict[str, Any] = {
    "key": _NAMES,
    "whole_by": _NAMES,
    "whole": {"type": "boolean"},
    "shrinks_on": {"type": "string", "format": "night"},
    "every": {"type": "integer", "minimum": 1},
    "optional": _NAMES,
}
_OF_KIND: dict[str, dict[str, Any]] = {
    "files": {
        "files": {"type": ["string", "array"], "minLength": 1, "minItems": 1, "items": _TEXT},
        "delimiter": {"type": "string", "minLength": 1, "maxLength": 1, "format": "delimiter"},
        "encoding": {"type": "string", "format": "encoding"},
        "skip": {"type": "integer", "minimum": 1},
    },
    "sql": {"table": _TEXT, "query": _TEXT, "cursor": _TEXT},
    "rest": {
        "path": _TEXT,
        "params": _MAP,
        "data": _TEXT,
        "paginator": {"type": ["string", "object"]},
        "incremental": {
            "type": "object",
            "additionalProperties": False,
            "required": ["cursor_path"],
            "properties": {
                "cursor_path": _TEXT,
                "start_param": _TEXT,
                "initial_value": {"type": ["string", "number"]},
                "format": {"type": "string", "format": "times"},
            },
        },
        "method": {"enum": ["GET", "POST"], "title": "method"},
        "json": _MAP,
        "headers": _MAP,
        "include_from_parent": _NAMES,
    },
}
# Whoever does not say how pages are turned would get the first one, night after night.
_NEEDED = {"files": ("files",), "rest": ("paginator",)}


def schema(streams: Mapping[str, contract.Stream], kind: Any = "files") -> dict[str, Any]:
    """Return the schema of a declaration of one kind."""
    columns = {column for stream in streams.values() for column in _sayable(stream)}
    ids = sorted(column for column in columns if column.endswith("_id"))
    table: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["streams", *_NEEDED.get(kind, ())],
        "needs": {"whole": "key", "shrinks_on": "whole"},
        "properties": {
            **_COMMON,
            **_OF_KIND.get(kind, _OF_KIND["files"]),
            "streams": {
                "type": "object",
                "title": "canonical stream",
                "additionalProperties": False,
                "minProperties": 1,
                "properties": {name: _stream_schema(each) for name, each in streams.items()},
            },
        },
    }
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["kind", "tables", *(["path"] if kind == "files" else [])],
        "properties": {
            "kind": {"enum": list(KINDS), "title": "kind"},
            "uses": _TEXT,
            **({"path": _TEXT} if kind == "files" else {}),
            "time_zone": {"type": "string", "format": "zone"},
            "decimal": {"enum": [".", ","], "title": "decimal mark"},
            "dates": {"type": "array", "items": {"type": "string", "format": "times"}},
            "shared": {
                "type": "array",
                "uniqueItems": True,
                "items": {"enum": ids, "title": "id of a canonical stream"},
            },
            "tables": {
                "type": "object",
                "minProperties": 1,
                "propertyNames": {"format": "name"},
                "additionalProperties": table,
            },
        },
    }


def _sayable(stream: contract.Stream) -> list[str]:
    return [column.name for column in stream.columns if not column.given]


def _stream_schema(stream: contract.Stream) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["columns"],
        "properties": {
            "where": _TEXT,
            "each": _TEXT,
            "columns": {
                "type": "object",
                "title": f"column of {stream.name}",
                "additionalProperties": False,
                "minProperties": 1,
                "properties": dict.fromkeys(_sayable(stream), _TEXT),
            },
        },
    }


# -- what is declared ------------------------------------------------------------------------


def _table(
    source: str, kind: Kind, name: str, said: Mapping[str, Any], parses: bool
) -> MappedTable:
    mapped = tuple(_mapped(stream, of, parses) for stream, of in said["streams"].items())
    cursor = said.get("cursor") or said.get("incremental", {}).get("cursor_path")
    cursor = cursor and cursor.removeprefix("$.")
    key, whole_by = (tuple(said.get(each, ())) for each in ("key", "whole_by"))
    used = (*key, *whole_by, *((cursor,) if cursor else ()), *(r for m in mapped for r in m.reads))
    columns = _distinct(used)
    optional = {each.lower() for each in said.get("optional", ())}
    own = (FILE, LINE, *((ABOVE,) if "skip" in said else ()))
    stream = Stream(
        source,
        name,
        key=key,
        columns=tuple(c for c in columns if c.lower() not in optional and c not in own),
        optional=(*(c for c in columns if c.lower() in optional), *own),
        cursor=cursor,
        whole_by=whole_by,
        # Nobody promises an order in which an API gives its records.
        newest_first=kind == "rest",
        is_dispensable=True,
        without="what it is mapped onto",
    )
    how = {each: said[each] for each in _OF_KIND[kind] if each in said}
    shrinks_on = said.get("shrinks_on")
    return MappedTable(
        stream,
        how,
        said.get("whole", False),
        said.get("every", 1),
        mapped,
        date.fromisoformat(shrinks_on) if shrinks_on else None,
    )


def _mapped(stream: str, said: Mapping[str, Any], parses: bool) -> Mapped:
    items = "each" in said
    texts = [*(said[key] for key in ("where", "each") if key in said)]
    reads: list[str] = []
    if parses:
        reads += [c for text in texts for c in _of_table(_as_read(text), False)]
        reads += [c for text in said["columns"].values() for c in _of_table(_as_read(text), items)]
    return Mapped(
        stream, said["columns"], said.get("where", ""), said.get("each", ""), _distinct(reads)
    )


def _as_read(sql: str) -> Expression:
    read = read_expression(sql)
    assert isinstance(read, Expression)  # looked at before
    return read


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Names, each once; the engine knows no difference of case."""
    return tuple({name.lower(): name for name in reversed(names)}[each] for each in _lower(names))


def _lower(names: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(name.lower() for name in names))
