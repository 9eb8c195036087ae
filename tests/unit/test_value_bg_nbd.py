"""BG/NBD: against the plain formulas and what a simulation of its own story gives."""

import numpy as np
import pytest
from scipy.special import betaln, gammaln, hyp2f1
from scipy.stats import beta, gamma

from rapport.value import bg_nbd
from rapport.value.bg_nbd import Ahead, Cells, Parameters

CDNOW = Parameters(0.243, 4.414, 0.793, 2.426)


def cells(*rows: tuple[int, int, int, int], ticks: float = 1.0) -> Cells:
    repeats, recency, age, weight = (np.array(each) for each in zip(*rows, strict=True))
    return Cells(repeats, recency, age, weight, ticks)


def company(seed: int, customers: int, parameters: Parameters, weeks: int = 78) -> Cells:
    """Customers who live by the story of the model, told in days."""
    random = np.random.default_rng(seed)
    age = random.integers(7, 7 * weeks, customers)
    rate = random.gamma(parameters.r, 1 / parameters.alpha, customers) / 7
    leaves = random.beta(parameters.a, parameters.b, customers)
    repeats, last = np.zeros(customers, dtype=int), np.zeros(customers)
    now, living = np.zeros(customers), np.ones(customers, dtype=bool)
    while living.any():
        now = now + random.exponential(1 / rate)
        living &= now <= age
        repeats, last = repeats + living, np.where(living, now, last)
        living &= random.random(customers) >= leaves
    return Cells(repeats, last.astype(int), age, np.ones(customers, dtype=int), ticks=7)


def plain_likelihood(parameters: Parameters, of: Cells) -> float:
    """Equation 6 as it is printed, a term after the other."""
    r, alpha, a, b = parameters
    total = 0.0
    for x, recency, age, weight in zip(of.repeats, of.recency, of.age, of.weight, strict=True):
        last, end = recency / of.ticks, age / of.ticks
        rates = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
        lives = betaln(a, b + x) - betaln(a, b) - (r + x) * np.log(alpha + end)
        left = -np.inf
        if x > 0:
            left = betaln(a + 1, b + x - 1) - betaln(a, b) - (r + x) * np.log(alpha + last)
        total += weight * (rates + np.logaddexp(lives, left))
    return total


@pytest.fixture(scope="module")
def some():
    return company(1, 2000, Parameters(0.9, 6.0, 0.8, 5.0))


@pytest.fixture(scope="module")
def found(some):
    return bg_nbd.fit(some)


def test_the_likelihood_is_that_of_the_paper(some, found):
    parameters = Parameters(*found.parameters)
    assert found.log_likelihood == pytest.approx(plain_likelihood(parameters, some), rel=1e-10)


def test_nothing_near_the_maximum_is_higher(some, found):
    for place in range(4):
        for factor in (0.99, 1.01):
            near = found.parameters.copy()
            near[place] *= factor
            assert plain_likelihood(Parameters(*near), some) < found.log_likelihood


def test_the_truth_is_within_the_standard_errors(found):
    assert found.is_summit
    off = (found.parameters - (0.9, 6.0, 0.8, 5.0)) / found.standard_errors
    assert np.abs(off).max() < 3


def test_standard_errors_are_as_wide_as_parameters_scatter():
    """Sixty companies of the same truth; their scatter is known to a tenth."""
    truth = Parameters(1.2, 8.0, 1.5, 6.0)
    fits = [bg_nbd.fit(company(seed, 1000, truth)) for seed in range(60)]
    scatter = np.std(np.log([each.parameters for each in fits]), axis=0)
    told = np.median([each.standard_errors / each.parameters for each in fits], axis=0)
    assert told[:2] == pytest.approx(scatter[:2], rel=0.35)


def test_cells_are_customers_with_a_weight(some, found):
    kept, weight = np.unique(
        np.stack([some.repeats, some.recency, some.age]), axis=1, return_counts=True
    )
    alike = bg_nbd.fit(Cells(*kept, weight, ticks=7))
    assert alike.parameters == pytest.approx(found.parameters, rel=1e-6)
    assert alike.log_likelihood == pytest.approx(found.log_likelihood, rel=1e-12)


def test_the_unit_of_time_changes_alpha_and_nothing_else(some, found):
    in_days = bg_nbd.fit(Cells(some.repeats, some.recency, some.age, some.weight, ticks=1))
    scale = np.array([1, 7, 1, 1])
    assert in_days.parameters == pytest.approx(found.parameters * scale, rel=1e-6)
    assert in_days.standard_errors == pytest.approx(found.standard_errors * scale, rel=1e-5)
    # a density of a time in weeks is seven times that in days
    of_times = some.repeats.sum() * np.log(7)
    assert in_days.log_likelihood == pytest.approx(found.log_likelihood - of_times, rel=1e-10)
    of_days = Cells(some.repeats, some.recency, some.age, some.weight, ticks=1)
    by_day, by_week = (
        Ahead(Parameters(*fitted.parameters), given)
        for fitted, given in ((in_days, of_days), (found, some))
    )
    assert by_day.alive == pytest.approx(by_week.alive, rel=1e-5)
    assert by_day.expected(90.0) == pytest.approx(by_week.expected(90 / 7), rel=1e-5)
    assert (by_day.quantile(90.0, 0.9) == by_week.quantile(90 / 7, 0.9)).all()


def test_a_fit_that_began_on_rounded_times_ends_where_one_on_all_does(some, found, monkeypatch):
    monkeypatch.setattr(bg_nbd, "_MANY", 100)
    assert bg_nbd.fit(some).parameters == pytest.approx(found.parameters, rel=1e-6)


