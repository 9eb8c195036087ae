"""The page in Airflow's UI: what it says of each state, and that nothing breaks it."""

import html
import json
import re
import shutil
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from hashlib import sha256

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rapport.build.parts import Part
from rapport.build.record import Header, Outcome, RecordWriter
from rapport.gate.docs import Docs
from rapport.landing import newest_files
from rapport.overview import Nights, Run, Task, page_of, runbook_page
from rapport.overview.nights import CROSS
from rapport.overview.page import SCRIPT_HASH
from rapport.overview.words import moment, took
from rapport.pages import NOTHING
from rapport.release.store import record, report_path, switch
from rapport.settings import PROJECT_DIR, Settings

NOW = datetime(2018, 1, 3, 9, 30, tzinfo=UTC)
NIGHT = date(2018, 1, 2)
RELEASE = "2018-01-02-0123456789ab"
BEFORE = "2018-01-01-0123456789ab"
MINUS = "\N{MINUS SIGN}"
HOSTILE = '<script>alert("1 & 2")</script>'


@pytest.fixture
def settings(tmp_path):
    return Settings(
        home=tmp_path,
        project_dir=PROJECT_DIR,
        company="own",
        schedule=None,
        keep_releases=7,
        memory_limit="1GB",
        threads=1,
    )


def run(number=0, state="success", minutes=5.0, **changes):
    """A run that began so many days before the newest one."""
    began = NOW - timedelta(days=number, hours=7)
    night = NIGHT - timedelta(days=number)
    ended = None if state == "running" else began + timedelta(minutes=minutes)
    return replace(Run(f"night_{night}", night, state, began, ended), **changes)


def text_of(page):
    """What a reader sees, in one line."""
    seen = re.sub(r"<(style|script)>.*?</\1>", "", page, flags=re.DOTALL)
    inline = re.sub(r"</?(?:a|b|bdi|code|wbr)\b[^>]*>", "", seen)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", inline)).split())


def section(page, key):
    found = re.search(rf'<section id="{key}">.*?</section>', page, re.DOTALL)
    assert found, key
    return found[0]


def said(settings, *runs, **more):
    return page_of(settings, Nights(runs, **more), NOW)


SEGMENTS = {
    "segments": "select 'loyal' as segment, 'Who stays.' as description, 'Loyalty' as owner, "
    "'email' as channel, 2 as size, 1 as treatment_size, 1 as holdout_size, 3 as suppressed_count, "
    "date '2018-01-01' as last_as_of_date",
    "segment_changes": "select 'a' as customer_id, 'loyal' as segment, 'joined' as change, "
    "null::varchar as clause, date '2018-01-01' as last_as_of_date",
    "segment_members": "select unnest(['a', 'b']) as customer_id, 'loyal' as segment",
    "customer_aliases": "select 'a' as alias_customer_id, 'a' as customer_id limit 0",
    "segment_suppressions": "select unnest(['c', 'd', 'e']) as customer_id, 'loyal' as segment, "
    "'opted_out' as clause",
}


def publish(settings, release_id, rows, *, at=NOW, report=True, current=True, **manifest):
    """Put a release of a few tables there, as the store has it."""
    folder = settings.releases_dir / release_id
    folder.mkdir(parents=True)
    with duckdb.connect() as connection:
        for name, query in SEGMENTS.items():
            connection.execute(f"copy ({query}) to '{folder / name}.parquet'")
    tables = [{"schema": "segments", "name": name, "rows": 1} for name in SEGMENTS]
    for name, count in rows.items():
        shutil.copy(folder / "segments.parquet", folder / f"{name}.parquet")
        tables.append({"schema": "marts", "name": name, "rows": count})
    told = {
        "release_id": release_id,
        "as_of": release_id[:10],
        "gate": {"evaluated": 70, "warnings": ["one"]},
        "files": {"rapport.duckdb": {"bytes": 2_500_000}},
        "tables": [{"file": f"{table['name']}.parquet", **table} for table in tables],
    }
    (folder / "manifest.json").write_text(json.dumps(told | manifest))
    if report:
        report_path(folder).write_text("<html><body></body></html>")
    line = {"at": at.isoformat(), "event": "built", "release_id": release_id}
    with (settings.releases_dir / "history.jsonl").open("a") as history:
        history.write(json.dumps(line) + "\n")
    if current:
        switch(settings.releases_dir, release_id)
    return folder


# --- the state


def test_before_the_first_night_every_part_says_that_there_is_nothing_yet(settings):
    page = said(settings)
    told = text_of(page)
    assert "There is no release yet, so readers have nothing." in told
    assert "No night has run yet." in told
    assert "the gate sources has never run" in told
    assert "the gate publish has never run" in told
    assert "<table" not in page


