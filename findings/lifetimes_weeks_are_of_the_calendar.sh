#!/bin/sh
# lifetimes 0.11.3: summary_data_from_transaction_data(freq="W") counts weeks of the calendar, not stretches of seven days.
#
# One would expect the unit of time to change numbers and not who came back: two purchases six days apart are 6/7 of a
# week apart. They are one purchase if both lie in one calendar week, and two, a whole week apart, if a Sunday night lies
# between them, were it one day. Repeats are lost, and BG/NBD is then fitted to other customers. freq="D" with
# freq_multiplier=7 keeps every repeat.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    lifetimes==0.11.3 pandas==3.1.1 numpy==2.4.6 scipy==1.17.1 autograd==1.9.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from importlib.metadata import version

import pandas as pd
from lifetimes.utils import summary_data_from_transaction_data

bought = pd.DataFrame(
    {
        "who": ["six days apart"] * 2 + ["one day apart"] * 2,
        "day": pd.to_datetime(["2024-01-01", "2024-01-07", "2024-01-07", "2024-01-08"]),
    }
)


def repeats(**unit):
    found = summary_data_from_transaction_data(
        bought, "who", "day", observation_period_end="2024-03-31", **unit
    )
    return {who: (float(row.frequency), round(float(row.recency), 3)) for who, row in found.iterrows()}


weeks, sevenths = repeats(freq="W"), repeats(freq="D", freq_multiplier=7)
print("lifetimes", version("lifetimes"))
print('freq="W" (repeats, weeks from the first to the last):', weeks)
print('freq="D", freq_multiplier=7:', sevenths)
assert weeks == {"one day apart": (1.0, 1.0), "six days apart": (0.0, 0.0)}, weeks
assert sevenths == {"one day apart": (1.0, 0.143), "six days apart": (1.0, 0.857)}, sevenths
PYTHON
