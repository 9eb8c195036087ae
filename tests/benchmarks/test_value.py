"""What is said of simulated people comes near what is true of them; the whole is a benchmark."""

import numpy as np
import pytest

from benchmarks.value.truth import calibration_error, score
from sandbox.simulate import Parameters


def test_a_calibration_error_is_by_how_much_bins_are_off():
    """Of two at 0.2 one was so: off by 0.3; of two at 0.9 both: off by 0.1."""
    said, was = np.array([0.2, 0.2, 0.9, 0.9]), np.array([True, False, True, True])
    assert calibration_error(said, was) == pytest.approx((2 * 0.3 + 2 * 0.1) / 4)


def test_who_lives_and_how_often_they_will_order_is_near_the_truth(tmp_path):
    found = score(tmp_path, Parameters(customers=2_000, days=540, seed=1))
    assert found.customers > 1_900
    assert found.calibration_error <= 0.05
    assert found.error < 0.7 * found.blind_error
