"""The firm's policies: what it decides differently from the project, in a file of its own.

Three layers, each going before the one above: the defaults (vars of ``dbt_project.yml``, each with
its reason), a company of the sandbox (``sandbox/policies``), the firm's ``policy.yml``. A layer is
laid upon the others like a JSON merge patch (RFC 7396): a map is merged by its keys, and null takes
a key away; lists and all else are replaced. What comes of it is checked by one schema,
``dbt_project/policy_schema.yml``, all of it at once.
"""

import hashlib
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from difflib import get_close_matches
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any
from unicodedata import category

import yaml
from jsonschema import Draft202012Validator, ValidationError, validators

from rapport.errors import PolicyError
from rapport.places.clocks import zone_names
from rapport.places.countries import country_codes
from rapport.settings import ENVIRONMENT, Settings

SCHEMA = "policy_schema.yml"
DEFAULT = "default"
# Vars of the project that are no policies: every night gives them.
OF_THE_NIGHT = ("as_of_date", "policies_in_force")
# dbt renders the texts of its vars as Jinja once more.
_TEMPLATE_MARKS = ("{{", "{%", "{#")
# Categories of Unicode: control characters, halves of a pair, breaks of lines and paragraphs.
_UNSEEN = {"Cc", "Cs", "Zl", "Zp"}
_MOST_SHOWN = 60
_MOST_LISTED = 16  # more words than that nobody reads
_KINDS = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "null": "null",
    "number": "a number",
    "object": "a map",
    "string": "text",
}


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


def as_json(value: Any) -> str:
    """Return a value on one line, as it stands in the release."""
    return json.dumps(value, ensure_ascii=False)


def policies_of(settings: Settings) -> Policies:
    """Return the policies in force for an installation.

    Raises:
        PolicyError: a file cannot be read or says what cannot be; the message has every fault with
            its line.
    """
    schema = read_schema(settings.dbt_project_dir)
    project = settings.dbt_project_dir / "dbt_project.yml"
    variables: dict[str, Any] = _Layer.read(DEFAULT, project).content.get("vars") or {}
    defaults = {name: value for name, value in variables.items() if name not in OF_THE_NIGHT}
    layers = [_Layer.read(source, path) for source, path in settings.policy_files]
    in_force = defaults
    for layer in layers:
        in_force = _laid_upon(in_force, layer.content, defaults)
    problems = [problem for layer in layers for problem in layer.problems]
    problems += [_placed(path, said, layers, project) for path, said in _faults(in_force, schema)]
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
    return _Layer.read("schema", dbt_project_dir / SCHEMA).content


