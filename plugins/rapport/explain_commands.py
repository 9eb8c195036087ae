"""``rapport explain``: one customer's whole story, in the terminal or as a page."""

from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from rapport.errors import ExplainError, SettingsError
from rapport.explain import Story, customer_of_record, story_of, ties_of
from rapport.pages import day, environment
from rapport.release import find_release
from rapport.release_commands import ReleasesDir, releases_folder
from rapport.settings import Settings


def explain_command(
    customer_id: Annotated[
        str | None, typer.Argument(help="Theirs, or one that they had before.")
    ] = None,
    record: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="SOURCE ID", help="Their record in a source, `hubspot 2031`."),
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page into this file instead.")] = None,
    release_id: Annotated[
        str | None, typer.Option("--release", help="The release; the current one by default.")
    ] = None,
    directory: ReleasesDir = None,
) -> None:
    """Tell one customer's whole story: records, consent, relationship, journey, value, lists.

    Everything comes from one release, but for the records behind the customer, which the build
    warehouse has. Nobody's name, address or telephone number is shown.
    """
    if (customer_id is None) == (record is None):
        raise SettingsError("say who: a customer's id, or --record SOURCE ID")
    warehouse = Settings.from_env().warehouse_path
    wanted = customer_of_record(warehouse, *record) if record else str(customer_id)
    folder = find_release(releases_folder(directory), release_id).path
    story = story_of(folder, wanted, records=lambda known: ties_of(warehouse, known))
    if html is None:
        _show(story)
        return
    try:
        # Of its owner only: it is about one person.
        html.touch(mode=0o600)
        html.chmod(0o600)
        html.write_text(page_of(story), encoding="utf-8")
    except OSError as error:
        raise ExplainError(f"{html} cannot be written: {error.strerror}") from error
    typer.echo(html)


def page_of(story: Story) -> str:
    """Return the story as a page of HTML."""
    templates = environment(Path(__file__).parent / "explain")
    return templates.get_template("story.html.jinja").render(story=story)


def _show(story: Story) -> None:
    console = Console(highlight=False)
    console.print(f"[bold]Customer {story.customer_id}[/]")
    console.print(f"as the night of {day(story.as_of)} knows them (release {story.release_id})")
    if story.asked_for:
        console.print(f"{story.asked_for} is a former id of theirs")
    for part in story.parts:
        console.print(f"\n[bold]{part.title}[/]")
        for said in part.said:
            console.print(f"  {escape(said)}")
        if part.rows:
            table = Table(box=box.SIMPLE)
            for head in part.heads:
                table.add_column(head, overflow="fold")
            for row in part.rows:
                table.add_row(*map(escape, row))
            console.print(table)