def test_rounding_keeps_every_customer_and_their_orders(some):
    fewer = some.rounded(8)
    assert len(fewer.age) < len(some.age)
    assert fewer.customers == some.customers
    assert fewer.repeats @ fewer.weight == some.repeats @ some.weight
    assert fewer.age @ fewer.weight == pytest.approx(some.age @ some.weight, rel=0.01)


def test_orders_ahead_are_those_of_the_paper_s_equation():
    """Equation 10 with the hypergeometric function as it is printed."""
    r, alpha, a, b = CDNOW
    x, last, age, time = 2, 30.43, 38.86, 39.0
    fraction = 1 - ((alpha + age) / (alpha + age + time)) ** (r + x) * hyp2f1(
        r + x, b + x, a + b + x - 1, time / (alpha + age + time)
    )
    odds = a / (b + x - 1) * ((alpha + age) / (alpha + last)) ** (r + x)
    expected = (a + b + x - 1) / (a - 1) * fraction / (1 + odds)
    ahead = Ahead(CDNOW, cells((2, 3043, 3886, 1), ticks=100))
    assert expected == pytest.approx(1.226, abs=5e-4)
    assert ahead.expected(time) == pytest.approx([expected], rel=1e-9)


@pytest.mark.parametrize(
    ("parameters", "repeats", "age"),
    [
        (CDNOW, 0, 39.0),
        (Parameters(0.9, 20.0, 1.0, 6.0), 3, 50.0),  # a gap of the formula, at a = 1
        (Parameters(5.0, 2.0, 0.05, 20.0), 900, 400.0),  # whose power and function overflow
        (Parameters(80.0, 60.0, 30.0, 900.0), 40, 30.0),
        (Parameters(1e-5, 0.01, 1e-5, 1e5), 0, 0.0),  # at the ends of their ranges
        (Parameters(1e5, 1e5, 1e5, 1e-5), 1, 52.0),
    ],
)
def test_orders_ahead_are_those_of_customers_of_every_likelihood_to_leave(parameters, repeats, age):
    """Who leaves with p orders (1 - exp(-rate p time)) / p times, on average over a Gamma."""
    r, alpha, a, b = parameters
    time = 13.0
    leaves = np.maximum(beta.ppf((np.arange(50_000) + 0.5) / 50_000, a, b + repeats), 1e-12)
    lived = -np.expm1(-(r + repeats) * np.log1p(leaves * time / (alpha + age))) / leaves
    ahead = Ahead(parameters, cells((repeats, int(age), int(age), 1)))
    assert ahead.expected(time) / ahead.alive == pytest.approx([lived.mean()], rel=1e-4)


def test_who_never_came_back_is_alive_and_who_is_late_for_their_rhythm_hardly():
    weekly_and_gone, weekly, once = bg_nbd.alive(
        CDNOW, cells((20, 140, 270, 1), (20, 265, 270, 1), (0, 0, 270, 1), ticks=7)
    )
    assert once == 1
    assert weekly > 0.9
    assert weekly_and_gone < 0.01


def test_the_interval_holds_what_those_alike_will_do():
    """Two hundred thousand futures of one customer, drawn from what is known of them."""
    of = cells((6, 200, 210, 1), ticks=7)
    r, alpha, a, b = CDNOW
    random = np.random.default_rng(3)
    size, time = 200_000, 20.0
    rate = gamma.rvs(r + 6, scale=1 / (alpha + 30), size=size, random_state=random)
    leaves = beta.rvs(a, b + 6, size=size, random_state=random)
    alive = random.random(size) < bg_nbd.alive(CDNOW, of)[0]
    meant = random.poisson(rate * time)
    last = random.geometric(leaves)  # the order that they leave after
    orders = np.where(alive, np.minimum(meant, last), 0)
    ahead = Ahead(CDNOW, of)
    assert ahead.expected(time)[0] == pytest.approx(orders.mean(), rel=0.02)
    for share in (0.025, 0.25, 0.5, 0.9, 0.975):
        [most] = ahead.quantile(time, share)
        assert (orders <= most).mean() > share - 0.003
        assert most == 0 or (orders <= most - 1).mean() < share + 0.003


def test_an_order_of_a_year_is_worth_less_than_one_of_tomorrow():
    of = cells((6, 200, 210, 1), (0, 0, 100, 1), ticks=7)
    ahead = Ahead(CDNOW, of)
    whole, later = ahead.discounted(52.0, 0.0), ahead.discounted(52.0, 0.1)
    assert whole == pytest.approx(ahead.expected(52.0))
    assert (whole / 1.1 < later).all()
    assert (later < whole).all()
    assert later == pytest.approx(ahead.discounted(52.0, 0.1, parts=400), rel=1e-4)


def test_customers_who_all_order_at_one_rate_push_parameters_to_the_end():
    """Everybody orders every ten days and nobody leaves: no spread of rates is left to tell."""
    steady = cells(*((age // 10, age // 10 * 10, age, 20) for age in range(20, 120, 5)))
    found = bg_nbd.fit(steady)
    assert found.is_at_an_end.any() or not found.is_summit
    assert np.isnan(found.standard_errors[found.is_at_an_end]).all()


@pytest.mark.parametrize("nobody", [[], [(0, 0, 0, 4)]])
def test_nobody_to_tell_anything_is_refused(nobody):
    empty = Cells(*(np.array([row[place] for row in nobody], dtype=int) for place in range(4)))
    with pytest.raises(ValueError, match="needs somebody"):
        bg_nbd.fit(empty)


def test_an_order_after_the_end_is_refused():
    with pytest.raises(ValueError, match="after the end"):
        cells((1, 11, 10, 1))
