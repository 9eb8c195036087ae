"""
### Segment activation

Brings the segments of the current release to where people work with them, row by row accounted for.

One task per destination that there is a connection to (`rapport_activate_hubspot`,
`rapport_activate_klaviyo`, `rapport_activate_webhook`, `rapport_activate_files`); without any, the
tasks are skipped. Only changes are sent, against what the destination last took from us. Before
that, the landing is asked again who said no since, and the destination itself who is archived or
opted out. A reduced release, and one of an earlier night than was sent before, take people off and
add nobody; so a backfill activates nothing. What the account cannot explain on a list is told, and
left as it is.

Parameters: `confirmed`, names of segments whose large change, or first fill, is meant; `repairs`,
to undo what somebody else changed on the lists; `goes_back`, to bring people of an earlier night.

**Reads** the release that readers have, the landing, the policy `segments`. **Writes** HubSpot's
and Klaviyo's lists of ours, the webhook, files; the account (`rapport activation`). Never consent,
a subscription, a suppression, a marketing status, or a list that people sign up to.

**On failure** what was sent is accounted for, and the next run, or clearing the task, goes on from
there: nothing is sent twice with an effect. A segment that a guard stopped waits for a person, and
who said no leaves its list all the same: docs/runbooks/activation_failed.md.
"""

from airflow.sdk import Param, dag, task

from rapport.orchestration.activation import activate_destination, find_destinations
from rapport.orchestration.alerts import ActivationNotifier
from rapport.orchestration.assets import RELEASE
from rapport.orchestration.defaults import DEFAULT_ARGS, START_DATE
from rapport.orchestration.lineage import traced


@dag(
    schedule=[RELEASE],
    start_date=START_DATE,
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["layer:activation", "tier:1"],
    default_args=DEFAULT_ARGS,
    on_failure_callback=ActivationNotifier(),
    params={
        "confirmed": Param([], type="array", items={"type": "string"}, title="Segments meant"),
        "repairs": Param(False, type="boolean", title="Undo what somebody else changed"),
        "goes_back": Param(False, type="boolean", title="Bring people of an earlier night"),
    },
)
def segment_activation() -> None:
    activate = task(map_index_template="{{ task.op_kwargs['destination'] }}")(activate_destination)
    activate.expand(destination=task(find_destinations)())


traced(segment_activation())
