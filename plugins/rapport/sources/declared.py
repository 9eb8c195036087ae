"""Which sources and streams a firm has: `sources.yml` in its home, or what is there to be found.

```yaml
shop: true
hubspot: {without: [tickets, feedback_submissions]}
```

A source that is not named is absent. Without a file a company of the sandbox has all sources, and
a firm of its own has those that have a connection or were ever pulled, so that a connection that
was lost fails a night and does not make a source silently absent.

Beside these there is each source that the firm declares itself, by a file in `sources`
(`rapport.sources.mapped`). A company of the sandbox has those of `sandbox/sources` too.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from rapport.errors import SourcesError
from rapport.settings import Settings
from rapport.sources.mapped import FOLDER, MappedSource, read_all, read_retired
from rapport.sources.streams import AFTER, GROUPS, KEPT_BOOKS, STREAMS, Stream
from rapport.sources.versions import DEFAULTS, ENDPOINTS, Version
from rapport.written import Layer, Problem, faults, placed

SOURCES = tuple(dict.fromkeys(stream.source for stream in STREAMS))
FILE = "sources.yml"
NOT_DECLARED, SWITCHED_OFF = "not declared", "switched off"


@dataclass(frozen=True)
class Declared:
    """What a firm has.

    Attributes:
        streams: that are pulled, in the order of ``streams.STREAMS``, those of mapped sources last.
        said_by: who says so: the file's path, ``company`` or ``connections``.
        mapped: sources that the firm declares itself.
        retired: those that it declared once and that landed. Nothing of them is pulled; what they
            said holds, as it does of any other source that the firm had.
    """

    streams: tuple[Stream, ...] = STREAMS
    said_by: str = "company"
    mapped: tuple[MappedSource, ...] = ()
    retired: tuple[MappedSource, ...] = ()

    def with_mapped(self, *mapped: MappedSource) -> "Declared":
        """Return the same with sources of the firm's own."""
        streams = [stream for source in mapped for stream in source.streams]
        return replace(self, streams=(*self.streams, *streams), mapped=(*self.mapped, *mapped))

    def mapped_source(self, source: str) -> MappedSource | None:
        """Return what the firm declares of a source of its own; None for any other."""
        return next((each for each in self.all_mapped if each.name == source), None)

    @property
    def all_mapped(self) -> tuple[MappedSource, ...]:
        """Sources of the firm's own, declared or retired."""
        return (*self.mapped, *self.retired)

    @property
    def consenting(self) -> tuple[str, ...]:
        """Mapped sources in which somebody may have said no, beside the groups ``OF_CONSENT``."""
        said = {"consents", "message_events", "preferences"}
        return tuple(
            each.name
            for each in self.mapped
            if said & {mapped.stream for table in each.tables for mapped in table.mapped}
        )

    @property
    def digest(self) -> str:
        """What changes with everything that the firm declares of sources of its own."""
        return sha256(" ".join(each.digest for each in self.all_mapped).encode()).hexdigest()[:16]

    @property
    def all_streams(self) -> tuple[Stream, ...]:
        """What there is, pulled or not: of sources that Rapport has itself, and of the firm's."""
        own = (stream for source in self.all_mapped for stream in source.streams)
        return (*STREAMS, *own)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Full names of the streams."""
        return tuple(stream.full_name for stream in self.streams)

    @property
    def told(self) -> tuple[str, ...]:
        """Full names of the streams, and of those that a mapped source tells the same as."""
        likes = (
            like for each in self.mapped for t in each.tables for m in t.mapped for like in m.like
        )
        return tuple(dict.fromkeys((*self.names, *likes)))

    @property
    def sources(self) -> tuple[str, ...]:
        """Those of which anything is pulled."""
        return tuple(dict.fromkeys(stream.source for stream in self.streams))

    @property
    def groups(self) -> dict[str, tuple[Stream, ...]]:
        """What is pulled together, of what there is."""
        there = {
            group: tuple(stream for stream in streams if stream in self.streams)
            for group, streams in GROUPS.items()
        }
        there |= {each.name: each.streams for each in self.mapped}
        return {group: streams for group, streams in there.items() if streams}

    @property
    def after(self) -> dict[str, tuple[str, ...]]:
        """Group -> those that are pulled before it."""
        groups = self.groups
        return {
            group: tuple(each for each in earlier if each in groups)
            for group, earlier in AFTER.items()
            if group in groups
        }

    @property
    def left_out(self) -> dict[str, str]:
        """Why each of the other streams is not pulled."""
        return {
            stream.full_name: SWITCHED_OFF if stream.source in self.sources else NOT_DECLARED
            for stream in STREAMS
            if stream not in self.streams
        }

    def known(self, landing_dir: Path, refused: Collection[str] = ()) -> tuple[str, ...]:
        """Full names of these streams and of those that landed when the firm had them.

        What somebody said there holds: an opt-out does not end with a contract for a tool.

        Args:
            landing_dir: the landing.
            refused: streams that may not be read tonight; nothing is known of one that never was.
        """
        return tuple(
            stream.full_name
            for stream in self.all_streams
            if (stream in self.streams and stream.full_name not in refused)
            or _has_landed(landing_dir, stream)
        )


EVERYTHING = Declared()


def declared(
    settings: Settings, is_connected: Callable[[str], bool], *, parses: bool = True
) -> Declared:
    """Return what the firm of an installation has.

    Args:
        settings: of the installation.
        is_connected: whether a source has a connection; asked for only where no file says it.
        parses: whether mappings are looked into; without that it is said what is pulled, and not
            which columns.

    Raises:
        SourcesError: the file cannot be used, or there is neither a file nor a connection.
    """
    folders = [settings.home / FOLDER]
    if settings.has_sandbox and not (settings.home / FILE).exists():
        folders.append(settings.project_dir / "sandbox" / FOLDER)
    mapped = read_all(folders, settings.home, settings.dbt_project_dir, parses=parses)
    there = _of_rapport(settings, is_connected, bool(mapped)).with_mapped(*mapped)
    if not parses:  # for which it is enough to know what is pulled
        return there
    names = {each.name for each in mapped}
    retired = read_retired(settings.landing_dir, names, settings.home, settings.dbt_project_dir)
    return replace(there, retired=retired)


def _of_rapport(settings: Settings, is_connected: Callable[[str], bool], has_own: bool) -> Declared:
    """Return what the firm has of the sources that Rapport has itself."""
    path = settings.home / FILE
    if path.exists():
        return _of_file(path, has_own)
    if settings.has_sandbox:
        return Declared()
    there = [each for each in SOURCES if _was_pulled(settings, each) or is_connected(each)]
    if not there and not has_own:
        raise SourcesError(
            [
                f"{path} is not there, and no source has a connection: export "
                f"{' or '.join(f'AIRFLOW_CONN_RAPPORT_{each.upper()}' for each in SOURCES)}, "
                f"or declare a source of your own in {settings.home / FOLDER}"
            ]
        )
    return Declared(tuple(s for s in STREAMS if s.source in there), "connections")


def schema() -> dict[str, Any]:
    """Return the schema of `sources.yml`, as the streams say it."""
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            source: {
                "type": ["boolean", "object"],
                "additionalProperties": False,
                "properties": {
                    "without": {
                        "type": "array",
                        "uniqueItems": True,
                        "items": {
                            "type": "string",
                            "title": "stream that can be done without",
                            "enum": list(dispensable(source)),
                        },
                    }
                },
            }
            for source in SOURCES
        },
    }


def dispensable(source: str) -> dict[str, Stream]:
    """Return the streams of a source that can be switched off, by name."""
    return {
        stream.name: stream
        for stream in STREAMS
        if stream.source == source and stream.is_dispensable and not stream.part_of
    }


def sources_page() -> str:
    """Return what can be declared as a page in Markdown."""
    lines = [
        "# Sources",
        "",
        "Made by `rapport sources --page`. What a firm has stands in `sources.yml` in its home:",
        "",
        "```yaml",
        "shop: true",
        "hubspot: {without: [tickets, feedback_submissions]}",
        "```",
        "",
        "What is not named there is absent. A stream with something in the last column can be",
        "switched off, and is left out with a warning where the key lacks its scope; without the",
        "others there is no night. A stream that is part of another one comes and goes with it.",
        "",
    ]
    for source in SOURCES:
        lines += [f"## {source}", "", "| Stream | Scope of the key | What is lost without it |"]
        lines += ["|---|---|---|"]
        for stream in STREAMS:
            if stream.source != source or stream in KEPT_BOOKS:
                continue
            scope = f"`{stream.scope}`" if stream.scope else ""
            lost = f"(part of `{stream.part_of}`)" if stream.part_of else stream.without
            lines.append(f"| `{stream.name}` | {scope} | {lost} |")
        lines += ["", *_calls(source)]
    return "\n".join([*lines, (Path(__file__).parent / "mapped" / "page.md").read_text()])


def _calls(source: str) -> Iterator[str]:
    """Yield what is called of a source's API, and until when the vendor supports it."""
    by_version: dict[Version, list[str]] = {}
    for endpoint in ENDPOINTS.get(source, ()):
        call = f"`{endpoint.method} {endpoint.template}`"
        by_version.setdefault(endpoint.only or DEFAULTS[source], []).append(call)
    for version, calls in by_version.items():
        until = version.ends_on or "further notice"
        yield f"Called in version {version.name}, which is supported until {until}"
        yield f"([the vendor's page]({version.told_in})):"
        yield ""
        yield from (f"- {call}" for call in calls)
        yield ""


