"""Other customers like ours: weights of a Poisson bootstrap that are the same every night.

Drawing customers again at random, with as many of each as a Poisson number of mean 1, gives the
bases that could have come as well (Chamandy et al., "Estimating uncertainty for massive data
streams", Google 2012). The number is taken from a hash of customer and draw: it needs no memory
of other rows, no order and no seed of the day.
"""

import numpy as np
from numpy.typing import NDArray

from rapport.journey.paths import Keys

_STEP = np.uint64(0x9E3779B97F4A7C15)  # splitmix64 (Steele, Lea and Flood, OOPSLA 2014)
_FACTORS = (
    (np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)),
    (np.uint64(27), np.uint64(0x94D049BB133111EB)),
)
_PIECES = 4  # 16 bits suffice for a draw, and 64 come at once


def _poisson_table() -> NDArray[np.uint8]:
    """Poisson(1) of 65,536 equally likely numbers: probabilities to within one of 65,536."""
    probabilities = np.exp(-1) / np.cumprod([1.0, *range(1, 20)])
    middles = (np.arange(2**16) + 0.5) / 2**16
    return np.searchsorted(np.cumsum(probabilities), middles, side="right").astype(np.uint8)


_POISSON = _poisson_table()


def weights(customer: Keys, draws: int) -> NDArray[np.uint8]:
    """Return how often each customer is in each draw.

    Args:
        customer: 64-bit keys that look random (a digest of the id), shape ``(customers,)``.
        draws: how many.

    Returns:
        Poisson numbers of mean 1, shape ``(customers, draws)``; equal keys have equal rows, and
        more draws have the same first ones.

    Example:
        >>> weights(np.array([7, 7], dtype=np.uint64), 6).tolist()
        [[0, 0, 2, 1, 1, 3], [0, 0, 2, 1, 1, 3]]
    """
    blocks = -(-draws // _PIECES)
    steps = np.arange(1, blocks + 1, dtype=np.uint64) * _STEP
    mixed = customer[:, None] + steps[None, :]
    for shift, factor in _FACTORS:
        mixed ^= mixed >> shift
        mixed *= factor
    mixed ^= mixed >> np.uint64(31)
    pieces = mixed.astype("<u8", copy=False).view("<u2")[:, :draws]
    return _POISSON[pieces]
