"""Simulated years of a public voice, and what `rpt_public_voice_leads` says of them."""

from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from rapport.settings import WAREHOUSE_FILE

NIGHT, FIRST, DAYS = "2018-01-31", "2016-12-31", 396
MODELS = {
    "int_voice__signal_days": "intermediate",
    "int_voice__outcome_days": "intermediate",
    "rpt_public_voice_leads": "marts",
}
FOREBODING, LOUD, QUIET = "freshness", "prices", "recipes"
LEAD_DAYS, TIMES = 3, 2.0


def year(seed: int, times: float = TIMES, days: int = DAYS) -> dict[str, pd.DataFrame]:
    """Return a year in which bursts about one topic come three days before many tickets.

    Everything has a week's rhythm and grows by half; tickets differ by half more than counts do.
    Bursts about `LOUD` come before nothing, and of `QUIET` there are none.

    Args:
        seed: another seed, another year.
        times: how many times as many tickets are opened then; 1: what is said foretells nothing.
        days: length of the year.
    """
    random = np.random.default_rng(seed)
    date = pd.date_range(FIRST, periods=days)
    season = (1 + 0.5 * np.arange(days) / days) * np.array(
        [0.8, 1.1, 1.0, 1.0, 1.2, 1.4, 0.5])[date.day_of_week]  # fmt: skip
    bursts = {topic: random.random(days) < 0.07 for topic in (FOREBODING, LOUD)}
    follows = np.zeros(days, bool)
    follows[LEAD_DAYS:] = bursts[FOREBODING][:-LEAD_DAYS]
    said = {
        topic: random.poisson(2.5 * season) + random.poisson(9, days) * bursts.get(topic, False)
        for topic in (FOREBODING, LOUD, QUIET)
    }
    mood = random.gamma(12, 1 / 12, days)  # some days are worse for no reason
    happened = {
        "tickets": random.poisson(6 * season * mood * np.where(follows, times, 1)),
        "opt_outs": random.poisson(3 * season),
        "complaints": random.poisson(0.7 * season),
    }
    voice = pd.concat(
        [
            pd.DataFrame({"voice_date": date, "what": "topic", "topic": topic, "negative_count": n})
            for topic, n in said.items()
        ]
        + [
            pd.DataFrame(
                {
                    "voice_date": date,
                    "what": "all",
                    "topic": None,
                    "negative_count": sum(said.values()),
                }
            )
        ]
    )
    return {
        "rpt_public_voice": voice[voice.negative_count > 0].assign(source="listening"),
        "rpt_page_signals": pd.DataFrame(
            {
                "signal_date": date,
                "value": random.gamma(20, 60 * season),
                "source": "page",
                "signal": "reach",
                "is_level": False,
            }
        ),
        "fct_tickets": pd.DataFrame({"opened_date": date.repeat(happened["tickets"])}),
        "fct_consent_events": pd.DataFrame(
            {
                "occurred_at": date.repeat(happened["opt_outs"]) + pd.Timedelta(hours=12),
                "customer_id": range(happened["opt_outs"].sum()),
                "action": "withdraw",
            }
        ),
        "fct_touchpoints": pd.DataFrame(
            {
                "touchpoint_date": date.repeat(happened["complaints"]),
                "customer_id": range(happened["complaints"].sum()),
                "event_type": "complained",
            }
        ),
    }


class Voices:
    """The models of what followed what was said, over any tables."""

    def __init__(self, folder: Path, dbt: Any) -> None:
        """Have dbt write the models down once; a run of it takes seconds, a query does not."""
        self.path = folder / WAREHOUSE_FILE
        environment = {
            "RAPPORT_WAREHOUSE": str(self.path),
            "RAPPORT_LANDING": str(folder),
            "RAPPORT_TEMP_DIR": str(folder / "tmp"),
            "RAPPORT_MEMORY_LIMIT": "1GB",
            "RAPPORT_THREADS": "1",
        }
        variables = f'{{"as_of_date": "{NIGHT}", "reporting_time_zone": "UTC"}}'
        self.sql = {}
        for model in MODELS:
            said = dbt(
                *("compile", "--select", model, "--vars", variables), environment=environment
            )
            assert said.success, said.failures()
            told = said.messages[said.messages.index("Command end result") + 1 :]
            self.sql[model] = max(told, key=len)  # beside lines on tests that are left out

    def leads(self, tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
        """Return the mart of these tables."""
        with duckdb.connect() as db:
            db.execute(f"attach ':memory:' as {self.path.stem}; use {self.path.stem}")
            db.execute("create schema marts; create schema intermediate")
            for name, rows in tables.items():
                dates = [column for column in rows.columns if column.endswith("_date")]
                casts = ", ".join(f"cast({each} as date) as {each}" for each in dates)
                db.register("rows", rows)
                db.execute(
                    f"create table marts.{name} as select * "
                    + (f"replace ({casts}) " if casts else "")
                    + "from rows"
                )
            db.execute(
                "create table intermediate.int_clocks__reporting_days as select "
                "cast(day as date) as utc_date, cast(day as date) as first_date, "
                "cast(day as date) as last_date, day as turns_at "
                f"from generate_series(timestamp '{FIRST}', timestamp '{NIGHT}', interval 1 day) "
                "as days (day)"
            )
            for model, schema in MODELS.items():
                db.execute(f"create table {schema}.{model} as {self.sql[model]}")
            return db.sql("select * from marts.rpt_public_voice_leads order by all").df()
