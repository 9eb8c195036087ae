"""How good a classification is that says how sure it is."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


def confusion(
    truth: NDArray[np.str_], found: NDArray[np.str_], labels: Sequence[str]
) -> NDArray[np.int64]:
    """Return the counts of each true label (rows) called each label (columns)."""
    return np.array(
        [[int(((truth == a) & (found == b)).sum()) for b in labels] for a in labels], dtype=np.int64
    )


def f1_scores(matrix: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return F1 per label of a confusion matrix; 0 for a label that is never hit.

    Example:
        >>> f1_scores(np.array([[8, 2], [4, 6]])).round(3).tolist()
        [0.727, 0.667]
    """
    hits = np.diag(matrix).astype(float)
    return 2 * hits / np.maximum(matrix.sum(axis=0) + matrix.sum(axis=1), 1)


def calibration_error(
    confidence: NDArray[np.float64], is_right: NDArray[np.bool_], bins: int = 10
) -> float:
    """Return the expected calibration error: mean gap of confidence and hits, by equal bins.

    Source:
        Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks" (2017).

    Example:
        >>> round(calibration_error(np.array([0.9, 0.9]), np.array([True, False])), 2)
        0.4
    """
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    return sum(
        float((place == b).mean())
        * abs(float(confidence[place == b].mean()) - float(is_right[place == b].mean()))
        for b in np.unique(place)
    )


class Score(NamedTuple):
    """What is inferred of one company, against its truth.

    Attributes:
        labels: the types, and `unknown` last.
        matrix: true type against inferred type, of customers with history enough.
        calibration: calibration error of those among them whose type is inferred.
        calibration_of_all: the same of everybody whose type is inferred, newcomers too.
        no_recall: of the customers with history enough who want no relationship, the share
            that is found to want none.
        yes_precision: of those found to want one, the share that does.
        unknown_of_new: share of `unknown` among customers of less than 30 days.
    """

    labels: tuple[str, ...]
    matrix: NDArray[np.int64]
    calibration: float
    calibration_of_all: float
    no_recall: float
    yes_precision: float
    unknown_of_new: float

    @property
    def macro_f1(self) -> float:
        """Mean of F1 over the types; nobody is truly `unknown`, who is called so is missed."""
        return float(f1_scores(self.matrix)[:-1].mean())

    def report(self, name: str) -> str:
        """Return everything as Markdown."""
        scores = f1_scores(self.matrix)
        head = " | ".join(label.replace("_", " ") for label in self.labels)
        lines = [
            f"### {name}: {self.matrix.sum():,} customers, macro-F1 {self.macro_f1:.3f}, "
            f"calibration error {self.calibration:.3f} "
            f"({self.calibration_of_all:.3f} with newcomers)",
            "",
            f"Who wants no relationship is found: {self.no_recall:.3f}; of those found to want one "
            f"do: {self.yes_precision:.3f}; `unknown` among the customers of less than 30 days: "
            f"{self.unknown_of_new:.3f}.",
            "",
            f"| truly | F1 | {head} |",
            "|---|" + "--:|" * (len(self.labels) + 1),
        ]
        for label, score, counts in zip(self.labels[:-1], scores, self.matrix, strict=False):
            cells = " | ".join(f"{count:,}" for count in counts)
            lines.append(f"| {label.replace('_', ' ')} | {score:.3f} | {cells} |")
        return "\n".join(lines) + "\n"
