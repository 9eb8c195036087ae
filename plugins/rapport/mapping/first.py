"""The first mapping of a source: its declaration, as far as a sample tells it.

What cannot be told stands in it as a comment with the choices; the firm decides.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import yaml

from rapport.contract import Stream
from rapport.errors import SettingsError
from rapport.mapping.guess import (
    Guess,
    consents_in,
    guesses,
    is_nearly_key,
    quoted,
    squashed,
    unmapped,
)
from rapport.mapping.shapes import Look
from rapport.sources.mapped.declaration import FILE, ITEMS, LINE, SHIPPED
from rapport.sources.mapped.expressions import Expression, read_expression

_LEAST_COLUMNS = 3  # of a shape that ships: fewer many a table has
# Ids by which a stream's records are told apart, and what stands for them where there is none.
_KEYS = {
    "contacts": "contact_id",
    "orders": "order_id",
    "products": "product_id",
    "companies": "company_id",
    "deals": "deal_id",
    "tickets": "ticket_id",
    "surveys": "submission_id",
    "campaigns": "campaign_id",
    "engagements": "engagement_id",
    "web_events": "event_id",
    "mentions": "mention_id",
}


@dataclass(frozen=True)
class Sampled:
    """A table of a source, as a sample shows it.

    Attributes:
        name: that it will land under.
        how: what the declaration says of where it is and how it is read.
        looks: of its columns.
        key: that the source itself declares; of files nobody does.
        notes: what was seen in passing, for the comment above it.
        file: name of the file that it was read from, of files.
        optional: columns that not all of its files have.
        heads: of a text, the columns in small letters that it has below so many lines.
        total: of a file that ends with a row of sums, the column and the word that say so.
    """

    name: str
    how: Mapping[str, Any]
    looks: Sequence[Look]
    key: Sequence[str] = ()
    notes: Sequence[str] = ()
    file: str = ""
    optional: Sequence[str] = ()
    total: tuple[str, str] | None = None
    heads: Mapping[int, frozenset[str]] = field(default_factory=dict)

    def below(self, lines: int) -> frozenset[str]:
        """Return the names of its columns in small letters, if its header stands below lines."""
        if lines:
            return self.heads.get(lines, frozenset())
        return frozenset(each.name.lower() for each in self.looks)


@dataclass(frozen=True)
class Place:
    """Where a source is.

    Attributes:
        kind: of the declaration.
        path: of files: the folder.
        said: what was given on the command line, without secrets.
        tables: that the sample shows.
        clock: the firm's own, as a guess at that of times that name none.
    """

    kind: str
    path: str
    said: str
    tables: Sequence[Sampled]
    clock: str = "UTC"


@dataclass
class First:
    """A first mapping.

    Attributes:
        text: of the file.
        streams: canonical streams by table.
        uses: the mapping that ships and fits; empty without one.
        questions: how many things could not be told.
    """

    text: str
    streams: Mapping[str, Sequence[str]]
    uses: str
    questions: int


@dataclass
class _Facts:
    """What holds for all tables of a source."""

    decimal: str = "."
    dates: list[str] = field(default_factory=list)
    either: list[str] = field(default_factory=list)
    clockless: list[str] = field(default_factory=list)
    both_decimals: bool = False


def first_mapping(place: Place, contract: Mapping[str, Stream], uses: str = "") -> First:
    """Return a first mapping of what a sample shows.

    Args:
        place: the source.
        contract: the canonical streams by name.
        uses: a mapping that ships; without one it is found by the columns.

    Raises:
        SettingsError: nothing there has the shape that it is to use.
    """
    by_shape = recognised(place.tables, uses)
    if uses and not by_shape:
        raise SettingsError(f"--uses {uses}: nothing at {place.said} has the columns that it reads")
    if by_shape:
        return _using(place, *by_shape)
    facts = _facts(place.tables)
    lines: list[str] = []
    streams: dict[str, list[str]] = {}
    left_out: list[str] = []
    known = [guesses(each.name, each.looks, contract, facts.decimal) for each in place.tables]
    said = {guess.stream for found in known for guess in found}
    for table, found in zip(place.tables, known, strict=True):
        if not found and len(place.tables) > 1:
            left_out.append(table.name)
            continue
        streams[table.name] = [guess.stream for guess in found]
        lines += _table(table, found, contract, place.kind, said)
    head = [
        f"# A first mapping of {place.said}, made by `rapport source new`: read it over.",
        "# What could not be told is a comment. `rapport source check` shows what becomes of it.",
        f"kind: {place.kind}",
        *([f"path: {_yaml(place.path)}"] if place.path else []),
        *_of_all(facts, place.clock),
        "tables:",
    ]
    if left_out:
        lines += [f"  # Nothing is known of: {', '.join(left_out)}."]
    # A column's name may be of several lines, and a comment is of one.
    text = "\n".join([*(" ".join(each.splitlines()) for each in (*head, *lines)), ""])
    return First(
        text, streams, "", sum(line.lstrip().startswith("# ?") for line in text.splitlines())
    )


def recognised(
    tables: Sequence[Sampled], uses: str = "", shipped: Path = SHIPPED
) -> tuple[str, dict[str, Sampled]] | None:
    """Return the mapping that ships whose columns these tables have, and which table is which.

    Args:
        tables: of the source.
        uses: look at this one alone.
        shipped: where the mappings are.
    """
    best: tuple[int, str, dict[str, Sampled]] = (0, "", {})
    for path in sorted(shipped.glob(f"{uses or '*'}.yml")):
        said = yaml.safe_load(path.read_text(encoding="utf-8"))["tables"]
        alike = sorted(
            (
                (score, name, number)
                for name, table in said.items()
                for number, each in enumerate(tables)
                if (score := _likeness(table, each)) >= (1 if uses else _LEAST_COLUMNS)
            ),
            key=lambda found: (-found[0], *found[1:]),
        )
        which: dict[str, Sampled] = {}
        for _, name, number in alike:
            if name not in which and tables[number] not in which.values():
                which[name] = tables[number]
        total = sum(score for score, name, number in alike if which[name] == tables[number])
        if total > best[0]:
            best = (total, path.stem, which)
    return (best[1], best[2]) if best[0] else None


def _likeness(table: Mapping[str, Any], sampled: Sampled) -> int:
    """How many columns of a mapping's table a file has; 0 if it lacks one that it has to have."""
    needed, spare = _columns(table)
    there = sampled.below(int(table.get("skip", 0)))
    if not needed <= there:
        return 0
    is_named = any(_is_named(sampled.file, glob) for glob in _listed(table.get("files", ())))
    return len((needed | spare) & there) + is_named


