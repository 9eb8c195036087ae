"""Rules and Markov chains beside ChannelAttribution (Altomare and Loris), which simulates walks.

The package (2.2.5, C++) is compiled into a folder of its own from ``requirements/reference.lock``;
it is under the GPL and nothing of Rapport needs it. Run with ``-m reference``.
"""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from rapport.journey import markov
from rapport.journey.attribution import Policy, attribute
from rapport.journey.paths import from_lists
from rapport.settings import PROJECT_DIR

pytestmark = pytest.mark.reference

NAMES = "ABCDEF"
WALKS = 2_000_000
# It draws charts elsewhere, and wants the library for them when it is imported.
ASK = f"""
import sys, types, json
charts = types.ModuleType("matplotlib")
charts.pyplot = types.ModuleType("matplotlib.pyplot")
sys.modules.update({{"matplotlib": charts, "matplotlib.pyplot": charts.pyplot}})
import pandas as pd
import ChannelAttribution as package
given = pd.DataFrame(json.load(open(sys.argv[1])))
columns = dict(var_path="path", var_conv="converted", var_value="value", flg_pro=False)
answers = {{"rules": package.heuristic_models(given, **columns).to_dict("list")}}
for order in (1, 2):
    # Without max_step it cuts walks at the longest path of the data: 2.10 and 0.90 for 2 and 1.
    # Of several folds it would tell one, of so many fewer walks.
    found = package.markov_model(
        given, **columns, var_null="lost", order=order, nsim_start={WALKS}, nfold=1, max_step=1000,
        out_more=True, seed=1, verbose=False,
    )
    answers[f"markov_{{order}}"] = found["removal_effects"].to_dict("list")
json.dump(answers, open(sys.argv[2], "w"))
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """Return a function that asks the package about paths."""
    folder = tmp_path_factory.mktemp("reference")
    lock = PROJECT_DIR / "requirements" / "reference.lock"
    command = ["-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
    command += ["--requirement", str(lock), "--target", str(folder / "packages")]
    subprocess.run([sys.executable, *command], check=True)

    def ask(rows: list[dict]) -> dict[str, dict[str, list]]:
        question, answer = folder / "question.json", folder / "answer.json"
        question.write_text(json.dumps(rows))
        subprocess.run(
            [sys.executable, "-c", ASK, question, answer],
            env=os.environ | {"PYTHONPATH": str(folder / "packages")},
            check=True,
            capture_output=True,
        )
        return json.loads(answer.read_text())

    return ask


def some_journeys(size: int) -> tuple[list[list[int]], list[bool], list[float]]:
    """Walks of six channels that lead on in their own ways, and convert and pay by the last."""
    random = np.random.default_rng(7)
    leads = random.dirichlet(np.full(6, 0.7), size=6)
    touches = []
    for length in random.geometric(0.3, size):
        path = [int(random.integers(0, 6))]
        while len(path) < length:
            path.append(int(random.choice(6, p=leads[path[-1]])))
        touches.append(path)
    outcome = [bool(random.random() < 0.05 + 0.07 * path[-1]) for path in touches]
    value = [
        round(float(random.gamma(3, 10 + 5 * path[-1])), 2) if flag else 0.0
        for path, flag in zip(touches, outcome, strict=True)
    ]
    return touches, outcome, value


@pytest.fixture(scope="module")
def both(package):
    """What the package says of five thousand journeys, and the journeys."""
    touches, outcome, value = some_journeys(5000)
    rows = [
        {
            "path": " > ".join(NAMES[code] for code in path),
            "converted": int(flag),
            "lost": int(not flag),
            "value": worth,
        }
        for path, flag, worth in zip(touches, outcome, value, strict=True)
    ]
    return package(rows), from_lists(touches, is_converted=outcome, value=value)


@pytest.mark.parametrize(
    ("model", "theirs"),
    [("first", "first_touch"), ("last", "last_touch"), ("linear", "linear_touch")],
)
def test_rules_give_what_the_package_gives(both, model, theirs):
    answers, journeys = both
    ours = attribute(*journeys, len(NAMES), Policy(draws=0), [model])
    rules = answers["rules"]
    places = [NAMES.index(name) for name in rules["channel_name"]]
    assert ours.count[0][places] == pytest.approx(rules[f"{theirs}_conversions"], abs=1e-6)
    assert ours.amount[0][places] == pytest.approx(rules[f"{theirs}_value"], abs=1e-6)


@pytest.mark.parametrize("order", [1, 2])
def test_removal_effects_are_those_of_very_many_walks(both, order):
    answers, (paths, journeys) = both
    walked = markov.chain(paths, order)
    converted, lost, value = (
        np.bincount(journeys.path, weight, minlength=len(paths.length))[:, None]
        for weight in (journeys.is_converted, ~journeys.is_converted, journeys.value)
    )
    steps, last = walked.steps.T @ (converted + lost), walked.last.T
    counted = (steps, last @ converted, last @ lost, last @ value, len(NAMES))
    ours, of_money = (effects[:, 0] for effects in markov.removal_effects(walked, *counted))
    theirs = answers[f"markov_{order}"]
    places = [NAMES.index(name) for name in theirs["channel_name"]]
    # A removal effect is a share of the walks that convert: five standard errors of so many.
    walks = WALKS * journeys.is_converted.mean()
    error = np.sqrt(ours * (1 - ours) / walks)
    assert (np.abs(ours[places] - theirs["removal_effects_conversion"]) < 5 * error[places]).all()
    # What walks bring varies too, by the gamma's coefficient 1/sqrt(3) and between last touches.
    assert of_money[places] == pytest.approx(
        theirs["removal_effects_conversion_value"], abs=5 * 1.2 * error.max()
    )


def test_the_package_comes_to_two_and_one_on_the_paths_of_the_literature(package):
    rows = [
        {"path": " > ".join(path), "converted": 1, "lost": 0, "value": 1.0}
        for path in ("ABABBA", "ABBAA", "AA")
    ]
    effects = package(rows)["markov_1"]["removal_effects_conversion"]
    assert effects == pytest.approx([1, 0.5], abs=5 * np.sqrt(0.25 / WALKS))
