"""A sample of a source that nobody has declared yet: files, a database, an API."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from rapport.errors import SettingsError
from rapport.mapping.first import Place, Sampled, table_name
from rapport.mapping.shapes import Look, look
from rapport.sources.mapped.declaration import FILE, LINE, MappedTable
from rapport.sources.mapped.files import unpacked
from rapport.sources.mapped.reading import DELIMITERS, ENDINGS, Refused, Unreadable, read_file
from rapport.sources.records import as_text
from rapport.sources.streams import BOOKS, Stream

SAMPLE_ROWS = 10_000
ASCII = "ascii"
SKIPPED = range(1, 8)  # lines that stand above a header
_PACKED = (".gz", ".zip")
_TEXTS = (".csv", ".tsv", ".txt")
_MOST_LINES = 5
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\f\r"))
_TOTALS = {
    *("total", "totals", "grand total", "sum", "summe", "gesamt", "gesamtsumme", "somme"),
    *("total general", "suma"),
}


def place_of(
    where: str, home: Path, *, clock: str = "UTC", token: str = "", rows: int = SAMPLE_ROWS
) -> Place:
    """Return what is found at a file, a folder of files, an address of an API or of a database.

    Args:
        where: as given on the command line.
        home: what a path of the declaration is relative to.
        clock: the firm's, for times that name no offset.
        token: of an API.
        rows: of each table, at most.

    Raises:
        SettingsError: there is nothing, or nothing that can be read; the message says what to do.
    """
    scheme = urlsplit(where).scheme if "://" in where else ""
    if scheme in ("http", "https"):
        return _api(where, token, clock)
    if scheme and scheme != "file":
        return _database(where, clock, rows)
    path = Path(where.removeprefix("file://")).expanduser().resolve()
    if not path.exists():
        raise SettingsError(f"{where}: there is no such file or folder")
    return _files(path, home, where, clock, rows)


# -- files -----------------------------------------------------------------------------------


def _files(path: Path, home: Path, said: str, clock: str, rows: int) -> Place:
    folder = path if path.is_dir() else path.parent
    paths = sorted(path.rglob("*")) if path.is_dir() else [path]
    usable = [each for each in paths if _is_data(each)]
    if not usable:
        raise SettingsError(f"{said}: no file there ends in {', '.join((*ENDINGS, *_PACKED))}")
    home = home.resolve()
    place = str(folder.relative_to(home)) if folder.is_relative_to(home) else str(folder)
    by_pattern: dict[str, list[Path]] = {}
    for each in usable:
        by_pattern.setdefault(_pattern(str(each.relative_to(folder))), []).append(each)
    alike: dict[str, list[Sampled]] = {}
    for pattern, of_it in by_pattern.items():
        for each in dict.fromkeys((of_it[0], of_it[-1])):
            try:
                for table in _tables_in(each, folder, pattern, rows):
                    alike.setdefault(table.how["files"], []).append(table)
            except Unreadable as error:
                raise SettingsError(f"{each}: {error}") from None
            except csv.Error as error:
                raise SettingsError(f"{each}: cannot be read as CSV: {error}") from None
    tables = [_together(found) for found in alike.values()]
    return Place("files", place, said, _alike_written(_each_by_its_name(tables)), clock)


def _together(alike: Sequence[Sampled]) -> Sampled:
    """Files of one table, by the last of them; columns that not all have may be lacking."""
    alike = [table for table in alike if table.looks] or alike  # without what has no rows
    last = alike[-1]
    names = [{each.name for each in table.looks} for table in alike]
    every = set[str].intersection(*names)
    more = {each.name: each for table in alike for each in table.looks if each.name not in every}
    looks = [each for each in last.looks if each.name not in more]
    return replace(last, looks=[*looks, *more.values()], optional=sorted(more))


def _each_by_its_name(tables: Sequence[Sampled]) -> Iterator[Sampled]:
    taken = set(BOOKS)
    for table in tables:
        name, number = table.name, 1
        while name in taken:
            number += 1
            name = f"{table.name}_{number}"
        taken.add(name)
        yield replace(table, name=name)


def _alike_written(said: Iterable[Sampled]) -> list[Sampled]:
    """What has no letters beyond ASCII is written as the other files of its folder are."""
    tables = list(said)
    written = {table.how["encoding"] for table in tables if table.how.get("encoding")} - {ASCII}
    alike = written.pop() if len(written) == 1 else ""
    return [
        replace(table, how=_with(table.how, encoding=alike))
        if table.how.get("encoding") == ASCII
        else table
        for table in tables
    ]


def _with(how: Mapping[str, Any], encoding: str) -> dict[str, Any]:
    changed = {**how, "encoding": encoding}
    return changed if encoding else {k: v for k, v in changed.items() if k != "encoding"}


def _is_data(path: Path) -> bool:
    suffix = Path(path.stem).suffix if path.suffix.lower() == ".gz" else path.suffix
    named = suffix.lower() in ENDINGS or path.suffix.lower() == ".zip"
    return path.is_file() and named and not path.name.startswith((".", "~"))


def _pattern(name: str) -> str:
    """A glob of this file and of those of other days: figures and what follows them change.

    Example:
        >>> _pattern("orders_2017-03.csv"), _pattern("kunden.csv")
        ('orders_*.csv', 'kunden.csv')
    """
    folder, slash, file = name.rpartition("/")
    stem, dot, ending = file.partition(".")
    return folder + slash + re.sub(r"\d.*$", "*", stem) + dot + ending


def _tables_in(path: Path, folder: Path, pattern: str, rows: int) -> Iterator[Sampled]:
    with TemporaryDirectory(prefix="rapport-sample-") as work:
        copy = Path(work) / f"copy{path.suffix}"
        copy.write_bytes(path.read_bytes())
        for name, plain in unpacked(path.name, copy):
            member = name.removeprefix(f"{path.name}/") if path.suffix.lower() == ".zip" else ""
            table = _table(path, name, plain, pattern, rows)
            if member:
                inner = table_name(Path(member).name.partition(".")[0])
                how = {**table.how, "files": f"{pattern}/{_pattern(member)}"}
                table = replace(table, name=inner, how=how)
            yield replace(table, file=str(path.relative_to(folder)))


def _table(path: Path, name: str, plain: Path, pattern: str, rows: int) -> Sampled:
    how: dict[str, Any] = {"files": pattern}
    if Path(name).suffix.lower() in _TEXTS:
        how |= _spelling(plain)
    table = MappedTable(
        Stream("sample", "sample", key=(), columns=()),
        how,
        whole=False,
        shrinks_on=None,
        every=1,
        mapped=(),
    )
    refused: list[Refused] = []
    columns: dict[str, list[str | None]] = {}
    count = 0
    for batch in read_file(plain, name, table, refused.append):
        for column in batch.column_names:
            if column not in (FILE, LINE):
                values = columns.setdefault(column, [None] * count)
                values += batch.column(column).to_pylist()
        count += batch.num_rows
        for values in columns.values():
            values += [None] * (count - len(values))
        if count >= rows:
            break
    notes: list[str] = []
    if not count:
        notes.append("there is no row in it")
    if refused:
        shown = ", ".join(str(each.line) for each in refused[:_MOST_LINES])
        more = ", ..." if len(refused) > _MOST_LINES else ""
        notes.append(f"{len(refused)} of its records do not fit its header (line {shown}{more})")
    looks = [look(column, values) for column, values in columns.items()]
    name = table_name(path.name.partition(".")[0])
    is_text = Path(path.name).suffix.lower() in _TEXTS
    heads = {lines: _head(plain, how, lines) for lines in SKIPPED} if is_text else {}
    return Sampled(name, how, looks, (), notes, "", (), _total(columns), heads)


def _head(path: Path, how: Mapping[str, Any], lines: int) -> frozenset[str]:
    """The columns of a text whose header stands below some lines, in small letters."""
    with path.open("rb") as file:
        marked = file.read(2) in (b"\xff\xfe", b"\xfe\xff")
    encoding = how.get("encoding") or ("utf-16" if marked else "utf-8-sig")
    with path.open(encoding=encoding, errors="replace", newline="") as text:
        header = next(islice(text, lines, None), "")
    delimiter = max(DELIMITERS, key=header.count)
    names = next(csv.reader([header], delimiter=delimiter), [])
    return frozenset(name.strip().lower() for name in names)


def _total(columns: Mapping[str, Sequence[str | None]]) -> tuple[str, str] | None:
    """The column and the word of a last row that sums up the others."""
    for column, values in columns.items():
        if values and values[-1] is not None:
            word = values[-1].strip()
            return (column, word) if word.casefold().rstrip(":") in _TOTALS else None
    return None


def _spelling(path: Path) -> dict[str, str]:
    """How a text is written: its encoding if it is none that is found, and its delimiter."""
    with path.open("rb") as file:
        head = file.read(2**20)
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return {}
    # A stray one of them may stand in a cell; what is packed or a picture is a tenth of them.
    if len(head.translate(None, _CONTROLS)) < 0.98 * len(head):
        raise Unreadable("is no text, whatever it is called; export it as CSV")
    found: dict[str, str] = {}
    try:
        path.read_text(encoding="utf-8-sig")
        text = head.decode("utf-8-sig", "ignore")
        if head.isascii():
            found["encoding"] = ASCII
    except UnicodeDecodeError:
        found["encoding"] = "cp1252" if _is_text(path, "cp1252") else "latin-1"
        text = head.decode(found["encoding"])
    first = next((line for line in io.StringIO(text, newline=None) if line.strip()), "")
    if first.lower().startswith("sep="):
        return found
    wide = {each: len(next(csv.reader([first], delimiter=each))) for each in (",", *DELIMITERS)}
    delimiter = max(wide, key=lambda each: wide[each])
    return found | ({"delimiter": delimiter} if delimiter != "," else {})


def _is_text(path: Path, encoding: str) -> bool:
    try:
        path.read_text(encoding=encoding)
    except UnicodeDecodeError:
        return False
    return True


# -- databases -------------------------------------------------------------------------------


def _database(url: str, clock: str, rows: int) -> Place:
    import sqlalchemy as sa
    from sqlalchemy.exc import SQLAlchemyError

    try:
        engine = sa.create_engine(url)
        with engine.connect() as connection:
            found = sa.inspect(engine)
            names = [*found.get_table_names(), *found.get_view_names()]
            tables = [_of_database(connection, found, name, rows) for name in sorted(names)]
    except (SQLAlchemyError, ModuleNotFoundError) as error:
        # The library's message may hold the address with its password.
        raise SettingsError(
            f"{_without_secret(url)} cannot be read: {type(error).__name__}; "
            "it is written like postgresql+psycopg://user:password@host:5432/database"
        ) from None
    if not tables:
        raise SettingsError(f"{_without_secret(url)} has no table or view that its user may see")
    return Place("sql", "", _without_secret(url), tables, clock)


def _of_database(connection: Any, found: Any, name: str, rows: int) -> Sampled:
    import sqlalchemy as sa

    table = sa.table(name, *(sa.column(each["name"]) for each in found.get_columns(name)))
    records = connection.execute(sa.select(table).limit(rows)).mappings().all()
    columns = {
        each.name: [as_text(record[each.name]) for record in records] for each in table.columns
    }
    looks = [look(column, values) for column, values in columns.items()]
    key = tuple(found.get_pk_constraint(name).get("constrained_columns") or ())
    how = {"table": name}
    return Sampled(table_name(name), how, looks, key)


# -- APIs ------------------------------------------------------------------------------------


def _api(url: str, token: str, clock: str) -> Place:
    import httpx
    from dlt.sources.helpers.rest_client.detector import find_response_page_data

    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        said = httpx.get(url, headers=headers, timeout=30).raise_for_status().json()
    except (httpx.HTTPError, ValueError) as error:
        status = getattr(getattr(error, "response", None), "status_code", "")
        raise SettingsError(
            f"{_without_secret(url)} gives no JSON: {status or type(error).__name__}. Where "
            "it asks for a token, make the source's connection first, and say its --name"
        ) from None
    place, records = find_response_page_data(said)
    listed = records if isinstance(records, list) else []
    rows = [record for record in listed if isinstance(record, Mapping)]
    if not rows:
        raise SettingsError(f"{_without_secret(url)}: its answer has no list of records")
    path = urlsplit(url).path.lstrip("/")
    how: dict[str, Any] = {"path": path} | ({"data": ".".join(map(str, place))} if place else {})
    if isinstance(said, Mapping) and "next" in said:
        how["paginator"] = {"type": "json_link", "next_url_path": "next"}
    name = table_name(path.rstrip("/").rpartition("/")[2] or "records")
    return Place("rest", "", _without_secret(url), [Sampled(name, how, _looks_of(rows))], clock)


def _looks_of(rows: Sequence[Mapping[str, Any]]) -> list[Look]:
    names: Iterable[str] = dict.fromkeys(name for row in rows for name in row)
    return [look(name, [as_text(row.get(name)) for row in rows]) for name in names]


def _without_secret(url: str) -> str:
    """An address without its user, password and query."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{host}{port}{parts.path}"
