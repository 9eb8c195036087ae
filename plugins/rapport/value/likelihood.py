"""The highest point of a likelihood of a few positive parameters, and how sharp it is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST, MOST = 1e-5, 1e5
"""Within which parameters are sought; data of which one is at an end do not tell it."""

_STEP = 1e-4  # of the logarithm of a parameter, for differences of gradients
_NEAR = 1e-2  # so near to an end, in the logarithm, is at the end


@dataclass(frozen=True)
class Maximum:
    """Where a likelihood is highest.

    Attributes:
        parameters: there, shape ``(parameters,)``.
        standard_errors: of them, from the curvature in their logarithms by the delta method; nan
            for a parameter at an end of its range, and for all where the point is no summit.
        log_likelihood: there.
        is_summit: whether it falls to all sides.
    """

    parameters: Floats
    standard_errors: Floats
    log_likelihood: float
    is_summit: bool

    @property
    def is_at_an_end(self) -> NDArray[np.bool_]:
        """Which parameters the data push to an end of their range."""
        place = np.log(self.parameters)
        near: NDArray[np.bool_] = (place < np.log(LEAST) + _NEAR) | (place > np.log(MOST) - _NEAR)
        return near


def maximum(
    likelihood: Callable[[Floats], tuple[float, Floats]], starts: Sequence[Sequence[float]]
) -> Maximum:
    """Return the maximum, sought from one start after another until one leads to a summit.

    Parameters are moved in their logarithms: they stay positive, and their scales matter little.
    L-BFGS-B comes near, Newton's steps on differences of the gradient to the last digits.

    Args:
        likelihood: gives for parameters the logarithm of the likelihood and its gradient by the
            parameters themselves; divided by the number of observations or so, as tolerances are
            of a figure of that size.
        starts: parameters to start from.
    """
    from scipy.optimize import minimize

    def downhill(place: Floats) -> tuple[float, Floats]:
        parameters = np.exp(place)
        value, gradient = likelihood(parameters)
        return -value, -gradient * parameters

    best: Maximum | None = None
    for start in starts:
        found = minimize(
            downhill,
            np.log(start),
            jac=True,
            method="L-BFGS-B",
            bounds=[(np.log(LEAST), np.log(MOST))] * len(start),
            options={"ftol": 1e-12, "gtol": 1e-7, "maxiter": 500},
        )
        reached = _sharpened(downhill, found.x)
        if best is None or reached.log_likelihood > best.log_likelihood:
            best = reached
        if best.is_summit:
            break
    if best is None:
        raise ValueError("a maximum is sought from one start at the least")
    return best


def _sharpened(downhill: Callable[[Floats], tuple[float, Floats]], place: Floats) -> Maximum:
    """Newton's steps where they lead on, and the curvature where they end."""
    low, high = np.log(LEAST), np.log(MOST)
    free = np.flatnonzero((place > low + _NEAR) & (place < high - _NEAR))
    value, gradient = downhill(place)
    curvature = _curvature(downhill, place, free)
    for _ in range(4):
        if not _is_positive(curvature):
            break
        step = np.zeros_like(place)
        step[free] = np.linalg.solve(curvature, gradient[free])
        onward = np.clip(place - step, low, high)
        next_value, next_gradient = downhill(onward)
        if not next_value <= value or np.abs(step).max(initial=0) < 1e-9:
            break
        place, value, gradient = onward, next_value, next_gradient
        curvature = _curvature(downhill, place, free)
    errors = np.full(len(place), np.nan)
    # a slope that is left is a summit that was not reached
    is_summit = _is_positive(curvature) and np.abs(gradient[free]).max(initial=0) < 1e-5
    if is_summit:
        errors[free] = np.sqrt(np.diag(np.linalg.inv(curvature)))
    return Maximum(np.exp(place), errors * np.exp(place), -value, bool(is_summit))


def _curvature(
    downhill: Callable[[Floats], tuple[float, Floats]], place: Floats, free: Ints
) -> Floats:
    rows = []
    for at in free:
        step = np.zeros_like(place)
        step[at] = _STEP
        above, below = downhill(place + step)[1], downhill(place - step)[1]
        rows.append((above - below)[free] / (2 * _STEP))
    curvature = np.array(rows).reshape(len(free), len(free))
    return (curvature + curvature.T) / 2


def _is_positive(curvature: Floats) -> bool:
    if not np.isfinite(curvature).all():
        return False
    return bool(curvature.size > 0 and np.linalg.eigvalsh(curvature).min() > 1e-9)
