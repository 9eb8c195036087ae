"""
### Source backfill

Pulls again what changed in one source on some days, and lands it beside what landed:
`rapport backfill` does the same. For days of which somebody doubts that everything came.

What is as it was is a repeat, which staging supersedes: the marts are the same then. Nothing is
built, released or sent. The next night takes the loads in; a night that is run again before it sees
them too. Where pulls start is not moved.

Parameters: `source` (one of those that the firm has), `from` and `to`, the first and the last day
(UTC), up to the last night that has landed.

Records come as the source has them now, not as they were then. What a source reads as a whole every
night (lists, owners, ties, statuses) is left to the nights.

**Reads** the source's connection. **Writes** the landing.

**On failure** what came before is landed and does no harm; run it again. The error names the
connection or the parameter: docs/runbooks/source_backfill.md.
"""

from airflow.sdk import Param, dag, task

from rapport.orchestration.alerts import note_failure
from rapport.orchestration.backfill import backfill_source
from rapport.orchestration.connections import declared_sources
from rapport.orchestration.defaults import DEFAULT_ARGS, PULLS_QUEUE, START_DATE


@dag(
    schedule=None,
    start_date=START_DATE,
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["layer:landing", "tier:3"],
    default_args=DEFAULT_ARGS | {"on_failure_callback": note_failure},
    params={
        "source": Param(
            None, type=["null", "string"], enum=[None, *declared_sources(parses=False).sources]
        ),
        "from": Param(None, type=["null", "string"], format="date", title="The first day"),
        "to": Param(None, type=["null", "string"], format="date", title="The last day"),
    },
)
def source_backfill() -> None:
    task(queue=PULLS_QUEUE)(backfill_source)()


source_backfill()