def test_the_state_says_which_release_readers_have_how_old_it_is_and_links_its_report(settings):
    publish(settings, RELEASE, {"fct_orders": 7}, at=NOW - timedelta(hours=3))
    page = said(settings, run())
    assert f"Readers have release {RELEASE} of the night of 2 January 2018" in text_of(page)
    assert "published 3 h ago" in text_of(page)
    assert f'href="releases/{RELEASE}.html"' in page


def test_a_release_without_a_report_says_how_to_make_it(settings):
    publish(settings, RELEASE, {}, report=False)
    page = said(settings)
    assert "It has no report; rapport releases report makes it." in text_of(page)
    assert f"{RELEASE}.html" not in page


@pytest.mark.parametrize(
    ("task", "book"),
    [
        ("extract.shop_orders", "extract_failed.md"),
        ("check_sources", "source_gate_failed.md"),
        ("dbt.build", "build_failed.md"),
        ("check_release", "publish_gate_failed.md"),
        ("subtract_opt_outs", "subtraction_failed.md"),
    ],
)
def test_a_failed_night_names_the_task_and_links_its_runbook_and_the_run(settings, task, book):
    page = said(settings, run(state="failed"), tasks=[Task(task, "failed", 3.0)])
    told = text_of(page)
    assert "The night of 2 January 2018 failed at 2018-01-03 02:35 UTC, after 5 min 0 s" in told
    assert f": {task}." in told
    assert f'href="runbooks/{book}"' in page
    assert (PROJECT_DIR / "docs" / "runbooks" / book).is_file()
    assert "../dags/customer_relationship_nightly/runs/night_2018-01-02" in page


def test_a_part_that_shows_a_failed_build_is_not_named_beside_it(settings):
    tasks = [Task("dbt.build", "failed", 3.0), Task("dbt.marts.fct_orders", "failed", 0.0)]
    told = text_of(said(settings, run(state="failed"), tasks=tasks))
    assert ": dbt.build. What to do: build failed." in told


def test_a_night_that_ended_well_without_a_pull_says_without_which(settings):
    tasks = [Task("extract.shop_catalog", "failed", 1.0), Task("dbt.build", "success", 9.0)]
    told = text_of(said(settings, run(), tasks=tasks))
    assert (
        "It went on without extract.shop_catalog, which failed. What to do: extract failed" in told
    )


def test_a_night_that_runs_says_what_runs_and_how_the_one_before_ended(settings):
    tasks = [Task("dbt.build", "running", 20.0), Task("check_release", "waiting")]
    page = said(settings, run(state="running"), run(1, "failed"), tasks=tasks)
    told = text_of(page)
    assert "The night of 2 January 2018 is running, for 7 h 0 min now: dbt.build." in told
    assert "Before it, the night of 1 January 2018 failed." in told


def test_a_night_that_waits_says_so(settings):
    told = text_of(said(settings, run(state="queued", began=None, ended=None)))
    assert "The night of 2 January 2018 waits to begin." in told


def test_a_run_without_a_logical_date_is_called_by_its_id(settings):
    told = text_of(said(settings, run(as_of=None, run_id="manual")))
    assert "The run manual ended well" in told


def test_a_paused_nightly_is_said_and_else_when_the_next_night_begins(settings):
    assert "The nightly is paused" in text_of(said(settings, run(), is_paused=True))
    told = text_of(said(settings, run(), next_at=NOW + timedelta(hours=1)))
    assert "The next one begins at 2018-01-03 10:30 UTC." in told


# --- nights and steps


def test_every_night_has_a_bar_and_a_failed_one_a_cross(settings):
    nights = section(
        said(settings, *(run(n, "failed" if n == 3 else "success") for n in range(60))), "nights"
    )
    assert "Of the last 60 nights, 59 ended well and 1 failed." in text_of(nights)
    wide, narrow = re.findall(r"<svg.*?</svg>", nights, re.DOTALL)
    for drawing in (wide, narrow):
        assert drawing.count("<rect") == 60
        assert drawing.count(f">{CROSS}<") == drawing.count('fill="#D55E00"/>') == 1
        assert 'aria-label="60 nights, 1 failed' in drawing


def test_a_drawing_of_any_few_nights_can_be_made(settings):
    for count in (1, 2, 5, 13):
        runs = [run(n, minutes=0 if n else 900) for n in range(count)]
        assert "<svg" in section(said(settings, *runs), "nights")


