"""The Qini coefficient beside scikit-uplift's.

The package (0.5.1, with scikit-learn) is installed into a folder of its own from
``requirements/reference-uplift.lock``; nothing of Rapport needs it. Run with ``-m reference``.
"""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from rapport.settings import PROJECT_DIR
from tests.dbt.uplift_arms import arms, uplift_of

pytestmark = pytest.mark.reference

# Ours is its `qini_auc_score` with `negative_effect=True`: the best order writes last to who orders
# without it.
ASK = """
import json, sys
import numpy as np
from sklift.metrics import qini_auc_score
given = json.load(open(sys.argv[1]))
json.dump({
    name: qini_auc_score(*(np.array(one[key]) for key in ("ordered", "score", "treated")),
                         negative_effect=True)
    for name, one in given.items()
}, open(sys.argv[2], "w"))
"""
SCORES = {
    "all_different": lambda random: random.random(400).round(6),
    "six_that_tie": lambda random: random.integers(1, 7, 400) / 10,
    "two_that_tie": lambda random: random.integers(1, 3, 400) / 10,
    "of_no_use": lambda random: random.permutation(400) / 400,
}


@pytest.fixture(scope="module")
def campaigns():
    """Who was written to, with which score, and who ordered, by campaign."""
    made = {}
    for seed, (name, scores) in enumerate(SCORES.items()):
        random = np.random.default_rng(seed)
        score = scores(random)
        treated = random.random(400) < 0.6
        moved = 0 if name == "of_no_use" else 0.3 * score
        ordered = random.random(400) < 0.15 + treated * moved
        made[name] = {
            "ordered": ordered.astype(int).tolist(),
            "score": score.tolist(),
            "treated": treated.astype(int).tolist(),
        }
    return made


@pytest.fixture(scope="module")
def reference(campaigns, tmp_path_factory):
    """What the package says of each campaign."""
    folder = tmp_path_factory.mktemp("reference")
    lock = PROJECT_DIR / "requirements" / "reference-uplift.lock"
    command = ["-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
    command += ["--requirement", str(lock), "--target", str(folder / "packages")]
    subprocess.run([sys.executable, *command], check=True)
    question, answer = folder / "question.json", folder / "answer.json"
    question.write_text(json.dumps(campaigns))
    subprocess.run(
        [sys.executable, "-c", ASK, question, answer],
        env=os.environ | {"PYTHONPATH": str(folder / "packages")},
        check=True,
    )
    return json.loads(answer.read_text())


def test_the_coefficient_is_that_of_scikit_uplift(campaigns, reference, tmp_path, warehouse):
    found = uplift_of(
        tmp_path,
        warehouse,
        *(
            arms(
                name,
                *(
                    [
                        {"p_response": score, "has_ordered": bool(ordered)}
                        for ordered, score, was in zip(*one.values(), strict=True)
                        if was == arm
                    ]
                    for arm in (1, 0)
                ),
            )
            for name, one in campaigns.items()
        ),
    )
    ours = found[found.breakdown == "everybody"].set_index("campaign_id").qini_coefficient
    assert dict(ours) == pytest.approx(reference, abs=1e-6)
