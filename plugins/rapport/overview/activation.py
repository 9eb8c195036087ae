"""The page's part on activation: what was brought to each destination last."""

import sqlite3
from pathlib import Path

from markupsafe import Markup

from rapport.activation.account import last_runs
from rapport.errors import ActivationError
from rapport.report.words import Column, Section, Table, listed, sentence


def activation(folder: Path) -> Section | None:
    """What the last run did at each destination; nothing where nothing was ever sent.

    Args:
        folder: of the account.
    """
    section = ("activation", "Activation: what was brought to destinations")
    try:
        runs = last_runs(folder)
    except (ActivationError, sqlite3.Error) as error:
        return Section(*section, f"The account cannot be read ({type(error).__name__}).")
    if not runs:
        return None
    table = Table(
        "The last run of each destination",
        (
            Column("destination", "destination"),
            Column("release", "release_id"),
            Column("began (UTC)", "began"),
            Column("ended", "state"),
            Column("changed", "changed", "number"),
            Column("taken", "accepted", "number"),
            Column("refused", "rejected", "number"),
            Column("stopped", "stopped", "number"),
            Column("drift", "drift", "number"),
            Column("why", "reason", "words"),
        ),
        [run | {"began": run["began_at"][:16].replace("T", " ")} for run in runs],
        folded=False,
        reading=Markup("Every row is in the account: <code>rapport activation runs</code>."),
    )
    waiting = [str(run["destination"]) for run in runs if run["state"] not in ("done", "running")]
    said = f"{sentence(listed(waiting))}: see why." if waiting else "Nothing waits for a person."
    return Section(*section, said, tables=[table])