def _is_named(file: str, glob: str) -> bool:
    return fnmatch(f"./{file}", glob if "/" in glob else f"./{glob}")


def _listed(value: Any) -> list[Any]:
    return [value] if isinstance(value, str) else list(value)


def _columns(table: Mapping[str, Any]) -> tuple[set[str], set[str]]:
    """What a table of a mapping has to have, and what it may; in small letters."""
    columns = {*table.get("key", ()), *table.get("whole_by", ())}
    for stream in table["streams"].values():
        for sql in (*stream["columns"].values(), stream.get("where"), stream.get("each")):
            read = read_expression(" ".join(str(sql).split())) if sql else None
            columns |= set(read.columns) if isinstance(read, Expression) else set()
    columns -= {*ITEMS, FILE, LINE}
    spare = set(table.get("optional", ()))
    return {name.lower() for name in columns - spare}, {name.lower() for name in columns & spare}


def _using(place: Place, uses: str, which: Mapping[str, Sampled]) -> First:
    said = yaml.safe_load((SHIPPED / f"{uses}.yml").read_text(encoding="utf-8"))
    tables: list[str] = []
    for name, table in said["tables"].items():
        sampled = which.get(name)
        if sampled is None:
            tables.append(f"  {name}: null  # nothing of this shape is there")
            continue
        how = dict(sampled.how)
        if any(_is_named(sampled.file, glob) for glob in _listed(table.get("files", ()))):
            how.pop("files", None)
        tables += [f"  {name}:", *_how(how, 4)] if how else []
    head = [
        f"# Of the shape of {uses}, whose mapping ships with Rapport; what stands here lies on it.",
        f"# Made by `rapport source new` of {place.said}.",
        f"kind: {place.kind}",
        f"uses: {uses}",
        *([f"path: {_yaml(place.path)}"] if place.path else []),
        *(["tables:"] if tables else []),
    ]
    streams = {name: list(said["tables"][name]["streams"]) for name in which}
    return First("\n".join([*head, *tables, ""]), streams, uses, 0)


def _facts(tables: Sequence[Sampled]) -> _Facts:
    facts = _Facts()
    looks = [each for table in tables for each in table.looks]
    point, comma = (sum(each.decimals[n] for each in looks) for n in (0, 1))
    facts.decimal = "," if comma > point else "."
    facts.both_decimals = min(point, comma) * 10 > max(point, comma)
    written: Counter[str] = Counter()
    told = {each.formats[0] for each in looks if each.formats and not each.either}
    for each in looks:
        if each.either and not (set(each.either) & told):
            facts.either = sorted({*facts.either, *each.either})
            continue
        # Of two ways to read a day the one that another column of the source settles.
        settled = [written for written in each.either if written in told]
        written.update(dict.fromkeys(settled or each.formats, each.filled))
    facts.dates = [name for name, _ in written.most_common()]
    facts.clockless = [each.name for each in looks if each.lacks_offset]
    return facts


