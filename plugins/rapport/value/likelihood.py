"""The highest point of a likelihood of a few positive parameters, and how sharp it is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Sloped = Callable[[Floats], tuple[float, Floats]]
"""Gives for parameters the logarithm of a likelihood and its gradient."""

Curved = Callable[[Floats], tuple[float, Floats, Floats]]
"""The same and the matrix of second derivatives."""

LEAST, MOST = 1e-5, 1e5
"""Within which parameters are sought; data of which one is at an end do not tell it."""

_NEAR = 1e-2  # so near to an end, in the logarithm, is at the end
_MOST_STEPS = 50
_NOTHING = 1e-14  # gain of a step, per observation, that is not worth it


@dataclass(frozen=True)
class Maximum:
    """Where a likelihood is highest.

    Attributes:
        parameters: there, shape ``(parameters,)``.
        standard_errors: of them, from the curvature in their logarithms by the delta method; nan
            for a parameter at an end of its range, and for all where the point is no summit.
        is_at_an_end: which the data push to an end of their range, same shape.
        log_likelihood: there.
        is_summit: whether it falls to all sides.
    """

    parameters: Floats
    standard_errors: Floats
    is_at_an_end: NDArray[np.bool_]
    log_likelihood: float
    is_summit: bool

    def of_all(self, size: int, units: Sequence[float], moved: float) -> "Maximum":
        """Return what a mean over observations, in other units, says of all of them.

        Args:
            size: how many observations.
            units: what the parameters are to be multiplied by.
            moved: what the other units add to the logarithm of the likelihood.
        """
        return Maximum(
            self.parameters * units,
            self.standard_errors * units / np.sqrt(size),
            self.is_at_an_end,
            self.log_likelihood * size + moved,
            self.is_summit,
        )


def maximum(near: Sloped, likelihood: Curved, starts: Sequence[Sequence[float]]) -> Maximum:
    """Return the maximum, sought from one start after another until one leads to a summit inside.

    Parameters are moved in their logarithms: they stay positive, and their scales matter little.
    L-BFGS-B comes near, over data that may be coarser, and Newton's steps go on to the last digits.

    Args:
        near: what is searched first; it may be of fewer observations, or rounded ones.
        likelihood: whose maximum is wanted. Both are divided by the number of observations or so,
            as tolerances are of figures of that size.
        starts: parameters to start from.
    """
    best: Maximum | None = None
    for start in starts:
        reached = _sharpened(likelihood, _come_near(near, np.log(start)))
        if best is None or reached.log_likelihood > best.log_likelihood:
            best = reached
        if best.is_summit and not best.is_at_an_end.any():
            break
    if best is None:
        raise ValueError("a maximum is sought from one start at the least")
    return best


def _come_near(near: Sloped, place: Floats) -> Floats:
    from scipy.optimize import minimize

    def downhill(place: Floats) -> tuple[float, Floats]:
        parameters = np.exp(place)
        value, gradient = near(parameters)
        return -value, -gradient * parameters

    found = minimize(
        downhill,
        place,
        jac=True,
        method="L-BFGS-B",
        bounds=[(np.log(LEAST), np.log(MOST))] * len(place),
        options={"ftol": 1e-11, "gtol": 1e-6, "maxiter": 500},
    )
    reached: Floats = found.x
    return reached


def _sharpened(likelihood: Curved, place: Floats) -> Maximum:
    """Newton's steps uphill, and the curvature where they end.

    A parameter at an end of its range stays there, also one that the steps lead to it: along a
    ridge that rises for ever there is no summit but in the others.
    """
    is_free = _is_within(place)
    while True:
        place, value, slope, curvature = _climbed(likelihood, place, np.flatnonzero(is_free))
        stays = is_free & _is_within(place)
        if (stays == is_free).all():
            break
        is_free = stays
    free = np.flatnonzero(is_free)
    errors = np.full(len(place), np.nan)
    sharpness = np.linalg.eigvalsh(-curvature) if len(free) else np.zeros(1)
    # a slope that is left is a summit that was not reached
    is_summit = bool(sharpness.min() > 1e-9 and np.abs(slope).max(initial=0) < 1e-6)
    if is_summit:
        errors[free] = np.sqrt(np.diag(np.linalg.inv(-curvature)))
    return Maximum(np.exp(place), errors * np.exp(place), ~is_free, value, is_summit)


def _is_within(place: Floats) -> NDArray[np.bool_]:
    """Which parameters are not at an end of their range."""
    within: NDArray[np.bool_] = (place > np.log(LEAST) + _NEAR) & (place < np.log(MOST) - _NEAR)
    return within


def _climbed(likelihood: Curved, place: Floats, free: Ints) -> tuple[Floats, float, Floats, Floats]:
    """Newton's steps of the parameters that are free, each shortened until it leads up.

    Returns:
        Where they end, and value, slope and curvature there.
    """
    low, high = np.log(LEAST), np.log(MOST)
    value, slope, curvature = _in_logarithms(likelihood, place, free)
    for _ in range(_MOST_STEPS):
        step = np.zeros_like(place)
        step[free] = _uphill(slope, curvature)
        if step[free] @ slope < _NOTHING:
            break
        onward = np.clip(place + step, low, high)
        following = _in_logarithms(likelihood, onward, free)
        while not following[0] > value and np.abs(step).max() > 1e-10:
            step /= 4
            onward = np.clip(place + step, low, high)
            following = _in_logarithms(likelihood, onward, free)
        if not following[0] > value:
            break
        place, (value, slope, curvature) = onward, following
    return place, value, slope, curvature


def _in_logarithms(likelihood: Curved, place: Floats, free: Ints) -> tuple[float, Floats, Floats]:
    """Value, slope and curvature by the logarithms of the parameters that are free."""
    parameters = np.exp(place)
    value, gradient, curvature = likelihood(parameters)
    slope = gradient * parameters
    bent = curvature * np.outer(parameters, parameters) + np.diag(slope)
    return value, slope[free], bent[np.ix_(free, free)]


def _uphill(slope: Floats, curvature: Floats) -> Floats:
    """Newton's step, of directions that do not bend down as though they did; at most e-fold."""
    bends, directions = np.linalg.eigh(-curvature)
    along = directions.T @ slope / np.maximum(np.abs(bends), 1e-9)
    step: Floats = directions @ along
    return step / max(1.0, float(np.abs(step).max(initial=0)))
