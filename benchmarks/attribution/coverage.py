"""How often the intervals hold the truth: ``python -m benchmarks.attribution.coverage``.

Simulates companies whose customers differ in what they do and come back with more journeys, and
asks of each what channels are owed. The truth of a model is what it says of a company two hundred
times as large, per customer. An interval of 95 in 100 should hold that of 95 companies in 100.
"""

import argparse

import numpy as np

from rapport.journey.attribution import MODELS, Policy, attribute
from rapport.journey.paths import Journeys, Paths

CHANNELS = 6
TIMES = 200


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="benchmarks.attribution.coverage",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--customers", type=int, nargs="+", default=[500, 2000, 8000])
    parser.add_argument("--companies", type=int, default=200)
    parser.add_argument("--draws", type=int, default=200)
    options = parser.parse_args()
    print("| customers | conversions | of | " + " | ".join(MODELS) + " |")
    print("|--:|--:|---|" + "--:|" * len(MODELS))
    for customers in options.customers:
        held, conversions = _held(customers, options.companies, options.draws)
        for name, shares in zip(("conversions", "money"), held, strict=True):
            figures = " | ".join(f"{share:.3f}" for share in shares)
            print(f"| {customers:,} | {conversions:,.0f} | {name} | {figures} |", flush=True)


def company(seed: int, customers: int) -> tuple[Paths, Journeys]:
    """Return journeys of customers who each have channels they like and a will to buy."""
    random = np.random.default_rng(seed)
    key = np.repeat(
        random.integers(0, 2**64, customers, dtype=np.uint64), random.geometric(0.5, customers)
    )
    _, customer = np.unique(key, return_inverse=True)
    liked = random.dirichlet(np.array([4, 3, 2, 1.5, 1, 0.5]), customers).cumsum(axis=1)
    will = random.beta(1, 4, customers)
    length = random.geometric(0.4, len(key))
    owner = np.repeat(np.arange(len(key)), length)
    choice = random.random(len(owner))[:, None] > liked[customer[owner]]
    channel = np.minimum(choice.sum(axis=1), CHANNELS - 1)
    helps = np.array([0.0, 0.02, 0.05, 0.1, 0.15, 0.2])
    rate = will[customer] + np.bincount(owner, helps[channel], minlength=len(key))
    is_converted = random.random(len(key)) < np.minimum(rate, 0.9)
    value = np.where(is_converted, random.gamma(2, 20 * (1 + will[customer])), 0)
    return (
        Paths(channel, channel == 0, length),
        Journeys(
            np.arange(len(key)),
            key,
            is_converted,
            value,
            random.exponential(100, len(owner))[is_converted[owner]],
        ),
    )


def _held(customers: int, companies: int, draws: int) -> tuple[np.ndarray, float]:
    """Share of channels and companies whose interval holds the truth, by figure and model."""
    quiet = Policy(draws=0, prior_journeys=10 * TIMES)
    whole = attribute(*company(0, customers * TIMES), CHANNELS, quiet)
    truth = np.stack([whole.count, whole.amount])[..., :CHANNELS] / TIMES
    policy = Policy(draws=draws, prior_journeys=10)
    hits = np.zeros((2, len(MODELS), CHANNELS))
    for seed in range(1, companies + 1):
        found = attribute(*company(seed, customers), CHANNELS, policy)
        low = np.stack([found.count_low, found.amount_low])[..., :CHANNELS]
        high = np.stack([found.count_high, found.amount_high])[..., :CHANNELS]
        hits += (low <= truth) & (truth <= high)
    return hits.mean(axis=2) / companies, truth[0, 0].sum()


if __name__ == "__main__":
    main()
