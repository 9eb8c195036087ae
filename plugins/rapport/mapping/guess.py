"""Which canonical stream a table is of, and which of its columns says what: by names and looks."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import yaml

from rapport.contract import Column, Stream
from rapport.mapping.shapes import MOST, Look

HEADERS = Path(__file__).with_name("headers.yml")
# A table whose best stream scores less is of none that we know.
LEAST_SCORE = 1.0
_OF_THE_FILE = 1.0
_NEWSLETTER = (
    *("newsletter", "accepts marketing", "accepts email marketing", "email opt in", "opt in"),
    *("marketing consent", "email consent", "werbeeinwilligung", "newsletter abonniert"),
    *("einwilligung newsletter", "abonne newsletter", "boletin", "acepta marketing"),
)


@dataclass(frozen=True)
class Names:
    """What columns of a stream are called in exports, by how telling they are.

    Attributes:
        entity: what the things themselves are called.
        one, some, rest: names by canonical column: of all of the first and of one of the second a
            table has to have.
    """

    entity: tuple[str, ...]
    one: Mapping[str, tuple[str, ...]]
    some: Mapping[str, tuple[str, ...]]
    rest: Mapping[str, tuple[str, ...]]

    @property
    def all(self) -> dict[str, tuple[str, ...]]:
        """Names by canonical column, the telling ones first."""
        return {**self.one, **self.some, **self.rest}


@dataclass
class Guess:
    """Rows of a table as rows of a stream.

    Attributes:
        stream: its name.
        columns: canonical column -> SQL over the table's columns.
        reads: canonical column -> the table's column that it is made of.
        open: canonical column -> what could not be told, with the choices.
        each: SQL of a list of which each item is a row.
        score: how much speaks for it.
    """

    stream: str
    columns: dict[str, str] = field(default_factory=dict)
    reads: dict[str, str] = field(default_factory=dict)
    open: dict[str, str] = field(default_factory=dict)
    each: str = ""
    score: float = 0.0


def guesses(
    table: str, looks: Sequence[Look], contract: Mapping[str, Stream], decimal: str
) -> list[Guess]:
    """Return what a table is of, the likeliest first; empty if it is of nothing known.

    Args:
        table: its name.
        looks: what its columns look like.
        contract: the canonical streams by name.
        decimal: what parts decimals in it.
    """
    found = sorted(
        (
            guess
            for stream in headers()
            if stream in contract
            and (guess := _of(stream, table, looks, contract[stream], decimal))
        ),
        key=lambda guess: -guess.score,
    )
    if not found or found[0].score < LEAST_SCORE:
        return []
    best = found[0]
    together = {"orders": "order_lines", "order_lines": "orders"}.get(best.stream)
    # An order with its lines on rows of their own.
    chosen = [best, *(each for each in found[1:] if each.stream == together)]
    chosen += _listed(chosen, looks, contract, decimal)
    return chosen


def squashed(name: str) -> str:
    """Return a name without case, accents, blanks and signs.

    Example:
        >>> squashed("Straße / Nr. (Büro)"), squashed("orderId")
        ('strassenr', 'orderid')
    """
    text = re.sub(r"\(.*?\)|\[.*?\]", " ", name).casefold()
    text = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in text if letter.isalnum())


def quoted(name: str) -> str:
    """Return a column's name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


@cache
def headers() -> Mapping[str, Names]:
    """Return what columns are called, by stream."""
    read = yaml.safe_load(HEADERS.read_text(encoding="utf-8"))
    return {
        stream: Names(
            entity=_squashed_all(said["entity"]),
            one=_names(said.get("is")),
            some=_names(said.get("or")),
            rest=_names(said.get("rest")),
        )
        for stream, said in read.items()
    }


def consents_in(looks: Sequence[Look]) -> str:
    """Return the column that says whether somebody wants mail; empty without one."""
    known = {squashed(name) for name in _NEWSLETTER}
    found = (each.name for each in looks if squashed(each.name) in known)
    return next(found, "")


def _names(said: Mapping[str, object] | None) -> dict[str, tuple[str, ...]]:
    return {column: _squashed_all(names) for column, names in (said or {}).items()}


def _squashed_all(names: object) -> tuple[str, ...]:
    listed = names if isinstance(names, list) else [names]
    each = [name for text in listed for name in str(text).split(",")]
    # Umlauts are written out, too.
    spelled = [s for name in each for s in (name, re.sub("ä", "ae", re.sub("ö", "oe", name)))]
    return tuple(dict.fromkeys(squashed(name) for name in spelled))


@cache
def _known_by(name: str) -> int:
    """How many streams call a column so: what all have tells nothing."""
    return sum(any(name in names for names in each.all.values()) for each in headers().values())


