"""A million customers fitted and scored, beside others: ``python -m benchmarks.value``.

The models of value are built by dbt in a warehouse of orders alone, from the purchases to
`dim_customer_value`, in a process of its own. Then the same customers, already counted, are fitted
and scored in memory by this project and by two libraries, each in a process of its own and on the
largest size that it bears within the time: the parameters of both models, `p_alive`, the orders
expected in 90 days and the mean order of each customer; this project's intervals and year beside.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import numpy as np

from benchmarks.value import firm
from benchmarks.value.libraries import peak
from rapport.settings import PROJECT_DIR, WAREHOUSE_FILE
from rapport.value import bg_nbd, gamma_gamma

LOCK = PROJECT_DIR / "requirements" / "reference-value.lock"
SIZES = (1_000_000, 100_000, 10_000)
LIBRARIES = ("lifetimes", "pymc-marketing")
AHEAD = 90 / 7
# A second thread of BLAS waits for the first most of the time, and what waits counts as work.
ALONE = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="benchmarks.value",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--folder", type=Path, default=PROJECT_DIR / "var" / "benchmarks" / "value")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="the largest first")
    parser.add_argument("--minutes", type=float, default=15, help="that a library may take (15)")
    parser.add_argument("--of", choices=["dbt", "ours"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.of:
        told = {"dbt": _dbt, "ours": _ours}[options.of](options.folder)
        print(json.dumps(told | {"peak": peak()}))
        return
    python = _environment(options.folder / "environment")
    print("| | customers | s | CPU s | peak MB | log-likelihood |\n|---|--:|--:|--:|--:|--:|")
    largest = options.sizes[0]
    made = {size: _made(options.folder / str(size), size) for size in options.sizes}
    whole = _run([sys.executable, "-m", "benchmarks.value", "--of", "dbt"], made[largest])
    _tell("Rapport, from orders to the mart, by dbt", largest, whole, "")
    asked = [sys.executable, "-m", "benchmarks.value", "--of", "ours"]
    ours = {size: _run(asked, folder) for size, folder in made.items()}
    for size, told in ours.items():
        _tell("Rapport, in memory", size, told, _likelihood(made[size], told["orders"]))
    fastest = 0.0, 0.0
    for name in LIBRARIES:
        for size in options.sizes:
            told = _library(python, name, made[size], options.minutes)
            if told:
                _tell(name, size, told, _likelihood(made[size], told["orders"]))
                fastest = (
                    max(fastest[0], size / told["seconds"]),
                    max(fastest[1], size / told["cpu"]),
                )
                break
            print(f"| {name} | {size:,} | more than {options.minutes:g} min, or memory | | | |")
    speed = largest / ours[largest]["seconds"], largest / ours[largest]["cpu"]
    print(
        f"\ncustomers a second against the faster library's: {speed[0] / fastest[0]:.1f} times by "
        f"the clock, {speed[1] / fastest[1]:.1f} times by the processor; load "
        f"{os.getloadavg()[0]:.1f}"
    )


def _made(folder: Path, customers: int) -> Path:
    """Orders, a warehouse of them, and the customers as the libraries want them."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "orders.parquet"
    if not file.exists():
        firm.orders(file, customers, seed=1)
    firm.warehouse(folder, f"select * from '{file}'")
    with duckdb.connect() as connection:
        connection.execute(
            f"""
            copy (
                select
                    customer_id,
                    count(*) - 1 as frequency,
                    (max(order_date) - min(order_date)) / 7.0::double as recency,
                    (date '{firm.LAST}' - min(order_date)) / 7.0::double as T,
                    coalesce(
                        (sum(amount) - arg_min(amount, order_date)) / nullif(count(*) - 1, 0), 0
                    )::double as monetary_value
                from '{file}' group by customer_id order by customer_id
            ) to '{folder / "customers.csv"}'
            """
        )
    return folder


def _dbt(folder: Path) -> dict[str, float]:
    began, cpu = time.monotonic(), time.process_time()
    firm.value(folder, firm.LAST)
    seconds, cpu = time.monotonic() - began, time.process_time() - cpu
    with duckdb.connect(str(folder / WAREHOUSE_FILE)) as connection:
        found = connection.sql("select count(p_alive) from marts.dim_customer_value").fetchone()
    if found != (int(folder.name),):
        raise SystemExit(f"{found} customers have a p_alive")
    return {"seconds": seconds, "cpu": cpu}


