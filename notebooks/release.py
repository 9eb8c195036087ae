"""The release that readers have, for one person without a server: `make notebook`.

The report's own parts behind filters, and a place to ask the release's tables. It opens
``releases/current`` of RAPPORT_HOME read-only, once: after a new night, open it again.
"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Rapport: a release")


@app.cell(hide_code=True)
def _():
    import duckdb
    import marimo as mo

    from rapport.pages import day
    from rapport.release import current_release
    from rapport.report import (
        attribution,
        campaigns,
        customers,
        emotion,
        journeys,
        needs,
        pressure,
        relationship,
        segments,
        trade,
    )
    from rapport.report.night import Choice, opened
    from rapport.report.page import part_of, style
    from rapport.report.words import TIERS, TYPES, in_order, plain
    from rapport.settings import Settings

    return (
        Choice,
        Settings,
        TIERS,
        TYPES,
        attribution,
        campaigns,
        current_release,
        customers,
        day,
        duckdb,
        emotion,
        in_order,
        journeys,
        mo,
        needs,
        opened,
        part_of,
        plain,
        pressure,
        relationship,
        segments,
        style,
        trade,
    )


@app.cell(hide_code=True)
def _(Settings, current_release, day, duckdb, mo):
    releases = Settings.from_env().releases_dir
    release_id = current_release(releases)
    mo.stop(release_id is None, mo.md(f"There is no release in `{releases}` yet: `make run`."))
    folder = releases / release_id
    night = duckdb.connect(str(folder / "rapport.duckdb"), read_only=True)
    mo.md(
        f"# The night of {day(release_id[:10])}\n\n"
        f"Release `{release_id}`, opened on this machine and only read."
    )
    return folder, night


@app.cell(hide_code=True)
def _(TIERS, TYPES, day, in_order, mo, night, plain):
    def terms(column, table):
        found = night.execute(f"select distinct {column} from {table} where {column} is not null")
        return [term for (term,) in found.fetchall()]

    customers_now = "marts.dim_customer_relationships"
    types = mo.ui.multiselect(
        {plain(each): each for each in in_order(terms("relationship_type", customers_now), TYPES)},
        label="Relationship type",
    )
    tiers = mo.ui.multiselect(
        in_order(terms("value_tier", customers_now), TIERS), label="Value tier"
    )
    lists = mo.ui.multiselect(
        {plain(each): each for each in sorted(terms("segment", "segments.segments"))},
        label="Segment",
    )
    months = sorted(terms("month_end_date", "marts.rpt_relationship_portfolio"), reverse=True)
    month = mo.ui.dropdown({day(each): each for each in months}, label="Month end")
    mo.hstack([types, tiers, lists, month], justify="start", wrap=True)
    return lists, month, tiers, types


@app.cell(hide_code=True)
def _(Choice, lists, month, tiers, types):
    choice = Choice(tuple(types.value), tuple(tiers.value), tuple(lists.value), month.value)
    return (choice,)


@app.cell(hide_code=True)
def _(
    Choice,
    choice,
    customers,
    folder,
    mo,
    needs,
    opened,
    part_of,
    pressure,
    relationship,
    segments,
):
    # What each part obeys: by a filter that its figures do not know it would be half filtered.
    OBEYED = {
        segments.segments: ("types", "tiers", "segments"),
        relationship.portfolio: ("types", "tiers", "month"),
        relationship.transitions: ("types", "month"),
        relationship.wanted_and_given: ("types", "tiers", "segments"),
        pressure.pressure: ("types", "tiers", "segments"),
        pressure.response: ("types",),
        needs.needs: ("types", "tiers", "segments"),
        customers.ten_of_each: ("types", "tiers", "segments"),
    }
    SAID = {
        "types": "relationship type",
        "tiers": "value tier",
        "segments": "segment",
        "month": "month end",
    }

    def shown(part):
        obeyed = OBEYED.get(part, ())
        with opened(folder, Choice(**{name: getattr(choice, name) for name in obeyed})) as found:
            section = part(found)
        passed = [SAID[name] for name in SAID if name not in obeyed and getattr(choice, name)]
        note = f'<p class="look">Not filtered by {" and ".join(passed)}.</p>' if passed else ""
        told = part_of(section) if section else ""  # an older release may know nothing of it
        return mo.Html(f'<div class="report">{note}{told}</div>')

    return OBEYED, shown


@app.cell(hide_code=True)
def _(OBEYED, mo, shown, style):
    # A page of the report has room around its parts, and marimo takes the weight from headings.
    own = ".report section { margin: 0; } .report :is(h2, h3) { font-weight: 700; }"
    mo.vstack([mo.Html(f"<style>{style()} {own}</style>"), *map(shown, OBEYED)])
    return


@app.cell(hide_code=True)
def _(attribution, campaigns, emotion, journeys, mo, shown, trade):
    mo.vstack(
        [
            mo.md("## Of everybody, whatever is chosen"),
            mo.accordion(
                {
                    "Campaigns and flows": lambda: shown(campaigns.results),
                    "Sales and cohorts": lambda: shown(trade.sales),
                    "Journeys": lambda: shown(journeys.flow),
                    "Friction": lambda: shown(journeys.friction),
                    "Attribution": lambda: shown(attribution.attribution),
                    "Feelings along the journey": lambda: shown(emotion.emotion),
                },
                lazy=True,
            ),
        ]
    )
    return


@app.cell(hide_code=True)
def _(mo):
    query = mo.ui.text_area(
        "select segment, clause, count(*) as customers\n"
        "from segments.segment_suppressions\n"
        "group by all\norder by all",
        label="Ask the release's tables",
        full_width=True,
    ).form(submit_button_label="Ask", bordered=False)
    query
    return (query,)


@app.cell(hide_code=True)
def _(duckdb, mo, night, query):
    mo.stop(query.value is None)
    try:
        answer = mo.ui.table(night.sql(query.value).df(), selection=None)
    except duckdb.Error as error:
        answer = mo.md(f"```\n{error}\n```")
    answer
    return


if __name__ == "__main__":
    app.run()