def test_the_slowest_steps_are_tasks_and_parts_of_the_build_by_dbt_s_own_seconds(settings):
    header = Header("night_2018-01-02", NIGHT, "code", ())
    parts = [Part("marts.fct_orders", ("model.fct_orders",))]
    with RecordWriter(settings.build_record_path, header, parts) as writer:
        writer.add(Outcome("model.fct_orders", "fct_orders", "model", "passed", 42.0, rows=5))
    tasks = [
        Task("dbt.build", "success", 100.0),
        Task("dbt.marts.fct_orders", "success", 99.0),
        Task("check_sources", "success", 7.0),
        Task("report_night", "upstream_failed"),
    ]
    steps = text_of(section(said(settings, run(), tasks=tasks), "steps"))
    assert re.search(r"dbt.build 1 min 40 s success dbt.marts.fct_orders 42 s success part", steps)
    assert "check_sources 7.0 s" in steps
    assert "report_night" not in steps
    # the record is of another run: nobody knows what the part took
    other = text_of(section(said(settings, run(run_id="other"), tasks=tasks), "steps"))
    assert "fct_orders" not in other


# --- gates


def docs(settings, gate, night=NIGHT):
    return Docs(settings.data_docs_dir, gate, night)


def test_a_gate_that_stopped_the_night_says_whom_it_concerns_and_where(settings):
    line = "These people did not agree. (audit.safety: expect_x(y): 3 of 5 rows)"
    docs(settings, "publish").write(
        [], [line], ["A new stage. (marts.x: expect_z(y): 1 of 2 rows)"]
    )
    gates = section(said(settings, run()), "gates")
    told = text_of(gates)
    assert "What goes out: the night of 2 January 2018 was stopped" in told
    assert "stopped These people did not agree. audit.safety: expect_x(y): 3 of 5 rows" in told
    assert "let through A new stage. marts.x: expect_z(y): 1 of 2 rows" in told
    assert "What came in: the gate sources has never run." in told


def test_a_gate_that_let_a_night_through_says_with_how_many_warnings(settings):
    docs(settings, "sources").write([], [], ["Late orders."])
    docs(settings, "publish").write([], [], [])
    told = text_of(section(said(settings, run()), "gates"))
    assert (
        "What came in: the night of 2 January 2018 passed 0 checks of 0 tables, with 1 warning."
        in told
    )
    assert "What goes out: the night of 2 January 2018 passed 0 checks of 0 tables." in told


def test_a_gate_that_has_not_come_to_the_last_night_or_to_an_end_says_so(settings):
    docs(settings, "sources")
    docs(settings, "publish", NIGHT - timedelta(days=1)).write([], [], [])
    told = text_of(section(said(settings, run()), "gates"))
    assert (
        "What came in: the night of 2 January 2018 is being looked at, or its gate was ended"
        in told
    )
    assert "It has not looked at the night of 2 January 2018." in told


def test_a_damaged_verdict_takes_nothing_else_of_the_page_with_it(settings):
    docs(settings, "sources").write([], [], [])
    (settings.data_docs_dir / "sources" / "verdict.json").write_text("{")
    page = said(settings, run())
    assert "cannot be read" in text_of(section(page, "gates"))
    assert section(page, "releases")


# --- releases


def test_a_release_is_told_beside_the_one_before_it_with_the_tables_that_changed_most(settings):
    old = {"fct_a": 10, "fct_b": 10, "fct_c": 10, "fct_d": 10, "fct_e": 10, "fct_same": 3}
    new = {"fct_a": 110, "fct_b": 5, "fct_c": 14, "fct_d": 13, "fct_e": 12, "fct_same": 3}
    publish(settings, BEFORE, old, at=NOW - timedelta(days=3), current=False)
    publish(settings, RELEASE, new, at=NOW - timedelta(hours=2))
    told = text_of(section(said(settings), "releases"))
    assert f"2 Jan 2018 {RELEASE} current report 2018-01-03 07:30 2 h 70 1" in told
    assert f"fct_a +100, fct_b {MINUS}5, fct_c +4, fct_d +3, and 1 more" in told
    assert f"{BEFORE} report 2017-12-31 09:30 3 d 70 1" in told
    assert "There is no earlier one to compare it with." in told
    assert "+104" in told


def test_a_release_that_was_withdrawn_says_so(settings):
    publish(settings, BEFORE, {"fct_a": 1})
    publish(settings, RELEASE, {"fct_a": 1}, current=False)
    record(settings.releases_dir, "rolled back", BEFORE, before=RELEASE, why="wrong")
    told = text_of(section(said(settings), "releases"))
    assert f"{RELEASE} withdrawn" in told
    assert f"{BEFORE} current" in told


