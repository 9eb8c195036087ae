"""The firm's policies: what it decides differently from the project, in a file of its own.

Three layers, each going before the one above: the defaults (vars of ``dbt_project.yml``, each with
its reason), a company of the sandbox (``sandbox/policies``), the firm's ``policy.yml``. A layer is
laid upon the others like a JSON merge patch (RFC 7396): a map is merged by its keys, and null takes
a key away; lists and all else are replaced. What comes of it is checked by one schema,
``dbt_project/policy_schema.yml``, all of it at once.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any

from rapport.errors import PolicyError
from rapport.places.clocks import zone_names
from rapport.places.countries import country_codes
from rapport.settings import ENVIRONMENT, Settings
from rapport.written import Layer, as_json, as_shown, faults, listed, placed, printable

SCHEMA = "policy_schema.yml"
DEFAULT = "default"
MOST_SHOWN = 1000  # characters of a default on a page of settings
# Vars of the project that are no policies: every night gives them.
OF_THE_NIGHT = (
    "as_of_date",
    "last_release",
    "policies_in_force",
    "streams_declared",
    "streams_known",
    "mapped_sources",
)


@dataclass(frozen=True)
class Policy:
    """One policy in force.

    Attributes:
        name: of the dbt var.
        value: in force, as JSON has it.
        default: what the project has.
        source: who decided it: ``default``, ``company`` or ``policy.yml``.
        sentence: what it is.
        unit: of its figures; empty if it has none.
    """

    name: str
    value: Any
    default: Any
    source: str
    sentence: str
    unit: str

    @property
    def is_default(self) -> bool:
        """Whether it is as in the project, whoever says so."""
        return bool(self.value == self.default)


@dataclass(frozen=True)
class Policies:
    """All policies in force, in the order of the schema."""

    all: tuple[Policy, ...]

    def __getitem__(self, name: str) -> Policy:
        return next(policy for policy in self.all if policy.name == name)

    @property
    def changed(self) -> list[Policy]:
        """Those that differ from the project's defaults."""
        return [policy for policy in self.all if not policy.is_default]

    def digest(self, names: Sequence[str] | None = None) -> str:
        """Return a digest of the values in force, or of some of them."""
        values = {p.name: p.value for p in self.all if names is None or p.name in names}
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()

    def variables(self) -> dict[str, Any]:
        """Return what dbt is given: whole values, as it does not merge maps with its defaults."""
        rows = [
            {
                "policy": policy.name,
                "value": as_json(policy.value),
                "default_value": as_json(policy.default),
                "source": policy.source,
                "unit": policy.unit,
                "sentence": policy.sentence,
            }
            for policy in self.all
        ]
        return {policy.name: policy.value for policy in self.changed} | {"policies_in_force": rows}


def policies_of(settings: Settings) -> Policies:
    """Return the policies in force for an installation.

    Raises:
        PolicyError: a file cannot be read or says what cannot be; the message has every fault with
            its line.
    """
    schema = read_schema(settings.dbt_project_dir)
    project = settings.dbt_project_dir / "dbt_project.yml"
    variables: dict[str, Any] = Layer.read(DEFAULT, project).content.get("vars") or {}
    defaults = {name: value for name, value in variables.items() if name not in OF_THE_NIGHT}
    layers = [Layer.read(source, path) for source, path in settings.policy_files]
    in_force = defaults
    for layer in layers:
        in_force = _laid_upon(in_force, layer.content, defaults)
    problems = [problem for layer in layers for problem in layer.problems]
    problems += [
        placed(path, said, layers, project)
        for path, said in faults(in_force, schema, _FORMATS, "policy")
    ]
    if problems:
        raise PolicyError([str(problem) for problem in sorted(set(problems))])
    sources = {name: layer.source for layer in layers for name in layer.content}
    return Policies(
        tuple(
            Policy(
                name,
                in_force[name],
                defaults[name],
                sources.get(name, DEFAULT),
                about["description"],
                about.get("unit", ""),
            )
            for name, about in schema["properties"].items()
            if name in defaults
        )
    )


def read_schema(dbt_project_dir: Path) -> dict[str, Any]:
    """Return the schema of what a firm may say."""
    return Layer.read("schema", dbt_project_dir / SCHEMA).content


def settings_list(settings: Settings) -> list[dict[str, Any]]:
    """Return everything that can be set, policies and variables of the environment, for machines.

    Each has ``name``, ``kind`` (``policy`` or ``environment``), ``type``, ``default``, ``sentence``
    and ``unit``, and ``schema``, a JSON Schema without what is said above.
    """
    schema = read_schema(settings.dbt_project_dir)
    project = Layer.read(DEFAULT, settings.dbt_project_dir / "dbt_project.yml").content
    policies = [
        {
            "name": name,
            "kind": "policy",
            "type": "|".join(listed(about["type"])),
            "default": project["vars"][name],
            "sentence": about["description"],
            "unit": about.get("unit", ""),
            "schema": {k: v for k, v in about.items() if k not in {"description", "unit"}},
        }
        for name, about in schema["properties"].items()
    ]
    environment = [
        {
            "name": variable.name,
            "kind": "environment",
            "type": variable.type,
            "default": variable.default,
            "sentence": variable.sentence,
            "unit": "",
            "schema": {
                key: value
                for key, value in {
                    "minimum": variable.least,
                    "maximum": variable.most,
                    "enum": list(variable.choices),
                }.items()
                if value
            },
        }
        for variable in ENVIRONMENT.values()
    ]
    return [*policies, *environment]