def _of_file(path: Path, has_own: bool) -> Declared:
    layer = Layer.read(FILE, path, SourcesError)
    said: Mapping[str, Any] = layer.content
    problems = list(layer.problems)
    problems += [placed(p, what, [layer], path) for p, what in faults(said, schema(), {}, "source")]
    says_any = any(value is not False for value in said.values())
    if not problems and not says_any and not has_own:
        problems = [Problem(path, 1, f"declares no source; there are {', '.join(SOURCES)}")]
    if problems:
        raise SourcesError([str(problem) for problem in sorted(set(problems))])
    off = {
        (source, name)
        for source, value in said.items()
        if isinstance(value, dict)
        for name in value.get("without", ())
    }
    streams = tuple(
        stream
        for stream in STREAMS
        if said.get(stream.source, False) is not False
        and not {(stream.source, stream.name), (stream.source, stream.part_of)} & off
    )
    return Declared(streams, str(path))


def _has_landed(landing_dir: Path, stream: Stream) -> bool:
    from rapport.landing import DECLARED_FILE  # with all of dlt, which the DAG is read without

    folder = landing_dir / stream.source / stream.name
    return any(path.name != DECLARED_FILE for path in folder.glob("load_date=*/*.parquet"))


def _was_pulled(settings: Settings, source: str) -> bool:
    """Whether any load of a source ever arrived: dlt lists it under the source's name."""
    return any((settings.landing_dir / source / "_dlt_loads").glob(f"{source}__*.jsonl"))