def _customers(folder: Path) -> dict[str, np.ndarray]:
    with duckdb.connect() as connection:
        return connection.sql(
            "select frequency, cast(round(7 * recency) as bigint) as recency, "
            "cast(round(7 * T) as bigint) as age, monetary_value as mean "
            f"from '{folder / 'customers.csv'}'"
        ).fetchnumpy()


def _ours(folder: Path) -> dict[str, object]:
    """What the models in Python do, with numpy in the place of SQL."""
    import scipy.optimize
    import scipy.special  # noqa: F401

    customers = _customers(folder)
    began, cpu = time.monotonic(), time.process_time()
    key = (customers["frequency"] << 40) | (customers["recency"] << 20) | customers["age"]
    cells, place, weight = np.unique(key, return_inverse=True, return_counts=True)
    alike = bg_nbd.Cells(cells >> 40, cells >> 20 & 0xFFFFF, cells & 0xFFFFF, weight, ticks=7)
    orders = bg_nbd.fit(alike)
    ahead = bg_nbd.Ahead(bg_nbd.Parameters(*orders.parameters), alike)
    scores = [
        ahead.alive,
        ahead.expected(AHEAD),
        ahead.quantile(AHEAD, 0.025),
        ahead.quantile(AHEAD, 0.975),
        ahead.discounted(365 / 7, 0.1),
    ]
    _ = [score[place] for score in scores]
    again = customers["frequency"] > 0
    amount = customers["frequency"] * customers["mean"]
    spenders = gamma_gamma.Spenders(
        customers["frequency"][again], amount[again], np.ones(again.sum(), dtype=np.int64)
    )
    spend = gamma_gamma.fit(spenders)
    parameters = gamma_gamma.Parameters(*spend.parameters)
    counts = np.arange(customers["frequency"].max() + 1)
    for factor in (
        gamma_gamma.mean_factor(parameters, counts),
        gamma_gamma.quantile_factor(parameters, counts, 0.025),
        gamma_gamma.quantile_factor(parameters, counts, 0.975),
    ):
        _ = (parameters.v + amount) * factor[customers["frequency"]]
    return {
        "seconds": time.monotonic() - began,
        "cpu": time.process_time() - cpu,
        "orders": orders.parameters.tolist(),
        "spend": spend.parameters.tolist(),
    }


def _likelihood(folder: Path, parameters: list[float]) -> str:
    """The logarithm of it for parameters that anybody found, by this project's formula."""
    customers = _customers(folder)
    cells = bg_nbd.Cells(
        customers["frequency"],
        customers["recency"],
        customers["age"],
        np.ones(len(customers["age"]), dtype=np.int64),
        ticks=7,
    )
    value, _ = bg_nbd._Likelihood(cells, 1.0).sloped(np.array(parameters))
    return f"{value * cells.customers:,.3f}"


def _library(python: Path, name: str, folder: Path, minutes: float) -> dict | None:
    answer = folder / f"{name}.json"
    answer.unlink(missing_ok=True)
    script = Path(__file__).with_name("libraries.py")
    command = [python, script, name, folder / "customers.csv", answer]
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=60 * minutes, text=True, env=ALONE
        )
    except subprocess.TimeoutExpired:
        return None
    if done.returncode > 0:
        raise SystemExit(f"{name} failed: {done.stderr[-2000:]}")
    # else it was killed, as memory was short
    return json.loads(answer.read_text()) if answer.exists() else None


def _run(command: list[str], folder: Path) -> dict:
    done = subprocess.run(
        [*command, "--folder", str(folder)],
        cwd=PROJECT_DIR,
        env=ALONE,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def _tell(name: str, size: int, told: dict, likelihood: str) -> None:
    figures = f"{told['seconds']:.2f} | {told['cpu']:.2f} | {told['peak']:,.0f}"
    print(f"| {name} | {size:,} | {figures} | {likelihood} |", flush=True)


def _environment(folder: Path) -> Path:
    """An environment with the libraries; they need other releases than Rapport does."""
    python = folder / "bin" / "python"
    done = folder / "installed"
    if not done.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        command = [python, "-m", "pip", "install", "--quiet", "--require-hashes"]
        subprocess.run([*command, "--requirement", LOCK], check=True, stderr=subprocess.DEVNULL)
        done.touch()
    return python


if __name__ == "__main__":
    main()