def settings_page(listed: Sequence[Mapping[str, Any]]) -> str:
    """Return the list of settings as a page in Markdown."""
    lines = ["# Settings", ""]
    lines += ["Made by `rapport settings --page`; the same for machines is `settings.json`.", ""]
    for kind, title in (
        ("policy", "Policies: the firm's `policy.yml`"),
        ("environment", "Installation: variables of the environment"),
    ):
        lines += [f"## {title}", "", "| Name | Type | Default | Unit | What it is |"]
        lines += ["|---|---|---|---|---|"]
        for each in listed:
            if each["kind"] == kind:
                default = as_json(each["default"]) if kind == "policy" else each["default"] or ""
                if len(default) > MOST_SHOWN:
                    default = f"{len(each['default'])} entries, in dbt_project.yml"
                words = ", ".join(f"`{word}`" for word in each["schema"].get("enum", ()))
                kinds = f"{each['type']}: {words}" if words else each["type"]
                cells = (f"`{each['name']}`", kinds, f"`{default}`" if default else "")
                row = (*cells, each["unit"], each["sentence"])
                lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |")
        lines.append("")
    return "\n".join(lines)


# --- laying one upon another


def _laid_upon(below: dict[str, Any], layer: Any, defaults: dict[str, Any]) -> dict[str, Any]:
    """A layer upon another; a policy that a layer sets to null is as by default."""
    result = dict(below)
    for name, value in layer.items():
        if value is None and name in defaults:
            result[name] = defaults[name]
        else:
            result[name] = _patched(below.get(name), value)
    return result


def _patched(below: Any, patch: Any) -> Any:
    if not isinstance(below, dict) or not isinstance(patch, dict):
        return patch
    result = dict(below)
    for key, value in patch.items():
        if value is None and key in below:
            del result[key]
        else:
            result[key] = _patched(below.get(key), value)
    return result


# --- formats that a policy may have


def _one_of(known: Callable[[], Sequence[str]], what: str) -> Callable[[str], str | None]:
    def fault(text: str) -> str | None:
        names = known()
        if text in names:
            return None
        near = [name for name in names if name.lower() == text.lower()]
        near = near or get_close_matches(text, names, n=1)
        return f"{as_shown(text)} is no {what}" + (f"; the nearest is {near[0]}" if near else "")

    return fault


def _day(text: str) -> str | None:
    try:
        date.fromisoformat(text)
    except ValueError:
        return f"{as_shown(text)} is no day; write YYYY-MM-DD"
    return None if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text) else f"{as_shown(text)} is no day"


def _month(text: str) -> str | None:
    if not re.fullmatch(r"\d{4}-\d{2}", text) or _day(f"{text}-01"):
        return f"{as_shown(text)} is no month; write YYYY-MM"
    return None


def _past_day(text: str) -> str | None:
    """A day by which there may have been customers: clocks are reckoned from 1900 on."""
    fault = _day(text)
    if (
        fault is None
        and not date(1900, 1, 1) <= date.fromisoformat(text) <= datetime.now(UTC).date()
    ):
        return f"must be from 1900-01-01 to today, not {as_shown(text)}"
    return fault


def _pattern(probes: Sequence[str], *, whole: bool) -> Callable[[str], str | None]:
    """A regular expression as the warehouse reads it (RE2), that does not match every text.

    Args:
        probes: texts so unlike that what matches them all matches everything.
        whole: whether the pattern is of a whole text, or found somewhere in it.
    """
    asked = "regexp_full_match" if whole else "regexp_matches"

    @lru_cache(maxsize=1000)
    def fault(text: str) -> str | None:
        import duckdb

        with duckdb.connect() as engine:
            try:
                matched = engine.execute(
                    f"select bool_and({asked}(probe, ?)) from unnest(?) as probes (probe)",
                    [f"(?i){printable(text)}" if whole else printable(text), list(probes)],
                ).fetchone()
            except duckdb.Error as error:
                said = str(error).splitlines()[0].partition("Error: ")[2]
                return f"{as_shown(text)} is no regular expression of DuckDB (RE2): {said}"
        if text and matched == (True,):
            return f"{as_shown(text)} matches everything, such as {', '.join(probes)}"
        return None

    return fault


# Codes of ISO 4217 for metals, units of account, tests, and no currency at all.
_NO_MONEY = {
    *("XAG", "XAU", "XBA", "XBB", "XBC", "XBD", "XDR", "XEU", "XFO"),
    *("XFU", "XPD", "XPT", "XRE", "XSU", "XTS", "XUA", "XXX"),
}


@lru_cache(maxsize=1)
def _currencies() -> list[str]:
    from babel.numbers import list_currencies

    return sorted(set(list_currencies()) - _NO_MONEY)


_FORMATS: dict[str, Callable[[str], str | None]] = {
    "country": _one_of(country_codes, "country (ISO 3166-1)"),
    "currency": _one_of(_currencies, "currency (ISO 4217)"),
    "month": _month,
    "past-date": _past_day,
    "regex": _pattern(("x1", "Welcome", "42"), whole=False),
    "whole-regex": _pattern(("x1", "85123A", "1000234"), whole=True),
    "time-zone": _one_of(zone_names, "time zone (IANA)"),
}