def _of_all(facts: _Facts, clock: str) -> Iterator[str]:
    if facts.clockless:
        named = ", ".join(facts.clockless[:3])
        yield f"# ? time_zone: {clock}  # times in {named} name no offset: else they are UTC"
    if facts.both_decimals:
        yield f'# ? decimal: "{facts.decimal}"  # some numbers are written with ",", some with "."'
    if facts.decimal != ".":
        yield f'decimal: "{facts.decimal}"'
    if facts.dates:
        yield f"dates: [{', '.join(_quoted(each) for each in facts.dates)}]"
    if facts.either:
        choices = " or ".join(f"[{_quoted(each)}]" for each in facts.either)
        yield f"# ? dates: {choices}  # no day of the sample is above 12, so that either can be"


def _table(
    table: Sampled,
    found: Sequence[Guess],
    contract: Mapping[str, Stream],
    kind: str,
    said: Collection[str],
) -> Iterator[str]:
    yield f"  {table.name}:"
    yield from (f"    # {note}" for note in table.notes)
    yield from _how(table.how, 4)
    yield from _key(table, found)
    changed = next(filter(None, (guess.reads.get("updated_at") for guess in found)), "")
    if kind == "sql" and changed:
        yield f"    cursor: {_yaml(changed)}  # without it all is read each time"
    if kind == "rest":
        yield from _asked(table, changed)
    if not found:
        yield "    # ? streams: none is known by these columns: " + ", ".join(
            look.name for look in table.looks
        )
        yield "    #   `rapport contract` lists the streams, and with a stream's name its columns."
        yield "    streams: {}"
        return
    empty = [each.name for each in table.looks if each.kind == "empty"]
    if optional := [*table.optional, *(name for name in empty if name not in table.optional)]:
        yield f"    optional: {_yaml(optional)}  # not in all files, or empty in the sample"
    rest = unmapped(table.looks, found)
    if rest:
        yield f"    # Nobody maps: {', '.join(rest)}"
    yield "    streams:"
    for guess in found:
        yield from _stream(guess, contract[guess.stream], table.total)
    yield from _besides(table, found, said)


def _asked(table: Sampled, changed: str) -> Iterator[str]:
    """What an answer does not tell of how an API is asked."""
    if "paginator" not in table.how:
        yield "    # ? paginator: {type: offset, limit: 100, total_path: null}  # or single_page"
    if changed:
        asked = f"{{cursor_path: {_yaml(changed)}, start_param: ...}}"
        yield f"    # ? incremental: {asked}  # if it can be asked for what changed since"


def _how(how: Mapping[str, Any], indent: int) -> Iterator[str]:
    for name, value in how.items():
        comment = ""
        if name == "encoding":
            comment = "  # not UTF-8; cp850 (DOS) or mac_roman if letters with accents look wrong"
        yield f"{' ' * indent}{name}: {_yaml(value)}{comment}"


def _key(table: Sampled, found: Sequence[Guess]) -> Iterator[str]:
    lines = next((each for each in found if each.stream == "order_lines" and not each.each), None)
    if lines:
        yield f"    whole_by: [{_yaml(lines.reads['order_id'])}]"
        return
    if table.key:
        yield f"    key: {_yaml(list(table.key))}"
        return
    ids = [guess.reads.get(_KEYS.get(guess.stream, "")) for guess in found]
    of = next((each for each in table.looks if each.name in ids), None)
    if of and is_nearly_key(of):
        dirt = [f"{of.rows - of.filled} without it"] if of.filled < of.rows else []
        dirt += [f"{of.filled - of.distinct} with one again"] if of.distinct < of.filled else []
        said = f"  # of {of.rows} rows {' and '.join(dirt)}: the later holds" if dirt else ""
        yield f"    key: [{_yaml(of.name)}]{said}"
        return
    choices = [each.name for each in table.looks if each.is_key and each.kind != "text"][:4]
    yield (
        f"    # ? key: [{' or '.join(choices) or '...'}]  # tells a record from another; "
        "without one every distinct row is one"
    )


