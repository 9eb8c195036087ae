"""Gamma-Gamma: against the plain formula and what a simulation of its own story gives."""

import numpy as np
import pytest
from scipy.special import gammaln

from rapport.value import gamma_gamma
from rapport.value.gamma_gamma import Parameters, Spenders

TRUTH = Parameters(6.0, 4.0, 15.0)


def company(seed: int, customers: int) -> tuple[Spenders, np.ndarray]:
    """Customers who spend by the story of the model, and the true mean of each."""
    random = np.random.default_rng(seed)
    scale = random.gamma(TRUTH.q, 1 / TRUTH.v, customers)
    orders = random.geometric(0.3, customers)
    amount = random.gamma(TRUTH.p * orders, 1 / scale)
    return Spenders(orders, amount, np.ones(customers, dtype=int)), TRUTH.p / scale


def plain_likelihood(parameters: Parameters, of: Spenders) -> float:
    p, q, v = parameters
    x, mean = of.orders, of.amount / of.orders
    each = (
        gammaln(p * x + q)
        - gammaln(p * x)
        - gammaln(q)
        + q * np.log(v)
        + (p * x - 1) * np.log(mean)
        + p * x * np.log(x)
        - (p * x + q) * np.log(v + x * mean)
    )
    return float(of.weight @ each)


@pytest.fixture(scope="module")
def some():
    return company(1, 4000)[0]


@pytest.fixture(scope="module")
def found(some):
    return gamma_gamma.fit(some)


def test_the_likelihood_is_that_of_the_paper_and_highest_there(some, found):
    parameters = Parameters(*found.parameters)
    assert found.log_likelihood == pytest.approx(plain_likelihood(parameters, some), rel=1e-10)
    for place in range(3):
        for factor in (0.99, 1.01):
            near = found.parameters.copy()
            near[place] *= factor
            assert plain_likelihood(Parameters(*near), some) < found.log_likelihood


def test_the_truth_is_within_the_standard_errors(found):
    assert found.is_summit
    assert np.abs((found.parameters - TRUTH) / found.standard_errors).max() < 3


def test_another_currency_changes_v_and_nothing_else(some, found):
    dear = gamma_gamma.fit(Spenders(some.orders, some.amount * 25_000, some.weight))
    assert dear.parameters == pytest.approx(found.parameters * (1, 1, 25_000), rel=1e-6)
    assert dear.standard_errors == pytest.approx(found.standard_errors * (1, 1, 25_000), rel=1e-5)


def test_a_fit_that_began_on_rounded_amounts_ends_where_one_on_all_does(some, found, monkeypatch):
    monkeypatch.setattr(gamma_gamma, "_MANY", 100)
    assert gamma_gamma.fit(some).parameters == pytest.approx(found.parameters, rel=1e-6)


def test_the_mean_is_that_of_the_customer_the_more_the_more_they_ordered():
    """Whose mean is 60 where that of all is 30: after nothing 30, after very much 60."""
    orders = np.array([0, 1, 10, 1000])
    means = (TRUTH.v + 60.0 * orders) * gamma_gamma.mean_factor(TRUTH, orders)
    assert means[0] == pytest.approx(TRUTH.p * TRUTH.v / (TRUTH.q - 1))
    assert (np.diff(means) > 0).all()
    assert means[-1] == pytest.approx(60, rel=0.01)


def test_the_interval_holds_the_true_mean_as_often_as_it_says():
    some, truth = company(2, 20_000)
    low, high = (
        (TRUTH.v + some.amount) * gamma_gamma.quantile_factor(TRUTH, some.orders, share)
        for share in (0.025, 0.975)
    )
    assert ((low <= truth) & (truth <= high)).mean() == pytest.approx(0.95, abs=0.005)


def test_without_a_mean_there_is_none():
    wide = Parameters(6.0, 0.9, 15.0)
    none, some = gamma_gamma.mean_factor(wide, np.array([0, 1]))
    assert np.isnan(none)
    assert some == pytest.approx(6.0 / 5.9)


def test_customers_who_all_spend_the_same_are_refused():
    with pytest.raises(ValueError, match="differ"):
        gamma_gamma.fit(Spenders(np.array([1, 2]), np.array([5.0, 10.0]), np.array([9, 9])))


def test_an_amount_of_nothing_is_refused():
    with pytest.raises(ValueError, match="above 0"):
        Spenders(np.array([1]), np.array([0.0]), np.array([1]))