def _of(
    stream: str, table: str, looks: Sequence[Look], contract: Stream, decimal: str
) -> Guess | None:
    """Map a table onto a stream; None if it lacks what makes one of it."""
    names = headers()[stream]
    by_name = _by_name(looks, names.entity)
    types = {column.name: column for column in contract.columns}
    found: dict[str, Look] = {}
    guess = Guess(stream)
    taken: set[str] = set()
    for column, known in names.all.items():
        there = [by_name[name] for name in known if name in by_name]
        fit = [each for each in there if _fits(column, types.get(column), each)]
        fit = [each for each in fit if each.name not in taken]
        if not fit:
            continue
        found[column] = fit[0]
        taken.add(fit[0].name)
        known_as = next(name for name in known if by_name.get(name) is fit[0])
        guess.score += 1 / max(1, _known_by(known_as))
    _by_look(found, looks, names, taken)
    if not _is_of(stream, found, names):
        return None
    squashed_table = squashed(table)
    guess.score += _OF_THE_FILE * any(
        word in squashed_table for word in names.entity if len(word) > 3
    )
    for column, of in found.items():
        if column in types:
            _say(guess, types[column], of)
    _further_phones(guess, looks, names)
    if stream == "orders":
        guess.score += any(map(_lists_lines, looks))
    if stream == "contacts":
        guess.score += found.get("email", looks[0]).kind == "email"
    _made(guess, found, looks, contract, decimal)
    return guess


def _lists_lines(of: Look) -> bool:
    names = headers()["order_lines"]
    said = {squashed(name) for name in of.items or ()}
    return bool(said & set(names.one["product_id"])) and any(
        said & set(n) for n in names.some.values()
    )


def _further_phones(guess: Guess, looks: Sequence[Look], names: Names) -> None:
    """A second column of telephones, called as the first is or otherwise."""
    if "phones" not in guess.columns:
        return
    known = set(names.all["phones"])
    more = [
        each.name
        for each in looks
        if each.name != guess.reads["phones"]
        and each.filled
        and _fits("phones", None, each)
        and (squashed(each.name).rstrip("0123456789") in known or each.kind == "phone")
    ]
    if more:
        listed = ", ".join(quoted(name) for name in (guess.reads["phones"], *more))
        guess.columns["phones"] = f"[{listed}]"


def _by_name(looks: Sequence[Look], entity: Sequence[str]) -> dict[str, Look]:
    """Columns by what they are called, with and without the thing's own name before it."""
    plain = {squashed(each.name): each for each in reversed(looks)}
    bare = {
        name.removeprefix(word): each
        for name, each in reversed(plain.items())
        for word in sorted(entity, key=len)
        if name.startswith(word) and len(name) > len(word) + 2
    }
    return {**bare, **plain}


def _fits(column: str, said: Column | None, of: Look) -> bool:
    """Whether a column can be what its name says, by its looks; an empty one can be anything."""
    if of.kind == "empty":
        return True
    if column == "phones":
        return "9" in of.example and not of.is_time
    type_ = said.type if said else "decimal"
    if type_ in ("timestamp", "date"):
        return of.is_time
    if type_.startswith("decimal") or type_ in ("double", "bigint", "integer"):
        return of.is_number
    if type_ == "boolean":
        return of.kind in ("yes or no", "integer", "words")
    if column == "email":
        return of.kind == "email"
    if column.endswith(("_id", "_ids")):
        return of.kind not in ("list", "map", "yes or no") and not of.has_clock
    if column == "score":
        return of.is_number
    return of.kind not in ("list", "map") or type_.endswith("[]")


def _by_look(found: dict[str, Look], looks: Sequence[Look], names: Names, taken: set[str]) -> None:
    """Find by their looks what is called by no name that we know."""
    for column, kind in (("email", "email"), ("phones", "phone"), ("currency_code", "currency")):
        if column in names.all and column not in found:
            alike = [each for each in looks if each.kind == kind and each.name not in taken]
            if alike:
                found[column] = alike[0]
                taken.add(alike[0].name)


def _is_of(stream: str, found: Mapping[str, Look], names: Names) -> bool:
    lacking = [column for column in names.one if column not in found]
    if stream == "contacts" and lacking == ["contact_id"] and "email" in found:
        lacking = []  # an address is an id where there is no other
    if stream == "campaigns" and len(lacking) < len(names.one):
        lacking = []
    return not lacking and (not names.some or any(column in found for column in names.some))


def _say(guess: Guess, column: Column, of: Look) -> None:
    """Map a column, unless what it says is not what the stream asks for."""
    sql = quoted(of.name)
    if column.name == "country_code" and of.kind not in ("country", "empty"):
        guess.open[column.name] = (
            f"{sql} says countries by other words than two letters: "
            f"case {sql} when 'Germany' then 'DE' ... end"
        )
        return
    if column.words and of.kind != "empty":
        guess.open[column.name] = (
            f"{sql} has words of its own; the stream knows {', '.join(column.words)}: "
            f"case lower({sql}) when '...' then '{column.words[0]}' ... end"
        )
        if column.required:
            return
    if column.name == "currency_code" and of.kind not in ("currency", "empty"):
        guess.open[column.name] = (
            f"{sql} says currencies by other words than ISO 4217: EUR, USD, ..."
        )
        return
    if column.name not in guess.open:
        guess.columns[column.name] = _sql(column, of)
        guess.reads[column.name] = of.name


