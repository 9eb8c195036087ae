#!/bin/sh
# ChannelAttribution 2.2.5 (Python): markov_model cuts its simulated walks at the length of the longest path of the
# data, unless max_step says otherwise.
#
# One would expect the removal effects of the chain that was fitted: a chain forgets how long a path was, and its walks
# may be longer than any that was seen. Of A>B>A>B>B>A, A>B>B>A>A and A>A, each converting, A earns 2.000 and B 1.000 on
# that chain (exact, by the fundamental matrix); the default says about 2.10 and 0.90 however many walks are simulated,
# because walks that would have converted later count as lost.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    channelattribution==2.2.5 pandas==2.3.3 matplotlib==3.10.7
"$folder/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version

import ChannelAttribution
import pandas as pd

paths = pd.DataFrame(
    {"path": ["A > B > A > B > B > A", "A > B > B > A > A", "A > A"], "converted": [1, 1, 1]}
)


def credit(**asked):
    found = ChannelAttribution.markov_model(
        paths, "path", "converted", nsim_start=2_000_000, nfold=1, seed=1, verbose=False,
        flg_pro=False, **asked,
    )
    return dict(zip(found["channel_name"], found["total_conversions"].round(2), strict=True))


default, longer = credit(), credit(max_step=1000)
print("channelattribution", version("channelattribution"))
print("by default:", default)
print("max_step=1000:", longer)
assert abs(default["A"] - 2.10) < 0.03 and abs(default["B"] - 0.90) < 0.03, default
assert abs(longer["A"] - 2) < 0.02 and abs(longer["B"] - 1) < 0.02, longer
PYTHON
