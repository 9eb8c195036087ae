"""The sandbox: ``python -m sandbox prepare | serve | simulate | clock | fault``."""

import argparse
import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path

from sandbox.building import prepare
from sandbox.clock import read_clock
from sandbox.company import COMPLETE_JOURNEY, SIMULATED, Company, find
from sandbox.exports import set_clock


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except (ValueError, OSError) as problem:
        print(f"sandbox: {problem}", file=sys.stderr)
        return 1
    return code


def _prepare(options: argparse.Namespace) -> int:
    company = prepare(
        options.home, options.households, options.company, days=options.days, seed=options.seed
    )
    for name, count in company.counts.items():
        print(f"{name:32} {count:>9,}")
    print(f"ready in {company.folder}")
    return 0


def _serve(options: argparse.Namespace) -> int:
    import uvicorn

    from sandbox.server import create_app

    standing = find(options.home)
    if standing is None or options.company not in (None, standing.name):
        standing = prepare(options.home, options.households, options.company or COMPLETE_JOURNEY)
    company = prepare(
        options.home,
        options.households or standing.households,
        standing.name,
        days=standing.days,
        seed=standing.seed,
    )
    uvicorn.run(
        create_app(company, base_url=options.base_url),
        host=options.host,
        port=options.port,
        log_level="warning",
        timeout_graceful_shutdown=2,
    )
    return 0


def _simulate(options: argparse.Namespace) -> int:
    if options.to == "apis":
        options.households, options.company = options.customers, SIMULATED
        return _prepare(options)
    from sandbox.simulate import Parameters, to_landing

    parameters = Parameters(options.customers, options.days or 540, options.seed or 1)
    counts = to_landing.land(
        options.home.resolve(),
        parameters,
        last_nights=options.last_nights,
        threads=options.threads,
        memory=options.memory,
    )
    for name, count in counts.items():
        print(f"{name:32} {count:>11,}")
    return 0


def _clock(options: argparse.Namespace) -> int:
    shop_path = _standing(options.home).shop_path
    if options.instant:
        print(set_clock(shop_path, options.instant))
    else:
        from sandbox.clock import moment

        print(moment(read_clock(shop_path)).isoformat().replace("+00:00", "Z"))
    return 0


def _fault(options: argparse.Namespace) -> int:
    """Show the rules, replace them (a JSON text, or - for standard input), or clear them."""
    method, body = "GET", None
    if options.clear:
        method = "DELETE"
    elif options.rules:
        method = "PUT"
        body = (sys.stdin.read() if options.rules == "-" else options.rules).encode()
    request = urllib.request.Request(f"{options.url}/sandbox/faults", data=body, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            print(json.dumps(json.load(answer), indent=2))
    except urllib.error.HTTPError as refusal:
        print(f"sandbox: {json.load(refusal)['error']}", file=sys.stderr)
        return 1
    return 0


def _standing(home: Path) -> Company:
    company = find(home)
    if company is None:
        raise FileNotFoundError(f"no company below {home}; run: python -m sandbox prepare")
    return company


def _parser() -> argparse.ArgumentParser:
    home = argparse.ArgumentParser(add_help=False)
    home.add_argument(
        "--home",
        type=Path,
        default=Path(os.environ.get("RAPPORT_HOME", "var")),
        help="Rapport's home (default: RAPPORT_HOME, else ./var)",
    )
    size = argparse.ArgumentParser(add_help=False)
    size.add_argument(
        "--households", "--customers", type=int, help="a company of so many households or people"
    )
    size.add_argument(
        "--company",
        choices=(COMPLETE_JOURNEY, SIMULATED),
        help="real households, or simulated people",
    )
    simulated = argparse.ArgumentParser(add_help=False)
    simulated.add_argument("--days", type=int, help="of a simulated history (540)")
    simulated.add_argument("--seed", type=int, help="of a simulated company (1)")

    parser = argparse.ArgumentParser(prog="sandbox", description=__doc__)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser(
        "prepare", parents=[home, size, simulated], help="build the company"
    )
    command.set_defaults(run=_prepare, company=COMPLETE_JOURNEY)
    command = commands.add_parser(
        "simulate", parents=[home, simulated], help="simulate a company with a known truth"
    )
    command.add_argument("--customers", type=int, default=5_000)
    command.add_argument(
        "--to",
        choices=("apis", "landing"),
        default="apis",
        help="the databases behind the APIs, or parquet in the landing (for large ones)",
    )
    command.add_argument(
        "--last-nights", type=int, default=0, help="so many nights come as loads of their own"
    )
    command.add_argument("--threads", type=int)
    command.add_argument("--memory", default="4GB", help="DuckDB's limit (4GB)")
    command.set_defaults(run=_simulate)
    command = commands.add_parser("serve", parents=[home, size], help="serve the two APIs")
    command.add_argument("--host", default="127.0.0.1")
    command.add_argument("--port", type=int, default=8765)
    command.add_argument("--base-url", help="what Klaviyo's links start with")
    command.set_defaults(run=_serve)
    command = commands.add_parser("clock", parents=[home], help="show or move the clock")
    command.add_argument("instant", nargs="?", help="for example 2018-01-03T00:00:00Z")
    command.set_defaults(run=_clock)
    command = commands.add_parser("fault", help="show, replace or clear the faults")
    command.add_argument("rules", nargs="?", help="rules as JSON, or - to read them")
    command.add_argument("--clear", action="store_true")
    command.add_argument("--url", default="http://127.0.0.1:8765")
    command.set_defaults(run=_fault)
    return parser


if __name__ == "__main__":
    sys.exit(main())
