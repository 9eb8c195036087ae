"""
### Privacy erasure

Takes customers out of everything, for good, and keeps them from coming back: `rapport erase` does
the same.

A tombstone comes first: from then on nothing of theirs lands, whatever a source sends. Then the
landing, the warehouse with its quarantine, every release on disk with its report, pages, logs,
ledgers, the account of activation, Airflow's database, the archive with its older versions,
Postgres for BI; then HubSpot and Klaviyo are told to delete them. Every place is counted before and
after; the report, `erasures/<request>.json` in the home, names nobody.

Parameters: `customer_ids`, or `request_file`, a file of ids on the worker, one a line; `dry_run`
counts, changes nothing, and is shown as skipped; `by_hand` names destinations in which a person has
deleted them. Without anybody named, what is open is gone on with: so it runs every day at 11:23
where nights are scheduled (`RAPPORT_SCHEDULE`), and is skipped where nothing is open. The ids are
written over in this run's own parameters once they are not needed any more.

A night that is built ends first: the task is up for reschedule then, for four hours at most, and
its log names the night. A night that still pulls goes on, and builds once this is over.

**Reads** the landing, to know who it is. **Writes** everything; the release is under a new name
then (`rapport_release`, so activation follows). The next night builds the warehouse anew. HubSpot
and Klaviyo are reached by `rapport_activate_hubspot` and `rapport_activate_klaviyo`, Airflow's
database, where it is not the home's own, by `rapport_airflow`.

**On failure** the tombstone stands, so nobody comes back meanwhile, and what one place could not do
has kept nobody in the others. Where `demand_nothing_left` is red, the next day's run goes on by
itself: activation has taken them off by then, Klaviyo has forgotten them. What needs a person,
docs/runbooks/erasure.md says place by place. Run it again at any time, with or without the same
ids: it goes on from where it was.
"""

from airflow.sdk import Param, dag, task

from rapport.orchestration.alerts import note_failure
from rapport.orchestration.assets import RELEASE
from rapport.orchestration.defaults import (
    DEFAULT_ARGS,
    START_DATE,
    WAREHOUSE_POOL,
    daily_schedule,
)
from rapport.orchestration.erasure import demand_nothing_left, erase_people


@dag(
    schedule=daily_schedule(),
    start_date=START_DATE,
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["layer:privacy", "tier:1"],
    default_args=DEFAULT_ARGS | {"on_failure_callback": note_failure},
    params={
        "customer_ids": Param([], type="array", items={"type": "string"}, title="Customers' ids"),
        "request_file": Param(None, type=["null", "string"], title="A file of ids"),
        "dry_run": Param(False, type="boolean", title="Count, and change nothing"),
        "by_hand": Param([], type="array", items={"type": "string"}, title="Deleted by hand in"),
    },
)
def privacy_erasure() -> None:
    erased = task(pool=WAREHOUSE_POOL, outlets=[RELEASE])(erase_people)()
    task(retries=0)(demand_nothing_left)(erased)


privacy_erasure()
