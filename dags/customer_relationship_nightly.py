"""
### Customer relationship nightly

Pulls CRM, campaign and order data, compares what it knows with what the sources say they
have, builds and tests the marts, and releases them with the segments if, and only if, the
gate lets them pass.

What the firm has says its `sources.yml` (without one: its connections) and, of sources of its own,
`sources/*.yml`; a fault in one is an import error with its line. One task pulls each group of
streams, side by side as far as its source's pool allows; its log and its return value say how many
rows of each stream it landed. A pull that fails leaves the news of the others usable:
`check_sources` lets the night go on without it, unless people may have said no in what is missing.
`dbt.build` builds and tests everything in one process; the other tasks of `dbt` show what became of
one part each (a source's staging, a mart, a segment), with dbt's rows, seconds and failed tests as
their log. With `RAPPORT_ENGINE=spark` it lets Spark make what grows with events
(docs/runbooks/spark.md).

Where there is a connection `rapport_bi`, `load_bi` gives BI tools, in that Postgres, the release
that is current then; else it is skipped.

**Reads** the connections `rapport_hubspot`, `rapport_klaviyo`, `rapport_shop`, as far as the firm
has these, and `rapport_<name>` of each source that it declares itself (`sources/<name>.yml`).
**Writes** the landing, the warehouse, Data Docs, a release and its report; emits
`rapport_release`; the Postgres of `rapport_bi`; where `RAPPORT_ARCHIVE` names object storage, a
copy of landing and releases.
The night is the run's logical date: everything before the end of that day (UTC).

**On failure** the last release stays in place, whatever failed before `publish_release`, but for
who said no in what did arrive: `subtract_opt_outs`, which runs on such nights alone, takes them off
its lists, as a reduced release. Every step may be repeated: run the night again (`rapport run
--as-of <date>`, or trigger a logical date of the same day; Airflow takes each once), it finishes
what was left. Clearing `dbt.build` builds on from the model or test that failed.
`extract.*`: docs/runbooks/extract_failed.md; the error names the connection.
`check_sources`: docs/runbooks/source_gate_failed.md. `dbt.*`: docs/runbooks/build_failed.md.
`check_release`: docs/runbooks/publish_gate_failed.md. `subtract_opt_outs`:
docs/runbooks/subtraction_failed.md. `report_night`: the release is out and
readers have it, only its page is missing; `rapport releases report` makes it. `load_bi`: the
release is out, BI tools have the one before it; docs/runbooks/bi_load_failed.md. `archive_night`:
the night is as it is, only its copy is missing; do what the error says, then clear it.
"""

from airflow.sdk import chain, dag, task, task_group

from rapport.orchestration import steps
from rapport.orchestration.alerts import AlertNotifier, note_failure, release_deadline
from rapport.orchestration.assets import RELEASE
from rapport.orchestration.connections import declared_sources
from rapport.orchestration.defaults import (
    DEFAULT_ARGS,
    PULLS_QUEUE,
    START_DATE,
    WAREHOUSE_POOL,
    nightly_schedule,
    pool_of,
)
from rapport.orchestration.lineage import traced
from rapport.orchestration.links import DATA_DOCS, RELEASES, REPORT, linked
from rapport.orchestration.transform import dbt_build
from rapport.settings import Settings


@dag(
    schedule=nightly_schedule(),
    start_date=START_DATE,
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["layer:nightly", "tier:1"],
    default_args=DEFAULT_ARGS | {"on_failure_callback": note_failure},
    on_failure_callback=AlertNotifier(),
    deadline=release_deadline(),
)
def customer_relationship_nightly() -> None:
    there = declared_sources(parses=False)

    @task_group
    def extract() -> None:
        pulls = {
            group: task(
                task_id=group,
                pool=pool_of(streams[0].source),
                queue=PULLS_QUEUE,
                trigger_rule="all_done",
            )(steps.extract)(group)
            for group, streams in there.groups.items()
        }
        for group, earlier in there.after.items():
            if earlier:
                chain([pulls[each] for each in earlier], pulls[group])

    checked = linked(
        task(retries=0, queue=PULLS_QUEUE, trigger_rule="all_done")(steps.check_sources)(),
        DATA_DOCS["sources"],
    )
    released = linked(
        task(pool=WAREHOUSE_POOL, outlets=[RELEASE])(steps.publish_release)(), RELEASES, REPORT
    )
    # On no night that released something, and on every other, whatever it failed at.
    reduced = linked(
        task(pool=WAREHOUSE_POOL, outlets=[RELEASE], trigger_rule="all_failed")(
            steps.subtract_opt_outs
        )(),
        RELEASES,
    )
    chain(
        extract(),
        checked,
        dbt_build(checked),
        linked(task(retries=0)(steps.check_release)(), DATA_DOCS["publish"]),
        released,
        [linked(task(retries=0)(steps.report_night)(), REPORT), reduced],
    )
    chain([released, reduced], task(trigger_rule="one_success")(steps.load_bi)())
    if Settings.from_env().archive:
        # However the night ended: what landed is worth its copy. The report stays a last task too,
        # so that a night without a release is red.
        chain([released, reduced], task(trigger_rule="all_done")(steps.archive_night)())


traced(customer_relationship_nightly())