def _stream(guess: Guess, stream: Stream, total: tuple[str, str] | None) -> Iterator[str]:
    yield f"      {guess.stream}:"
    if total:
        of, word = total
        yield f"        where: {_yaml(f'{quoted(of)} is distinct from {_literal(word)}')}"
    if guess.each:
        yield f"        each: {_yaml(guess.each)}"
    yield "        columns:"
    for column in stream.columns:
        if column.given:
            continue
        if column.name in guess.columns:
            yield f"          {column.name}: {_yaml(guess.columns[column.name])}"
        elif column.name in guess.open:
            yield f"          # ? {column.name}: {guess.open[column.name]}"
        elif column.name == "channel" and guess.stream == "orders":
            if not {"channel", "store_id"} & {*guess.columns, *guess.open}:
                yield (
                    "          # ? channel: \"'web'\"  # or 'store', ...: "
                    "else they count as bought in a store"
                )
        elif column.required and column.type != "boolean" and column.name not in _BY_ITSELF:
            yield f"          # ? {column.name}: {_wanted(column.name, stream)}"


# Required, and filled where a mapping says nothing.
_BY_ITSELF = {
    *("updated_at", "created_at", "topic", "basis", "evidence"),
    *("retail_discount_amount", "coupon_discount_amount", "coupon_match_discount_amount"),
}


def _wanted(name: str, stream: Stream) -> str:
    column = next(each for each in stream.columns if each.name == name)
    if name == "currency_code":
        return "\"'EUR'\"  # no column says it; the currency of all amounts, ISO 4217"
    said = f"  # one of {', '.join(column.words)}" if column.words else f"  # {column.description}"
    return f"needed{said}"


def _besides(table: Sampled, found: Sequence[Guess], said: Collection[str]) -> Iterator[str]:
    """What more could be made of a table, beside what others say; the firm decides."""
    streams = {guess.stream: guess for guess in found}
    newsletter = consents_in(table.looks)
    if newsletter and "contacts" in streams:
        says = f"lower({quoted(newsletter)})"
        yield f"      # ? consents: {quoted(newsletter)} may say who wants mail; if it does:"
        for line in (
            "consents:",
            "  columns:",
            f"    contact_id: {_yaml(streams['contacts'].columns['contact_id'])}",
            "    channel: \"'email'\"",
            f"    action: {_yaml(f'case when {says} in ({_YES}) then {_GRANT} else {_NOT} end')}",
        ):
            yield f"      # {line}"
    order = streams.get("orders")
    if order and "order_lines" not in said:
        total = next((each for each in table.looks if squashed(each.name) in _TOTALS), None)
        if total:
            yield "      # ? order_lines: if nothing has the lines of an order, its total is one:"
            for line in (
                "order_lines:",
                "  columns:",
                f"    order_id: {_yaml(order.columns['order_id'])}",
                "    product_id: \"'order'\"",
                "    item_quantity: \"'1'\"",
                f"    sales_amount: {_yaml(quoted(total.name))}",
            ):
                yield f"      # {line}"
    buyer = next((each for each in table.looks if each.kind == "email"), None)
    if order and "contacts" not in said and buyer and "contact_id" in order.columns:
        yield "      contacts:  # nobody else says who bought"
        yield "        columns:"
        yield f"          contact_id: {_yaml(order.columns['contact_id'])}"
        yield f"          email: {_yaml(quoted(buyer.name))}"


_YES = "'true', 'yes', 'y', '1', 'ja', 'oui', 'si', 'sí', 'x', 'on'"
_GRANT, _NOT = "'grant'", "'unasked'"
_TOTALS = {
    *("total", "ordertotal", "amount", "grandtotal", "totalprice", "summe", "gesamt", "betrag"),
    *("gesamtbetrag", "gesamtsumme", "bestellwert", "rechnungsbetrag", "umsatz", "montant"),
    *("montanttotal", "totalttc", "montantttc", "importe", "importetotal", "totalpedido"),
}


def _yaml(value: Any) -> str:
    if isinstance(value, Mapping | list | tuple):
        text = yaml.safe_dump(value, default_flow_style=True, width=10_000, sort_keys=False)
    elif isinstance(value, str) and "'" in value and not set('"\\\n') & set(value):
        text = f'"{value}"' if yaml.safe_dump(value).startswith("'") else value
    else:
        text = yaml.safe_dump(value, width=10_000, allow_unicode=True).removesuffix("...\n")
    return text.strip()


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _quoted(text: str) -> str:
    return f'"{text}"'


def table_name(text: str) -> str:
    """Return a name for a table or a source, as they may be called.

    Example:
        >>> table_name("Bestellungen 2017-03 (neu)"), table_name("3")
        ('bestellungen_neu', 't_3')
    """
    plain = squashed_words(text)
    bare = re.sub(r"_?\d[\d_]*", "_", plain).strip("_") or plain
    return bare if bare[:1].isalpha() else f"t_{bare}"


def squashed_words(text: str) -> str:
    """Return a text in small letters without accents, with `_` between words."""
    return "_".join(filter(None, (squashed(word) for word in re.split(r"[^\w]+|_", text))))
