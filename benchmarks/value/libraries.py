"""Fit and score with a library, in an environment of its own: `libraries.py NAME FILE ANSWER`.

FILE is a CSV of customers: frequency, recency and T in weeks, monetary_value. Reading it
and importing the library are not measured. ANSWER gets, as JSON, the parameters, the seconds, the
seconds of the processor and the peak of memory.
"""

import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

AHEAD = 90 / 7


def lifetimes(customers):
    from lifetimes import BetaGeoFitter, GammaGammaFitter

    def work():
        orders = BetaGeoFitter()
        told = customers["frequency"], customers["recency"], customers["T"]
        orders.fit(*told)
        orders.conditional_probability_alive(*told)
        orders.conditional_expected_number_of_purchases_up_to_time(AHEAD, *told)
        again = customers[customers["frequency"] > 0]
        spend = GammaGammaFitter()
        spend.fit(again["frequency"], again["monetary_value"])
        spend.conditional_expected_average_profit(
            customers["frequency"], customers["monetary_value"]
        )
        return [orders.params_[name] for name in ("r", "alpha", "a", "b")], [
            spend.params_[name] for name in ("p", "q", "v")
        ]

    return work


def pymc(customers):
    from pymc_marketing import clv

    def work():
        orders = clv.BetaGeoModel(data=customers)
        orders.fit(method="map", progressbar=False)
        orders.expected_probability_alive()
        orders.expected_purchases(future_t=AHEAD)
        again = customers[customers["frequency"] > 0]
        spend = clv.GammaGammaModel(data=again)
        spend.fit(method="map", progressbar=False)
        spend.expected_customer_spend(data=customers)
        return tuple(
            [float(np.squeeze(model.fit_result[name])) for name in names]
            for model, names in ((orders, ("r", "alpha", "a", "b")), (spend, ("p", "q", "v")))
        )

    return work


def peak():
    """Most memory of this process so far, in MB; what started it does not count."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def main():
    name, file, answer = sys.argv[1:]
    warnings.filterwarnings("ignore")
    customers = pd.read_csv(file)
    work = {"lifetimes": lifetimes, "pymc-marketing": pymc}[name](customers)
    began, cpu = time.monotonic(), time.process_time()
    orders, spend = work()
    seconds, cpu = time.monotonic() - began, time.process_time() - cpu
    told = {"seconds": seconds, "cpu": cpu, "peak": peak()}
    for model, parameters in (("orders", orders), ("spend", spend)):
        told[model] = [float(each) for each in parameters]
    Path(answer).write_text(json.dumps(told))


if __name__ == "__main__":
    main()
