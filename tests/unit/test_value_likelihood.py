"""The maximum of a likelihood: a summit, an end of the range, or neither."""

import numpy as np
import pytest

from rapport.value.likelihood import MOST, maximum


def flat(parameters):
    """What tells nothing of where to go, so that all is left to Newton's steps."""
    return 0.0, np.zeros(len(parameters))


def test_along_a_ridge_that_rises_for_ever_the_other_parameters_have_their_summit():
    def ridge(parameters):
        one, other = parameters
        value = -(np.log(one) ** 2) - 1 / other
        slope = np.array([-2 * np.log(one) / one, 1 / other**2])
        curvature = np.diag([-2 * (1 - np.log(one)) / one**2, -2 / other**3])
        return value, slope, curvature

    found = maximum(flat, ridge, [(3.0, 10.0)])
    assert found.is_summit
    assert found.is_at_an_end.tolist() == [False, True]
    assert found.parameters[0] == pytest.approx(1)
    assert found.parameters[1] == pytest.approx(MOST, rel=0.02)
    # -d2/dy2 of -y^2 is 2
    assert found.standard_errors[0] == pytest.approx(1 / np.sqrt(2))
    assert np.isnan(found.standard_errors[1])


def test_where_it_falls_to_no_side_there_is_no_summit():
    def level(parameters):
        return 0.0, np.zeros(2), np.zeros((2, 2))

    assert not maximum(flat, level, [(1.0, 1.0), (2.0, 3.0)]).is_summit