def test_a_reduced_release_says_who_was_taken_out_of_it_after_its_night(settings):
    publish(settings, BEFORE, {"fct_a": 1}, current=False)
    taken = {"loyal": {"opted_out": 2}}
    reduced = {"reduced_from": BEFORE, "night": "2018-01-02", "customers": 2, "taken_out": taken}
    publish(settings, BEFORE[:-1] + "c", {"fct_a": 1}, reduction=reduced)
    told = text_of(section(said(settings), "releases"))
    assert "current, reduced" in told
    assert f"reduced from {BEFORE}: 2 customers taken out by the news of 2018-01-02." in told


@pytest.mark.parametrize("text", ["", "{", "[]", '{"tables": 5}', '{"tables": []}', None])
def test_a_damaged_manifest_is_said_and_the_rest_of_the_page_is_there(settings, text):
    publish(settings, BEFORE, {"fct_a": 1}, current=False)
    folder = publish(settings, RELEASE, {"fct_a": 1})
    if text is None:
        (folder / "manifest.json").unlink()
    else:
        (folder / "manifest.json").write_text(text)
    page = said(settings, run())
    assert f"{BEFORE}" in text_of(section(page, "releases"))
    assert "cannot be read" in text_of(section(page, "segments"))
    if text != '{"tables": []}':
        assert "manifest is missing or damaged" in text_of(page)


# --- segments


def test_segments_are_those_of_the_current_release_by_the_report_s_own_words(settings):
    publish(settings, RELEASE, {})
    told = text_of(section(said(settings), "segments"))
    assert "1 segment name 2 customers." in told
    assert "Who stays. For Loyalty, by email." in told
    assert "opted out of the channel 3 100%" in told


def test_segments_are_asked_once_of_a_release_and_anew_of_another(settings, monkeypatch):
    asked = []
    from rapport.overview import page as module

    real = module.opened
    monkeypatch.setattr(
        module, "opened", lambda folder, **o: asked.append(folder) or real(folder, **o)
    )
    publish(settings, BEFORE, {})
    said(settings)
    said(settings)
    assert len(asked) == 1
    publish(settings, RELEASE, {})
    assert "Since the release of 1 January 2018" in text_of(section(said(settings), "segments"))
    assert [folder.name for folder in asked] == [BEFORE, RELEASE]


def test_a_release_whose_tables_cannot_be_read_says_so_in_its_part(settings):
    folder = publish(settings, RELEASE, {})
    (folder / "segments.parquet").write_bytes(b"no parquet")
    assert "cannot be read" in text_of(section(said(settings), "segments"))


# --- sources


SOURCES = {
    "read": ["shop"],
    "not_declared": ["hubspot", "klaviyo"],
    "switched_off": ["shop.coupons"],
    "refused": {"shop.products": "scope.x"},
}


def land(settings, stream, load_id, times, night=NIGHT, status=0):
    """One load of one stream of the shop."""
    name = f"{stream}/load_date={night}/{load_id}.0.parquet"
    path = settings.landing_dir / "shop" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"updated_at": pa.array(times, pa.string())}), path)
    listed = settings.landing_dir / "shop" / "_dlt_loads" / f"shop__{load_id}.jsonl"
    listed.parent.mkdir(exist_ok=True)
    load = {"load_id": load_id, "status": status, "load_date": str(night), "files": {name: 1}}
    listed.write_text(json.dumps(load))


def test_what_is_read_left_out_and_why_comes_from_the_current_release(settings):
    publish(settings, RELEASE, {}, sources=SOURCES)
    told = text_of(section(said(settings), "sources"))
    assert "Read from shop. The firm has no hubspot and klaviyo." in told
    assert "Switched off in sources.yml: shop.coupons." in told
    assert "Left out, as the source refused the key: shop.products, which needs scope.x." in told
    assert "shop.coupons switched off in sources.yml" in told
    assert "shop.products left out: the key lacks scope.x" in told
    assert "klaviyo.events" not in told


def test_a_stream_says_when_rows_landed_last_and_how_new_they_are(settings):
    landed = NOW - timedelta(hours=6)
    land(settings, "orders", f"{landed.timestamp():.6f}", ["2018-01-02 20:15:00", "2018-01-01"])
    older = f"{(landed - timedelta(days=1)).timestamp():.6f}"
    land(settings, "orders", older, ["2018-01-01 08:00:00"], NIGHT - timedelta(days=1))
    told = text_of(section(said(settings), "sources"))
    assert "shop.orders read 2018-01-03 03:30 6 h 2018-01-02 20:15" in told


