"""What was measured as tables in Markdown, the costs fitted to it, and what follows from them."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

ENGINES = {"duckdb": "DuckDB", "spark": "Spark"}
CORES = (2, 8, 16, 32, 64)
_LEAST = 1.0  # processor seconds of a model that has a line of its own


def report(measured: Sequence[Mapping[str, Any]], *, hours: float) -> str:
    """Return all tables.

    Args:
        measured: what `benchmarks.spark` measured of each size, the smallest first.
        hours: the time that a night has for these models.
    """
    parts = [_runs(measured), _models(measured)]
    if len(measured) > 1:
        parts += [_growth(measured), _costs(measured, hours)]
    return "\n\n".join(parts)


def fitted(sizes: Sequence[float], costs: Sequence[float]) -> tuple[float, float]:
    """Return the fixed cost and that of one more of `sizes`, so that relative errors are least."""
    weights = [cost**-2 for cost in costs]
    n, x, xx, y, xy = (
        sum(weight * value for weight, value in zip(weights, values, strict=True))
        for values in (
            [1.0] * len(sizes),
            sizes,
            [size**2 for size in sizes],
            costs,
            [size * cost for size, cost in zip(sizes, costs, strict=True)],
        )
    )
    each = (n * xy - x * y) / (n * xx - x * x)
    return (y - each * x) / n, each


def most_within(hours: float, cores: int, fixed: float, each: float) -> float:
    """Return how many of what costs `each` processor seconds so many cores make, all of them busy.

    Example:
        >>> most_within(1, 2, fixed=200, each=10)
        700.0
    """
    return (hours * 3600 * cores - fixed) / each


def models_cost(run: Mapping[str, Any]) -> float:
    """Return the processor seconds of all models of a run."""
    return float(sum(taken["cpu"] for taken in run["models"].values()))


def _runs(measured: Sequence[Mapping[str, Any]]) -> str:
    lines = [
        "| touchpoints | engine | s | cpu s | start, end | models | peak GB | spilled GB |",
        "|--:|---|--:|--:|--:|--:|--:|--:|",
    ]
    for size in measured:
        for engine, name in ENGINES.items():
            run = size[engine]
            whole, models = run["whole"], models_cost(run)
            lines.append(
                f"| {_millions(size)} M | {name} | {whole['wall']:.0f} | {whole['cpu']:.0f} "
                f"| {whole['cpu'] - models:.0f} | {models:.0f} "
                f"| {whole['peak']:.1f} | {whole['spilled']:.1f} |"
            )
    return "\n".join(lines)


def _models(measured: Sequence[Mapping[str, Any]]) -> str:
    heads = [f"{name} {_millions(size)} M" for name in ENGINES.values() for size in measured]
    lines = [
        f"| model, cpu s | {' | '.join(heads)} | Spark / DuckDB |",
        f"|---|{'--:|' * len(heads)}--:|",
    ]
    largest = measured[-1]
    for model, taken in largest["spark"]["models"].items():
        if taken["cpu"] < _LEAST:
            continue
        row = [size[engine]["models"][model]["cpu"] for engine in ENGINES for size in measured]
        ratio = taken["cpu"] / largest["duckdb"]["models"][model]["cpu"]
        cells = " | ".join(f"{cost:.1f}" for cost in row)
        lines.append(f"| {model} | {cells} | {ratio:.1f} |")
    row = [models_cost(size[engine]) for engine in ENGINES for size in measured]
    ratio = models_cost(largest["spark"]) / models_cost(largest["duckdb"])
    lines.append(f"| *all* | {' | '.join(f'{cost:.0f}' for cost in row)} | **{ratio:.1f}** |")
    return "\n".join(lines)


def _growth(measured: Sequence[Mapping[str, Any]]) -> str:
    lines = [
        "| from | to | touchpoints | DuckDB's models | whole run | Spark's models | whole run |",
        "|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for small, large in pairwise(measured):
        cells = [f"{large['touchpoints'] / small['touchpoints']:.2f}"]
        for engine in ENGINES:
            cells.append(f"{models_cost(large[engine]) / models_cost(small[engine]):.2f}")
            cells.append(f"{large[engine]['whole']['cpu'] / small[engine]['whole']['cpu']:.2f}")
        lines.append(f"| {_millions(small)} M | {_millions(large)} M | {' | '.join(cells)} |")
    return "\n".join(lines)


def _costs(measured: Sequence[Mapping[str, Any]], hours: float) -> str:
    sizes = [size["touchpoints"] / 1e6 for size in measured]
    costs = {
        engine: fitted(sizes, [size[engine]["whole"]["cpu"] for size in measured])
        for engine in ENGINES
    }
    lines = [
        f"{ENGINES[engine]}: {fixed:.0f} cpu s and {each:.2f} for each million touchpoints"
        for engine, (fixed, each) in costs.items()
    ]
    ratio = costs["spark"][1] / costs["duckdb"][1]
    lines += [
        "",
        f"| cores of one machine | DuckDB's most in {hours:g} h | Spark's cores for as many |",
        "|--:|--:|--:|",
    ]
    for cores in CORES:
        most = most_within(hours, cores, *costs["duckdb"]) * 1e6
        lines.append(f"| {cores} | {most:.1e} | {cores * ratio:.0f} |")
    return "\n".join(lines)


def _millions(size: Mapping[str, Any]) -> str:
    return f"{size['touchpoints'] / 1e6:.3g}"
