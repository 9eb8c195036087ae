"""Files that a firm writes: read with the line of each key, checked by a schema as a whole.

YAML with the words of its version 1.2 and the numbers of JSON; a JSON Schema (2020-12) with what
the standard lacks: figures that rise, what no two entries share, what needs something else.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path
from typing import Any
from unicodedata import category

import yaml
from jsonschema import Draft202012Validator, ValidationError, validators

from rapport.errors import FileError, PolicyError

# A format's name -> what is wrong with a text that should have it, if anything.
Formats = Mapping[str, Callable[[str], str | None]]

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


def as_json(value: Any) -> str:
    """Return a value on one line, as it stands in the release."""
    return json.dumps(value, ensure_ascii=False)


@dataclass(frozen=True, order=True)
class Problem:
    """Something wrong, and where; 0 for what stands on no line."""

    path: Path
    line: int
    said: str

    def __str__(self) -> str:
        said = f"{self.path}{f', line {self.line}' if self.line else ''}: {self.said}"
        return printable(said)


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
class Layer:
    """A file as it was read: content, the line of each key, what is wrong with it as YAML."""

    source: str
    path: Path
    content: dict[str, Any]
    lines: dict[tuple[str, ...], int]
    problems: list[Problem]

    @classmethod
    def read(cls, source: str, path: Path, refused: type[FileError] = PolicyError) -> "Layer":
        """Read a file.

        Raises:
            FileError: of the given kind; it cannot be read or is no map in YAML.
        """
        try:
            text = path.read_text(encoding="utf-8")
            loader = _Loader(text)
            root = loader.get_single_node()
            if root is None:
                return cls(source, path, {}, {}, [])
            content = loader.construct_document(root)
            json.dumps(content)  # a map that holds itself
        except OSError as error:
            raise refused([f"{path}: {error.strerror or type(error).__name__}"]) from None
        except UnicodeDecodeError:
            raise refused([f"{path}: is not text in UTF-8"]) from None
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise refused([f"{path}, line {line}: is not YAML: {error.problem}"]) from None
        except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise refused([f"{path}: is not YAML: {reason}"]) from None
        if not isinstance(content, dict):
            raise refused([f"{path}, line 1: must be a map (`name: value`)"])
        lines: dict[tuple[str, ...], int] = {}
        problems = list(_lines_of(root, (), lines, path))
        return cls(source, path, _with_text_keys(content), lines, problems)


def _lines_of(
    node: yaml.Node, place: tuple[str, ...], lines: dict[tuple[str, ...], int], path: Path
) -> Iterator[Problem]:
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
                yield Problem(path, key.start_mark.line + 1, said)
            lines[inner] = key.start_mark.line + 1
            yield from _lines_of(value, inner, lines, path)


def _with_text_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _with_text_keys(inner) for key, inner in value.items()}
    return [_with_text_keys(inner) for inner in value] if isinstance(value, list) else value


def faults(
    content: Any, schema: Mapping[str, Any], formats: Formats, what: str
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield what is wrong, each with the path to it.

    Args:
        content: of the file, or of several laid upon one another.
        schema: of it.
        formats: that the schema names.
        what: a key on the first level is called.
    """
    yield from _texts_that_cannot_be(content, ())
    for error in sorted(
        _validator(schema, formats).iter_errors(content), key=lambda e: str(e.path)
    ):
        path = tuple(str(part) for part in error.absolute_path)
        if error.validator == "additionalProperties" and error.validator_value is False:
            known = sorted(error.schema.get("properties", {}))
            for name in sorted(set(error.instance) - set(known)):
                said = what if not path else error.schema.get("title", "key")
                yield (*path, name), _unknown(name, known, said)
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
            yield path, f"has a control character or a line break in it: {as_shown(value)}"


def _unknown(name: str, known: Sequence[str], what: str) -> str:
    near = get_close_matches(name.lower(), known, n=1, cutoff=0.5)
    others = f"; there are {', '.join(known)}" if len(known) <= _MOST_LISTED else ""
    return f"is no {what}" + (f"; the nearest is {near[0]}" if near else "") + others


def _said(error: Any) -> str:
    """Say an error of the schema as a person would."""
    limit, shown = error.validator_value, as_shown(error.instance)
    sayings: dict[str, Callable[[], str]] = {
        "type": lambda: _wrong_type(error.instance, listed(limit)),
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
    return f"must be {kinds}, not {as_shown(value)}{hint}"


def as_shown(value: Any) -> str:
    """Return a value on one line, cut off where it is long."""
    text = as_json(value)
    return text if len(text) <= _MOST_SHOWN else text[:_MOST_SHOWN] + " ..."


def printable(text: str) -> str:
    """Return a text as it can be written anywhere; half of a pair of letters cannot."""
    return text.encode("utf-8", "backslashreplace").decode()


def placed(path: tuple[str, ...], said: str, layers: Sequence[Layer], project: Path) -> Problem:
    """Return a fault with the line that brings it about, in the last file that says it."""
    for layer in reversed(layers):
        if path[:1] and path[:1] in layer.lines:
            deepest = next(
                path[:depth] for depth in range(len(path), 0, -1) if path[:depth] in layer.lines
            )
            return Problem(layer.path, layer.lines[deepest], f"{'.'.join(path)} {said}")
    # A policy that is as by default, but not beside one of the file's.
    return Problem(layers[-1].path if layers else project, 0, f"{'.'.join(path)} {said}")


def listed(value: Any) -> list[str]:
    """Return what may stand alone as a list."""
    return value if isinstance(value, list) else [value]


def _rising(_: Any, lists: Any, instance: Any, __: Any) -> Iterator[ValidationError]:
    if isinstance(instance, list):
        figures = [figure for figure in instance if _is_number(None, figure)]
        if lists and any(small >= large for small, large in pairwise(figures)):
            yield ValidationError(f"must rise, the smaller first, not {as_shown(instance)}")
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


def _formatted(formats: Formats) -> Callable[..., Iterator[ValidationError]]:
    def check(_: Any, name: str, instance: Any, __: Any) -> Iterator[ValidationError]:
        fault = formats[name](instance) if isinstance(instance, str) else None
        if fault:
            yield ValidationError(fault)

    return check


def _validator(schema: Mapping[str, Any], formats: Formats) -> Any:
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
        "format": _formatted(formats),
    }
    return validators.extend(Draft202012Validator, known, type_checker=types)(schema)


def _is_number(_: Any, value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
