"""
### Release age check

Looks every hour how old the release is that readers have, whatever became of the nights.

A night that fails or is late tells of itself (docs/runbooks/alerts.md). This DAG notices what no
night can tell: that there was none. It runs where nights are scheduled (`RAPPORT_SCHEDULE`), and
is red for as long as the current release is older than `RAPPORT_RELEASE_MAX_AGE_HOURS`.

Trigger it with the parameter `trial` to send everybody a message that says that it is a trial.

**Reads** the releases. **Writes** nothing; tells people, at most once a day.

**On failure** the current release is too old: look at the DAG `customer_relationship_nightly`. Is
it switched off, did its last night fail, is one still running? docs/runbooks/alerts.md says more.
Nothing is to be cleared here; the check turns green with the next release. Or a trial reached
nobody: its log says why.
"""

from airflow.sdk import Param, dag, task

from rapport.orchestration.alerts import check_release_age
from rapport.orchestration.defaults import DEFAULT_ARGS, START_DATE, hourly_schedule


@dag(
    schedule=hourly_schedule(),
    start_date=START_DATE,
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["layer:watch", "tier:2"],
    default_args=DEFAULT_ARGS,
    params={"trial": Param(False, type="boolean", title="Send a trial message")},
)
def release_age_check() -> None:
    task(check_release_age)()


release_age_check()