@pytest.mark.parametrize("times", [["2099-01-01 00:00:00"], ["yesterday"], [None], []])
def test_a_time_that_is_garbage_tells_nothing(settings, times):
    land(settings, "orders", f"{NOW.timestamp():.6f}", times)
    told = text_of(section(said(settings), "sources"))
    assert f"shop.orders read 2018-01-03 09:30 0 min {NOTHING}" in told


def test_a_load_that_did_not_arrive_whole_or_is_gone_counts_for_nothing(settings):
    land(settings, "orders", "1514900000.000000", ["2018-01-02 20:15:00"], status=1)
    assert newest_files(settings.landing_dir, "shop", ["orders"]) == {}
    land(settings, "orders", "1514900001.000000", ["2018-01-02 20:15:00"])
    [path] = newest_files(settings.landing_dir, "shop", ["orders"])["orders"]
    (settings.landing_dir / "shop" / path).unlink()
    told = text_of(section(said(settings), "sources"))
    assert f"shop.orders read 2018-01-02 13:33 19 h {NOTHING}" in told


def test_what_the_last_night_landed_is_told_by_pull_and_a_pull_that_failed_is_left_out(settings):
    tasks = [
        Task("extract.shop_orders", "success", 12.0),
        Task("extract.shop_catalog", "failed", 2.0),
        Task("extract.shop_reconciliation", "waiting"),
    ]
    landed = {"shop_orders": {"orders": 1200, "order_lines": 5000, "coupons": 0}}
    told = text_of(section(said(settings, run(), tasks=tasks, landed=landed), "sources"))
    assert "shop_orders 6,200 12 s success orders 1,200, order_lines 5,000 " in told
    assert f"shop_catalog {NOTHING} 2.0 s left out: its pull failed {NOTHING}" in told


# --- the page as such


def test_what_people_and_sources_called_things_is_shown_and_never_run(settings):
    docs(settings, "sources").write([], [HOSTILE], [])
    publish(settings, RELEASE, {}, sources=SOURCES | {"refused": {HOSTILE: HOSTILE}})
    page = said(
        settings,
        run(state="failed", run_id=HOSTILE, as_of=None),
        tasks=[Task(f"extract.{HOSTILE}", "failed", 1.0)],
        landed={HOSTILE: {HOSTILE: 1}},
    )
    assert page.count("<script>") == 1
    assert HOSTILE in text_of(page)


def test_the_only_script_of_the_page_is_the_one_that_its_policy_names(settings):
    page = said(settings)
    [script] = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = b64encode(sha256(script.encode()).digest()).decode()
    assert f"'sha256-{digest}'" == SCRIPT_HASH
    assert f"script-src {SCRIPT_HASH}" in html.unescape(page)


def test_the_page_loads_nothing_and_its_own_links_are_relative(settings):
    publish(settings, RELEASE, {})
    page = said(settings, run(), tasks=[Task("dbt.build", "success", 1.0)])
    assert not re.findall(r'(?:src|href)="(?:https?:|//|/)', page)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.04, "0.0 s"),
        (9.96, "9 s"),
        (59.9, "59 s"),
        (61, "1 min 1 s"),
        (3599, "59 min 59 s"),
        (7300, "2 h 1 min"),
    ],
)
def test_how_long_something_took_is_told_to_the_second_where_that_says_something(seconds, words):
    assert took(seconds) == words


def test_moments_are_told_in_utc_to_the_minute():
    zone = timezone(timedelta(hours=2))
    assert moment(datetime(2018, 1, 2, 3, 4, tzinfo=zone)) == "2018-01-02 01:04"


# --- runbooks


@pytest.mark.parametrize(
    "path", sorted((PROJECT_DIR / "docs/runbooks").glob("*.md")), ids=lambda p: p.stem
)
def test_every_runbook_is_a_page_whose_links_and_pictures_are_there(path):
    page = runbook_page(path)
    assert "<h1>" in page
    for target in re.findall(r'(?:src|href)="([^"#:]+)"', page):
        assert (path.parent / target).is_file(), target


def test_a_runbook_keeps_the_lines_of_its_commands_and_shows_html_as_text(tmp_path):
    path = tmp_path / "x.md"
    path.write_text(f"# X\n\n```sh\none\n  two\n```\n\n{HOSTILE} [away](../away.md) [here](x.md)\n")
    page = runbook_page(path)
    assert "one\n  two" in page
    assert "<script>" not in page
    assert "away.md" not in page
    assert "away" in text_of(page)
    assert '<a href="x.md">here</a>' in page
