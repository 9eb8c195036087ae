"""
### Warehouse maintenance

Once a week: removes releases beyond `RAPPORT_KEEP_RELEASES`, and reads everything that must not
change, to its last value. `rapport maintain` does the same.

Releases are compared with their checksums and signatures; every file of the landing with the size
and the rows that its load is listed with; the account of activation is asked whether it is whole.
An erasure that was begun and not finished is told too. Nothing is mended.

It runs where nights are scheduled (`RAPPORT_SCHEDULE`), on Sundays at 12:43, when no night does.

**Reads** landing, releases, the account. **Writes** nothing; removes releases that are too old.

**On failure** the error names what is not as it was written:
docs/runbooks/warehouse_maintenance.md. Nights go on meanwhile: a damaged file of the landing is set
aside and pulled again by the next one.
"""

from airflow.sdk import dag, task

from rapport.orchestration.alerts import note_failure
from rapport.orchestration.defaults import (
    DEFAULT_ARGS,
    START_DATE,
    WAREHOUSE_POOL,
    weekly_schedule,
)
from rapport.orchestration.maintenance import maintain_warehouse


@dag(
    schedule=weekly_schedule(),
    start_date=START_DATE,
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["layer:watch", "tier:3"],
    default_args=DEFAULT_ARGS | {"on_failure_callback": note_failure},
)
def warehouse_maintenance() -> None:
    task(pool=WAREHOUSE_POOL)(maintain_warehouse)()


warehouse_maintenance()