def settings_list(settings: Settings) -> list[dict[str, Any]]:
    """Return everything that can be set, policies and variables of the environment, for machines.

    Each has ``name``, ``kind`` (``policy`` or ``environment``), ``type``, ``default``, ``sentence``
    and ``unit``, and ``schema``, a JSON Schema without what is said above.
    """
    schema = read_schema(settings.dbt_project_dir)
    project = _Layer.read(DEFAULT, settings.dbt_project_dir / "dbt_project.yml").content
    policies = [
        {
            "name": name,
            "kind": "policy",
            "type": "|".join(_listed(about["type"])),
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
                words = ", ".join(f"`{word}`" for word in each["schema"].get("enum", ()))
                kinds = f"{each['type']}: {words}" if words else each["type"]
                cells = (f"`{each['name']}`", kinds, f"`{default}`" if default else "")
                row = (*cells, each["unit"], each["sentence"])
                lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |")
        lines.append("")
    return "\n".join(lines)


# --- reading a file, with its lines


@dataclass(frozen=True, order=True)
class _Problem:
    """Something wrong, and where; 0 for what stands on no line."""

    path: Path
    line: int
    said: str

    def __str__(self) -> str:
        said = f"{self.path}{f', line {self.line}' if self.line else ''}: {self.said}"
        return _printable(said)


class _Loader(yaml.SafeLoader):
    """YAML with the words of 1.2: NO is Norway, and a date is text, as JSON has neither.

    Numbers are those of JSON: 010 (an octal of 1.1), 1:30 (of base 60) and 1_000 are text.
    """


_OTHERWISE = (":bool", ":float", ":int", ":timestamp")
_Loader.yaml_implicit_resolvers = {
    first: [(tag, words) for tag, words in known if not tag.endswith(_OTHERWISE)]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$"), list("-+0123456789")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"^(?:[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
    ),
    list("-+.0123456789"),
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


@dataclass(frozen=True)
class _Layer:
    """A file as it was read: content, the line of each key, what is wrong with it as YAML."""

    source: str
    path: Path
    content: dict[str, Any]
    lines: dict[tuple[str, ...], int]
    problems: list[_Problem]

    @classmethod
    def read(cls, source: str, path: Path) -> "_Layer":
        try:
            text = path.read_text(encoding="utf-8")
            loader = _Loader(text)
            root = loader.get_single_node()
            if root is None:
                return cls(source, path, {}, {}, [])
            content = loader.construct_document(root)
            json.dumps(content)  # a map that holds itself
        except OSError as error:
            raise PolicyError([f"{path}: {error.strerror or type(error).__name__}"]) from None
        except UnicodeDecodeError:
            raise PolicyError([f"{path}: is not text in UTF-8"]) from None
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise PolicyError([f"{path}, line {line}: is not YAML: {error.problem}"]) from None
        except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise PolicyError([f"{path}: is not YAML: {reason}"]) from None
        if not isinstance(content, dict):
            raise PolicyError([f"{path}, line 1: must be a map (`name: value`)"])
        lines: dict[tuple[str, ...], int] = {}
        problems = list(_lines_of(root, (), lines, path))
        return cls(source, path, _with_text_keys(content), lines, problems)


def _lines_of(
    node: yaml.Node, place: tuple[str, ...], lines: dict[tuple[str, ...], int], path: Path
) -> Iterator[_Problem]:
    """Note where each key stands; yield a problem for each that stands there twice."""
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            lines[(*place, str(number))] = item.start_mark.line + 1
            yield from _lines_of(item, (*place, str(number)), lines, path)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*place, str(key.value))
            if inner in lines:
                said = f"{'.'.join(inner)} stands here a second time, after line {lines[inner]}"
                yield _Problem(path, key.start_mark.line + 1, said)
            lines[inner] = key.start_mark.line + 1
            yield from _lines_of(value, inner, lines, path)


def _with_text_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _with_text_keys(inner) for key, inner in value.items()}
    return [_with_text_keys(inner) for inner in value] if isinstance(value, list) else value


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


# --- checking what comes of it


def _faults(content: Any, schema: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """What is wrong, each with the path to it."""
    yield from _texts_that_cannot_be(content, ())
    for error in sorted(_validator(schema).iter_errors(content), key=lambda e: str(e.path)):
        path = tuple(str(part) for part in error.absolute_path)
        if error.validator == "additionalProperties" and error.validator_value is False:
            known = sorted(error.schema.get("properties", {}))
            for name in sorted(set(error.instance) - set(known)):
                yield (*path, name), _unknown(name, known, "policy" if not path else "key")
        elif "propertyNames" in error.absolute_schema_path:
            yield (*path, str(error.instance)), _said(error)
        else:
            yield path, _said(error)


def _texts_that_cannot_be(
    value: Any, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Texts, keys too, that dbt would take for a template, or that hold what nobody can see."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts_that_cannot_be(key, (*path, key))
            yield from _texts_that_cannot_be(inner, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _texts_that_cannot_be(inner, (*path, str(number)))
    elif isinstance(value, str):
        template = next((mark for mark in _TEMPLATE_MARKS if mark in value), None)
        if template:
            yield path, f"must not have {template} in it, where dbt would begin a template"
        if any(category(letter) in _UNSEEN for letter in value):
            yield path, f"has a control character or a line break in it: {_shown(value)}"


def _unknown(name: str, known: Sequence[str], what: str) -> str:
    near = get_close_matches(name.lower(), known, n=1, cutoff=0.5)
    others = f"; there are {', '.join(known)}" if len(known) <= _MOST_LISTED else ""
    return f"is no {what}" + (f"; the nearest is {near[0]}" if near else "") + others


def _said(error: Any) -> str:
    """Say an error of the schema as a person would."""
    limit, shown = error.validator_value, _shown(error.instance)
    sayings: dict[str, Callable[[], str]] = {
        "type": lambda: _wrong_type(error.instance, _listed(limit)),
        "minimum": lambda: f"must be at least {limit}, not {shown}",
        "maximum": lambda: f"must be at most {limit}, not {shown}",
        "exclusiveMinimum": lambda: f"must be more than {limit}, not {shown}",
        "exclusiveMaximum": lambda: f"must be less than {limit}, not {shown}",
        "minLength": lambda: "must not be empty",
        "minItems": lambda: f"must have at least {_entries(limit)}, not {len(error.instance)}",
        "maxItems": lambda: f"must have at most {_entries(limit)}, not {len(error.instance)}",
        "required": lambda: f"has no {next(k for k in limit if f'{k!r}' in error.message)}",
        "enum": lambda: (
            f"{shown} {_unknown(str(error.instance), limit, error.schema.get('title', 'word'))}"
        ),
        "uniqueItems": lambda: f"has an entry twice: {shown}",
        "not": lambda: f"must not be {shown}, which stands for something already",
        "pattern": lambda: f"{shown} must be lower-case letters, digits and _",
    }
    said = sayings.get(error.validator)
    return said() if said else str(error.message)


def _entries(count: int) -> str:
    return f"{count} {'entry' if count == 1 else 'entries'}"


def _wrong_type(value: Any, wanted: Sequence[str]) -> str:
    kinds = " or ".join(_KINDS[kind] for kind in wanted)
    hint = ""
    if "string" in wanted and isinstance(value, bool | int | float):
        hint = f': put it in quotes ("{value}")'
    elif isinstance(value, float) and "integer" in wanted and value.is_integer():
        hint = f": write {int(value)}"
    return f"must be {kinds}, not {_shown(value)}{hint}"


def _shown(value: Any) -> str:
    text = as_json(value)
    return text if len(text) <= _MOST_SHOWN else text[:_MOST_SHOWN] + " ..."


def _printable(text: str) -> str:
    """A text as it can be written anywhere; half of a pair of letters cannot."""
    return text.encode("utf-8", "backslashreplace").decode()


def _placed(path: tuple[str, ...], said: str, layers: Sequence[_Layer], project: Path) -> _Problem:
    """A fault with the line that brings it about, in the last file that says anything there."""
    for layer in reversed(layers):
        if path[:1] and path[:1] in layer.lines:
            deepest = next(
                path[:depth] for depth in range(len(path), 0, -1) if path[:depth] in layer.lines
            )
            return _Problem(layer.path, layer.lines[deepest], f"{'.'.join(path)} {said}")
    # A policy that is as by default, but not beside one of the file's.
    return _Problem(layers[-1].path if layers else project, 0, f"{'.'.join(path)} {said}")


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def _rising(_: Any, lists: Any, instance: Any, __: Any) -> Iterator[ValidationError]:
    if isinstance(instance, list):
        figures = [figure for figure in instance if _is_number(None, figure)]
        if lists and any(small >= large for small, large in pairwise(figures)):
            yield ValidationError(f"must rise, the smaller first, not {_shown(instance)}")
        return
    for names in lists if isinstance(instance, dict) else ():
        figures = [(name, instance[name]) for name in names if _is_number(None, instance.get(name))]
        for (low, small), (high, large) in pairwise(figures):
            if small > large:
                said = f"must not be above {high}: {small} against {large}"
                yield ValidationError(said, path=[low])


def _scale(_: Any, names: list[str], instance: Any, __: Any) -> Iterator[ValidationError]:
    """From the worst to the best in one direction, and no answer both unhappy and happy."""
    figures: list[float] = []
    if isinstance(instance, dict):
        figures = [instance[name] for name in names if _is_number(None, instance.get(name))]
    if len(figures) < len(names):
        return
    worst, unhappy, happy, best = figures if figures[0] <= figures[-1] else [-f for f in figures]
    if not worst <= unhappy < happy <= best:
        said = ", ".join(f"{name} {figure}" for name, figure in zip(names, figures, strict=True))
        yield ValidationError(f"must go one way, with happy beyond unhappy, not {said}")


def _unique_by(_: Any, keys: list[str], instance: Any, __: Any) -> Iterator[ValidationError]:
    seen: set[tuple[str, ...]] = set()
    for number, entry in enumerate(instance if isinstance(instance, list) else ()):
        if isinstance(entry, dict) and all(key in entry for key in keys):
            values = tuple(str(entry[key]) for key in keys)
            if values in seen:
                yield ValidationError(f"says {' '.join(values)} a second time", path=[number])
            seen.add(values)


def _needs(_: Any, pairs: Mapping[str, str], instance: Any, __: Any) -> Iterator[ValidationError]:
    for name, needed in pairs.items():
        if instance.get(name) and not instance.get(needed):
            yield ValidationError(f"needs {needed} to be decided too", path=[name])


def _formatted(_: Any, name: str, instance: Any, __: Any) -> Iterator[ValidationError]:
    fault = _FORMATS[name](instance) if isinstance(instance, str) else None
    if fault:
        yield ValidationError(fault)


def _validator(schema: Mapping[str, Any]) -> Any:
    """The library's validator, with what JSON Schema cannot say: our formats, values that rise."""
    types = Draft202012Validator.TYPE_CHECKER.redefine_many(
        {
            "number": _is_number,
            "integer": lambda _, value: isinstance(value, int) and not isinstance(value, bool),
        }
    )
    known = {
        "rising": _rising,
        "scale": _scale,
        "uniqueBy": _unique_by,
        "needs": _needs,
        "format": _formatted,
    }
    return validators.extend(Draft202012Validator, known, type_checker=types)(schema)


def _is_number(_: Any, value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _one_of(known: Callable[[], Sequence[str]], what: str) -> Callable[[str], str | None]:
    def fault(text: str) -> str | None:
        names = known()
        if text in names:
            return None
        near = [name for name in names if name.lower() == text.lower()]
        near = near or get_close_matches(text, names, n=1)
        return f"{_shown(text)} is no {what}" + (f"; the nearest is {near[0]}" if near else "")

    return fault


def _day(text: str) -> str | None:
    try:
        date.fromisoformat(text)
    except ValueError:
        return f"{_shown(text)} is no day; write YYYY-MM-DD"
    return None if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text) else f"{_shown(text)} is no day"


def _month(text: str) -> str | None:
    if not re.fullmatch(r"\d{4}-\d{2}", text) or _day(f"{text}-01"):
        return f"{_shown(text)} is no month; write YYYY-MM"
    return None


def _past_day(text: str) -> str | None:
    """A day by which there may have been customers: clocks are reckoned from 1900 on."""
    fault = _day(text)
    if (
        fault is None
        and not date(1900, 1, 1) <= date.fromisoformat(text) <= datetime.now(UTC).date()
    ):
        return f"must be from 1900-01-01 to today, not {_shown(text)}"
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
                    [f"(?i){_printable(text)}" if whole else _printable(text), list(probes)],
                ).fetchone()
            except duckdb.Error as error:
                said = str(error).splitlines()[0].partition("Error: ")[2]
                return f"{_shown(text)} is no regular expression of DuckDB (RE2): {said}"
        if text and matched == (True,):
            return f"{_shown(text)} matches everything, such as {', '.join(probes)}"
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
