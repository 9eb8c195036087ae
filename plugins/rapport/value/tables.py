"""The models of value over the warehouse's tables: cells in, parameters and scores out.

Times are days in the tables and weeks in the model, as in what is published: ``alpha`` is in weeks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rapport.value import bg_nbd, gamma_gamma
from rapport.value.likelihood import Maximum

if TYPE_CHECKING:
    import pyarrow

PARAMETERS = {"orders": bg_nbd.Parameters._fields, "spend": gamma_gamma.Parameters._fields}
NO_SUMMIT = "no_summit"
NO_MEAN = "no_mean"

_WEEK = 7.0
_YEAR = 365 / _WEEK
_DIGITS = 8  # significant, of what is kept: the last ones hang on the machine
_NAME = "valued_cells"  # what queries call the relation


@dataclass(frozen=True)
class Policy:
    """What a firm may decide.

    Attributes:
        discount_rate: what money of a year later is worth less.
        level: how often the interval should hold, 0 to 1.
    """

    discount_rate: float = 0.1
    level: float = 0.95


def policy(decided: Any) -> Policy:
    """Return the one row of ``int_value__policy`` as the models want it."""
    from scipy.special import ndtr

    discount_rate, z = decided.project("discount_rate, confidence_z").fetchone()
    return Policy(discount_rate, 2 * float(ndtr(z)) - 1)


def fits(samples: Any, cells: Any, spend_cells: Any) -> "pyarrow.Table":
    """Return the parameters of each span and model of which there is enough to fit.

    Args:
        samples: DuckDB relation of ``int_value__samples``.
        cells: of ``int_value__cells``.
        spend_cells: of ``int_value__spend_cells``.

    Returns:
        One row per span, model and parameter: estimate and standard error, the latter null where
        the data push the parameter to an end of its range (`is_at_an_end`), the log-likelihood of
        the model, and `fault` where the estimates are null: the likelihood has no summit, or there
        is no mean of spend.
    """
    import pyarrow

    rows: list[dict[str, Any]] = []
    for span, model in samples.query(
        _NAME, f"select span, model from {_NAME} where fault is null order by span, model"
    ).fetchall():
        found = (
            bg_nbd.fit(_cells(cells, span))
            if model == "orders"
            else gamma_gamma.fit(_spenders(spend_cells, span))
        )
        rows += _rows(span, model, found)
    return pyarrow.Table.from_pylist(
        rows,
        schema=pyarrow.schema(
            [
                ("span", pyarrow.string()),
                ("model", pyarrow.string()),
                ("parameter", pyarrow.string()),
                ("estimate", pyarrow.float64()),
                ("standard_error", pyarrow.float64()),
                ("is_at_an_end", pyarrow.bool_()),
                ("log_likelihood", pyarrow.float64()),
                ("fault", pyarrow.string()),
            ]
        ),
    )


def order_scores(cells: Any, fitted: Any, policy: Policy) -> "pyarrow.Table":
    """Return what the model of orders says of each cell of a span that it was fitted on.

    Args:
        cells: DuckDB relation of ``int_value__cells``.
        fitted: of ``int_value__fits``.
        policy: what the firm decided.

    Returns:
        One row per span and cell: likelihood to be alive; orders expected in the days ahead of the
        span with the interval of how many will come; orders of a year, discounted.
    """
    import pyarrow

    tail = (1 - policy.level) / 2
    columns = [
        ("span", pyarrow.string()),
        ("repeat_count", pyarrow.int64()),
        ("recency_days", pyarrow.int64()),
        ("age_days", pyarrow.int64()),
        ("p_alive", pyarrow.float64()),
        ("expected_count", pyarrow.float64()),
        ("low_count", pyarrow.int64()),
        ("high_count", pyarrow.int64()),
        ("discounted_year_count", pyarrow.float64()),
    ]
    schema = pyarrow.schema(columns)
    parts = [schema.empty_table()]
    for span, parameters in _fitted(fitted, "orders").items():
        found = cells.query(
            _NAME,
            f"select repeat_count, recency_days, age_days, ahead_days from {_NAME} "
            f"where span = '{span}' order by repeat_count, recency_days, age_days",
        ).fetchnumpy()
        of_span = _of_columns(found, np.ones(len(found["age_days"]), dtype=np.int64))
        ahead = bg_nbd.Ahead(bg_nbd.Parameters(**parameters), of_span)
        time = float(found["ahead_days"][0]) / _WEEK
        values = [
            np.full(len(of_span.age), span),
            found["repeat_count"],
            found["recency_days"],
            found["age_days"],
            ahead.alive,
            ahead.expected(time),
            ahead.quantile(time, tail),
            ahead.quantile(time, 1 - tail),
            ahead.discounted(_YEAR, policy.discount_rate),
        ]
        parts.append(
            pyarrow.table(
                [
                    pyarrow.array(value, type=kind)
                    for value, (_, kind) in zip(values, columns, strict=True)
                ],
                schema=schema,
            )
        )
    return pyarrow.concat_tables(parts)


def spend_factors(spend_cells: Any, fitted: Any, policy: Policy) -> "pyarrow.Table":
    """Return what makes of a customer's spend the mean order that is expected of them.

    Args:
        spend_cells: DuckDB relation of ``int_value__spend_cells``.
        fitted: of ``int_value__fits``.
        policy: what the firm decided.

    Returns:
        One row per span that the model was fitted on and number of repeat orders, 0 included:
        (`prior_amount` + their amount) x `mean_factor` is the mean order; likewise the ends of its
        interval, null without an order of their own.
    """
    import pyarrow

    tail = (1 - policy.level) / 2
    rows: list[dict[str, Any]] = []
    for span, given in _fitted(fitted, "spend").items():
        parameters = gamma_gamma.Parameters(**given)
        counts = spend_cells.query(
            _NAME,
            f"select distinct spend_count from {_NAME} where span = '{span}' order by 1",
        ).fetchnumpy()["spend_count"]
        counts = np.concatenate([[0], counts]).astype(np.int64)
        figures = zip(
            counts,
            gamma_gamma.mean_factor(parameters, counts),
            gamma_gamma.quantile_factor(parameters, counts, tail),
            gamma_gamma.quantile_factor(parameters, counts, 1 - tail),
            strict=True,
        )
        rows += [
            {
                "span": span,
                "spend_count": int(count),
                "prior_amount": parameters.v,
                "mean_factor": float(mean),
                "low_factor": float(low) if count else None,
                "high_factor": float(high) if count else None,
            }
            for count, mean, low, high in figures
        ]
    return pyarrow.Table.from_pylist(
        rows,
        schema=pyarrow.schema(
            [
                ("span", pyarrow.string()),
                ("spend_count", pyarrow.int64()),
                *(
                    (name, pyarrow.float64())
                    for name in ("prior_amount", "mean_factor", "low_factor", "high_factor")
                ),
            ]
        ),
    )


def _cells(cells: Any, span: str) -> bg_nbd.Cells:
    found = cells.query(
        _NAME,
        f"select repeat_count, recency_days, age_days, customer_count from {_NAME} "
        f"where span = '{span}' order by repeat_count, recency_days, age_days",
    ).fetchnumpy()
    return _of_columns(found, found["customer_count"])


def _of_columns(found: Mapping[str, Any], weight: Any) -> bg_nbd.Cells:
    return bg_nbd.Cells(
        found["repeat_count"], found["recency_days"], found["age_days"], weight, ticks=_WEEK
    )


def _spenders(spend_cells: Any, span: str) -> gamma_gamma.Spenders:
    found = spend_cells.query(
        _NAME,
        f"select spend_count, spend_amount, customer_count from {_NAME} "
        f"where span = '{span}' order by spend_count, spend_amount",
    ).fetchnumpy()
    return gamma_gamma.Spenders(
        found["spend_count"], found["spend_amount"], found["customer_count"]
    )


def _rows(span: str, model: str, found: Maximum) -> list[dict[str, Any]]:
    fault = None if found.is_summit else NO_SUMMIT
    if fault is None and model == "spend" and not found.parameters[1] > 1:
        fault = NO_MEAN
    figures = zip(
        PARAMETERS[model],
        found.parameters,
        found.standard_errors,
        found.is_at_an_end,
        strict=True,
    )
    return [
        {
            "span": span,
            "model": model,
            "parameter": name,
            "estimate": None if fault else _kept(value),
            "standard_error": _kept(error) if not fault and np.isfinite(error) else None,
            "is_at_an_end": bool(is_at_an_end),
            "log_likelihood": None if fault else round(float(found.log_likelihood), 4),
            "fault": fault,
        }
        for name, value, error, is_at_an_end in figures
    ]


def _kept(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def _fitted(fitted: Any, model: str) -> dict[str, dict[str, float]]:
    """The parameters of each span that the model was fitted on."""
    found: dict[str, dict[str, float]] = {}
    for span, name, estimate in fitted.query(
        _NAME,
        f"select span, parameter, estimate from {_NAME} "
        f"where model = '{model}' and estimate is not null order by span, parameter",
    ).fetchall():
        found.setdefault(span, {})[name] = estimate
    return found
