"""What the last build did, node by node, in a file that readers may follow while it grows.

One JSON line says which night is built from what, one line follows per node that ended, and the
last one says how the build ended. A build that was killed has no last line. The next build puts
a new file in the old one's place, so a reader sees one build or the next, never a mixture.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from rapport.build.parts import Part

FORMAT = 1
Status = Literal["passed", "warned", "failed", "skipped"]


@dataclass(frozen=True)
class Outcome:
    """How one model, seed or test ended.

    Attributes:
        node: dbt's unique id.
        name: its name.
        kind: ``model``, ``seed`` or ``test``.
        status: ``warned`` is a test that only warns; ``skipped`` is what was not built because
            something before it failed.
        seconds: dbt's own.
        rows: rows of the table that was made; None for a view or a test.
        failures: rows that a test objects to; None for all else.
        message: what dbt says of it.
        is_earlier: it was built by an earlier try and stands as it was.
        ended_at: when (UTC, ISO 8601); empty where nobody noted it.
    """

    node: str
    name: str
    kind: str
    status: Status
    seconds: float
    rows: int | None = None
    failures: int | None = None
    message: str = ""
    is_earlier: bool = False
    ended_at: str = ""

    @property
    def is_good(self) -> bool:
        """Whether what reads it may be built."""
        return self.status in {"passed", "warned"}


@dataclass(frozen=True)
class Header:
    """What a build is of: two builds of equal headers make the same warehouse.

    Attributes:
        run_id: the run that it belongs to; empty outside Airflow.
        as_of: the night.
        code: fingerprint of the dbt project.
        loads: (source, load id) of what it takes in.
    """

    run_id: str
    as_of: date
    code: str
    loads: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Record:
    """One build as far as it is known.

    Attributes:
        header: what it is of.
        began_at: when (UTC).
        parts: unique ids of the nodes that it is to build and test, by the part they belong to.
        outcomes: what ended so far, by dbt's unique id.
        ended: ``passed``, ``failed``, or None while it runs or when it was killed.
    """

    header: Header
    began_at: datetime
    parts: dict[str, tuple[str, ...]]
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    ended: Literal["passed", "failed"] | None = None

    def of_part(self, part: str) -> list[Outcome]:
        """Return what ended so far of a part; nothing for one that the project no longer has."""
        return [self.outcomes[n] for n in self.parts.get(part, ()) if n in self.outcomes]

    def has_ended(self, part: str) -> bool:
        """Whether every node of a part of the project has ended."""
        return part in self.parts and len(self.of_part(part)) == len(self.parts[part])


def read_record(path: Path) -> Record | None:
    """Return the last build, or None before the first and for what no Rapport of today wrote."""
    try:
        with path.open() as file:
            # The last line may be half written; it is whole the next time.
            events = [json.loads(line) for line in file if line.endswith("\n")]
        return _record_of(events) if events and events[0]["format"] == FORMAT else None
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _record_of(events: Sequence[dict[str, Any]]) -> Record:
    first, *rest = events
    header = Header(
        run_id=first["run_id"],
        as_of=date.fromisoformat(first["as_of"]),
        code=first["code"],
        loads=tuple((source, load) for source, load in first["loads"]),
    )
    return Record(
        header=header,
        began_at=datetime.fromisoformat(first["began_at"]),
        parts={part: tuple(nodes) for part, nodes in first["parts"].items()},
        outcomes={event["node"]: Outcome(**event) for event in rest if "node" in event},
        ended=next((event["ended"] for event in rest if "ended" in event), None),
    )


class RecordWriter:
    """Writes the record of one build.

    Use as a context manager: leaving it in any way but by a kill notes how the build ended.

    Args:
        path: the file; another build's is replaced.
        header: what the build is of.
        parts: the nodes that it is to build and test, earlier ones included.
        earlier: outcomes of an earlier try that stand.
    """

    def __init__(
        self, path: Path, header: Header, parts: Sequence[Part], earlier: Iterable[Outcome] = ()
    ) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        self._file = fresh.open("w")
        now = datetime.now(UTC).isoformat()
        self._write(
            {
                "format": FORMAT,
                "run_id": header.run_id,
                "as_of": header.as_of.isoformat(),
                "code": header.code,
                "loads": header.loads,
                "began_at": now,
                "parts": {part.id: part.nodes for part in parts},
            }
        )
        for outcome in earlier:
            self._write(asdict(outcome) | {"is_earlier": True})
        fresh.replace(path)

    def add(self, outcome: Outcome) -> None:
        """Note how a node ended."""
        self._write(asdict(outcome))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._write({"ended": "failed" if kind else "passed"})
        self._file.close()

    def _write(self, event: dict[str, object]) -> None:
        self._file.write(json.dumps(event, ensure_ascii=False) + "\n")
        self._file.flush()


def told(outcomes: Sequence[Outcome]) -> list[str]:
    """Say what became of a part: a line per model, one for the tests that passed, one per other.

    Example:
        >>> told([Outcome("model.x.a", "fct_orders", "model", "passed", 1.52, rows=155848)])
        ['fct_orders: 155,848 rows in 1.52 s']
    """
    lines = []
    for each in outcomes:
        if each.kind != "test":
            lines.append(_of_model(each))
        elif each.status != "passed":
            lines.append(_of_test(each))
    passed = [each for each in outcomes if each.kind == "test" and each.status == "passed"]
    if passed:
        seconds = sum(each.seconds for each in passed)
        lines.append(f"{len(passed)} test{'s' * (len(passed) > 1)} passed in {seconds:.2f} s")
    return lines


def _of_model(outcome: Outcome) -> str:
    earlier = " (by an earlier try)" if outcome.is_earlier else ""
    if outcome.status == "skipped":
        return f"{outcome.name}: not built; {outcome.message or 'something before it failed'}"
    if outcome.status == "failed":
        return f"{outcome.name}: FAILED after {outcome.seconds:.2f} s: {outcome.message}"
    made = f"{outcome.rows:,} rows" if outcome.rows is not None else "a view"
    return f"{outcome.name}: {made} in {outcome.seconds:.2f} s{earlier}"


def _of_test(outcome: Outcome) -> str:
    if outcome.status == "skipped":
        return f"test {outcome.name}: not run; {outcome.message or 'its model was not built'}"
    word = "warns" if outcome.status == "warned" else "FAILED"
    rows = f" on {outcome.failures:,} rows" if outcome.failures else ""
    return f"test {outcome.name}: {word}{rows} after {outcome.seconds:.2f} s: {outcome.message}"
