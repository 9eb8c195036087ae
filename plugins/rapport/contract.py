"""The contract of the canonical streams: what a source has to say, in what form, and what it does.

It has one schema, the descriptions of dbt's canonical models (``models/canonical/_*.yml``): dbt
holds the models to its columns and types, the test ``as_contracted`` their rows to the rest, and
``docs/contract`` is made of it.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from rapport.errors import SettingsError

PREFIX = "canonical_"
PLACE = "models/canonical"
STREAMS = (
    *("contacts", "addresses", "consents", "preferences"),
    *("campaigns", "messages", "message_events", "engagements"),
    *("orders", "order_lines", "products"),
    *("tickets", "deals", "companies", "surveys", "web_events"),
    *("mentions", "page_signals"),
    *("staff", "partners", "partner_contacts", "partner_issues"),
)
_SAID_BY = re.compile(r"""ref\(\s*['"](?:base|stg|map)_([a-z]+)__\w+['"]""")
_MADE_OF = re.compile(rf"""ref\(\s*['"]{PREFIX}(\w+)['"]""")
INDEX = "README"
RULES = """\
A source's columns are mapped onto these, and everything beyond reads these and no source. So any
source will do that can say what is asked here, and what it cannot say has a stated effect.

- **An id is unique within its stream, whatever the source**, unless `source` is part of the key.
  Those of HubSpot, Klaviyo and the shop are as they came; a further source puts its name and a
  colon before its own, here and wherever it names them.
- **A row is a record as its source has it now.** Rapport keeps the versions: a source may bring a
  record again, changed or not. What has the same key and an earlier `updated_at` is superseded.
- **Null is what the source does not say**, and never 0, an empty text or a date of long ago. What
  it does stands under "if it is absent". Columns "by Rapport" are no mapping's business.
- **What a declared source does not map** is what its default says. `said_at` in one is when the
  file that brought the row was last changed, else the night that brought it.
- **What cannot be read is not guessed.** A row without what it has to have goes to quarantine with
  the reason; of a person's record the field alone does, and is taken for the strictest of its kind.
- **Times are UTC**, to the microsecond, without a zone. A time with an offset is converted; one
  without is taken for UTC, so a source on a clock of its own converts before it maps. Days and
  months are those of the firm's clock (policy `reporting_time_zone`), worked out from the time.
- **Amounts are decimals of the currency** that stands beside them, never cents, and of the whole
  row: not of a piece. Whether they are with tax is the firm's choice, the same for all.
"""


@dataclass(frozen=True)
class Column:
    """A column of a stream.

    Attributes:
        type: as dbt checks it, in the engine's words.
        required: whether it may never be null.
        given: whether Rapport fills it, and no mapping.
        example: its value in the stream's example row, as YAML has it.
        words: all values that it may have; none: any.
        unit, sign, zone, absent: sentences, or none.
    """

    name: str
    description: str
    type: str
    required: bool
    given: bool
    example: Any
    words: tuple[str, ...]
    unit: str
    sign: str
    zone: str
    absent: str


@dataclass(frozen=True)
class Stream:
    """A canonical stream.

    Attributes:
        key: columns that are one row's alone; none: rows may repeat.
        seen_at: the column whose time says from which night on a row is seen; empty: once landed.
        defaults: SQL of what a column of a declared source is that its mapping does not say.
        sources: sources that are mapped onto it.
    """

    name: str
    description: str
    key: tuple[str, ...]
    seen_at: str
    defaults: Mapping[str, str]
    columns: tuple[Column, ...]
    sources: tuple[str, ...]

    @property
    def example(self) -> dict[str, Any]:
        """The example row, by column."""
        return {column.name: column.example for column in self.columns}


def read_contract(dbt_project_dir: Path) -> list[Stream]:
    """Return all streams, in the order of ``STREAMS``.

    Raises:
        SettingsError: a stream is described twice or not at all, or a column lacks its type.
    """
    described: dict[str, Mapping[str, Any]] = {}
    for path in sorted((dbt_project_dir / PLACE).glob("_*__models.yml")):
        for model in yaml.safe_load(path.read_text())["models"]:
            if not model["name"].startswith(PREFIX):
                continue  # a step of a mapping
            name = model["name"].removeprefix(PREFIX)
            if name in described or name not in STREAMS:
                raise SettingsError(f"{path}: {model['name']} is no stream, or twice")
            described[name] = model
    missing = [name for name in STREAMS if name not in described]
    if missing:
        raise SettingsError(f"{dbt_project_dir}: no contract of {', '.join(missing)}")
    return [_stream(name, described[name], dbt_project_dir) for name in STREAMS]


def contract_pages(streams: Sequence[Stream]) -> dict[str, str]:
    """Return the pages of ``docs/contract`` by file name: an index, and one per stream."""
    pages = {f"{stream.name}.md": _page(stream) for stream in streams}
    lines = ["# The contract of the canonical streams", "", _MADE, "", RULES]
    lines += ["| Stream | Key | Mapped from | A row |", "|---|---|---|---|"]
    for stream in streams:
        row = (
            f"[{stream.name}]({stream.name}.md)",
            ", ".join(f"`{column}`" for column in stream.key) or "none",
            _mapped_from(stream),
            stream.description.partition(". ")[0].rstrip("."),
        )
        lines.append(_row(row))
    return {f"{INDEX}.md": "\n".join([*lines, ""]), **pages}


_MADE = (
    "Made by `rapport contract --pages` of `dbt_project/models/canonical/_*.yml`; a test compares."
)


def _stream(name: str, model: Mapping[str, Any], dbt_project_dir: Path) -> Stream:
    meta = model["config"]["meta"]
    return Stream(
        name=name,
        description=" ".join(model["description"].split()),
        key=tuple(meta["key"] or ()),
        seen_at=meta.get("seen_at", ""),
        defaults=meta.get("defaults", {}),
        columns=tuple(_column(name, column) for column in model["columns"]),
        sources=tuple(sorted(_sources(name, dbt_project_dir) - {"sources", "people"})),
    )


def _sources(name: str, dbt_project_dir: Path) -> set[str]:
    """Sources that the stream's model reads, itself or by another stream."""
    sql = (dbt_project_dir / PLACE / f"{PREFIX}{name}.sql").read_text()
    others = (_sources(other, dbt_project_dir) for other in _MADE_OF.findall(sql))
    return set(_SAID_BY.findall(sql)).union(*others)


def _mapped_from(stream: Stream) -> str:
    said = {"mapped": "sources that are declared"}
    return ", ".join(sorted((said.get(source, source) for source in stream.sources), key=len))


def _column(stream: str, column: Mapping[str, Any]) -> Column:
    said = column.get("config", {}).get("meta", {})
    if "data_type" not in column:
        raise SettingsError(f"{PREFIX}{stream}.{column['name']} has no data_type")
    return Column(
        name=column["name"],
        description=" ".join(column["description"].split()),
        type=column["data_type"],
        required=bool(said.get("required")),
        given=bool(said.get("given")),
        example=said.get("example"),
        words=tuple(said.get("words", ())),
        **{key: str(said.get(key) or "") for key in ("unit", "sign", "zone", "absent")},
    )


def _page(stream: Stream) -> str:
    key = ", ".join(f"`{column}`" for column in stream.key) or "none; rows may repeat"
    lines = [f"# {stream.name}", "", _MADE, "", stream.description, ""]
    lines += [f"- Model: `{PREFIX}{stream.name}`", f"- Key: {key}"]
    lines += [f"- Mapped from: {_mapped_from(stream)}", ""]
    lines += ["| Column | Type | Null | What it is | If it is absent |", "|---|---|---|---|---|"]
    for column in stream.columns:
        facts = [column.description]
        if column.words:
            facts.append("One of " + ", ".join(f"`{word}`" for word in column.words) + ".")
        for label in ("unit", "sign", "zone"):
            if getattr(column, label):
                facts.append(f"{label.capitalize()}: {getattr(column, label).rstrip('.')}.")
        if column.name in stream.defaults:
            facts.append(
                f"Of a declared source that does not map it: `{stream.defaults[column.name]}`."
            )
        absent = column.absent or ("by Rapport" if column.given else "")
        null = "never" if column.required else "may be"
        lines.append(_row((f"`{column.name}`", column.type, null, "<br>".join(facts), absent)))
    row = {name: str(v) if hasattr(v, "isoformat") else v for name, v in stream.example.items()}
    body = [f"  {json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in row.items()]
    example = ",\n".join(body)
    return "\n".join([*lines, "", "An example:", "", "```json", f"{{\n{example}\n}}", "```", ""])


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