def _sql(column: Column, of: Look) -> str:
    sql = quoted(of.name)
    if column.name in ("contact_id", "contact_ids") and of.kind == "email":
        return f"lower(trim({sql}))"
    return sql


def _made(
    guess: Guess,
    found: Mapping[str, Look],
    looks: Sequence[Look],
    contract: Stream,
    decimal: str,
) -> None:
    """Say what no column says by itself: made of others, a word for all rows, or open."""
    types = {column.name: column for column in contract.columns}
    if guess.stream == "contacts" and "contact_id" not in guess.columns:
        guess.columns["contact_id"] = f"lower(trim({quoted(found['email'].name)}))"
        guess.reads["contact_id"] = found["email"].name
    if guess.stream == "order_lines":
        price = found.get("unit_price")
        if "sales_amount" not in guess.columns and price and "item_quantity" in found:
            guess.columns["sales_amount"] = _times(price.name, found["item_quantity"].name, decimal)
            guess.reads["sales_amount"] = price.name
        if "item_quantity" not in guess.columns:
            guess.columns["item_quantity"] = "'1'"
    if guess.stream in ("surveys", "web_events", "mentions", "engagements"):
        own = {"surveys": "submission_id", "engagements": "engagement_id"}
        id_ = own.get(guess.stream, "event_id" if guess.stream == "web_events" else "mention_id")
        if id_ in types and id_ not in guess.columns:
            guess.columns[id_] = '"_file" || \':\' || "_line"'
    if guess.stream == "campaigns" and "campaign_id" not in guess.columns:
        guess.columns["campaign_id"] = guess.columns["campaign_name"]
    money = {each.currency for each in looks if each.currency}
    if guess.stream == "orders" and "currency_code" not in guess.columns and len(money) == 1:
        guess.columns["currency_code"] = f"'{money.pop()}'"
        guess.open.pop("currency_code", None)


def _times(price: str, quantity: str, decimal: str) -> str:
    """SQL of a price times a quantity, as text in the decimals of the source."""

    def number(name: str) -> str:
        bare = f"regexp_replace({quoted(name)}, '[^0-9{decimal}-]', '', 'g')"
        bare = bare if decimal == "." else f"replace({bare}, ',', '.')"
        return f"try_cast({bare} as decimal(18, 3))"

    product = f"cast(cast({number(price)} * {number(quantity)} as decimal(18, 3)) as varchar)"
    return product if decimal == "." else f"replace({product}, '.', ',')"


def _listed(
    chosen: Sequence[Guess], looks: Sequence[Look], contract: Mapping[str, Stream], decimal: str
) -> Iterator[Guess]:
    """Lines of an order that stand in a list of it."""
    order = next((each for each in chosen if each.stream == "orders"), None)
    if order is None or len(chosen) > 1 or "order_id" not in order.columns:
        return
    for of in looks:
        if of.items is None:
            continue
        items = [each for each in of.items.values() if squashed(each.name) not in ("orderid",)]
        id_ = next(each for each in looks if each.name == order.reads["order_id"])
        lines = _of(
            "order_lines",
            "lines",
            [*items, _named(id_, "order id")],
            contract["order_lines"],
            decimal,
        )
        if lines is None:
            continue
        member = {each.name: f"item->>'$.{quoted(each.name)}'" for each in items}
        for column, name in list(lines.reads.items()):
            if column == "order_id":
                lines.columns[column] = order.columns["order_id"]
            elif lines.columns[column] == quoted(name):
                lines.columns[column] = member[name]
        if lines.columns.get("sales_amount", "").startswith("cast("):
            for name, sql in member.items():
                lines.columns["sales_amount"] = lines.columns["sales_amount"].replace(
                    quoted(name), f"({sql})"
                )
        lines.each = quoted(of.name)
        yield lines
        return


def _named(of: Look, name: str) -> Look:
    from dataclasses import replace

    return replace(of, name=name)


def unmapped(looks: Sequence[Look], chosen: Sequence[Guess]) -> list[str]:
    """Return the columns that no guess makes anything of, and that say something."""
    used = " ".join(sql for guess in chosen for sql in (*guess.columns.values(), guess.each))
    return [each.name for each in looks if quoted(each.name) not in used and each.filled]


def is_nearly_key(of: Look) -> bool:
    """Whether a column tells rows apart but for some dirt."""
    return of.rows > 0 and of.filled >= MOST * of.rows and of.distinct >= MOST * of.filled
