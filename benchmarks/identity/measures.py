"""Precision and recall of a partition against the true one."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

HEADER = (
    "| data | method | records | people | customers | pair precision | pair recall | pair F1 "
    "| cluster precision | cluster recall |\n|---|---|--:|--:|--:|--:|--:|--:|--:|--:|"
)


class Score(NamedTuple):
    """How a partition of records compares with the true one.

    Attributes:
        pair_precision: share of the pairs put together that belong together.
        pair_recall: share of the pairs that belong together that were put together.
        cluster_precision: share of the customers found who are exactly one person, all of them.
        cluster_recall: share of the people who were found exactly.
    """

    records: int
    people: int
    customers: int
    pair_precision: float
    pair_recall: float
    cluster_precision: float
    cluster_recall: float

    @property
    def pair_f1(self) -> float:
        """Harmonic mean of the pairs' precision and recall; 0 where nothing right was found."""
        both = self.pair_precision + self.pair_recall
        return 2 * self.pair_precision * self.pair_recall / both if both else 0.0

    def row(self, data: str, method: str) -> str:
        """Return a line of the table under ``HEADER``."""
        shares = (self.pair_precision, self.pair_recall, self.pair_f1, *self[5:])
        counts = " | ".join(f"{count:,}" for count in self[:3])
        return f"| {data} | {method} | {counts} | " + " | ".join(f"{x:.4f}" for x in shares) + " |"


def score(found: NDArray, truth: NDArray) -> Score:
    """Compare the customer found for each record with the person it is of.

    Example:
        >>> score(np.array([1, 1, 2, 2]), np.array([1, 1, 1, 2]))[3:5]
        (0.5, 0.3333333333333333)
    """
    _, found = np.unique(found, return_inverse=True)
    _, truth = np.unique(truth, return_inverse=True)
    both, sizes = np.unique(np.stack([found, truth], axis=1), axis=0, return_counts=True)
    of_found, of_truth = np.bincount(found), np.bincount(truth)
    right, put, belong = (int((n * (n - 1) // 2).sum()) for n in (sizes, of_found, of_truth))
    exact = ((sizes == of_found[both[:, 0]]) & (sizes == of_truth[both[:, 1]])).sum()
    return Score(
        records=len(found),
        people=len(of_truth),
        customers=len(of_found),
        pair_precision=right / max(put, 1),
        pair_recall=right / max(belong, 1),
        cluster_precision=float(exact / len(of_found)),
        cluster_recall=float(exact / len(of_truth)),
    )
