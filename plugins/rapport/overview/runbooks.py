"""Runbooks as pages, so that who is on call need not look for the repository."""

from pathlib import Path
from typing import Any

from markupsafe import Markup

from rapport import pages


def runbook_page(path: Path) -> str:
    """Return a runbook as a page; a link to what is not among the runbooks becomes its text.

    Args:
        path: of the Markdown file.
    """
    from markdown_it import MarkdownIt

    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(path.read_text(encoding="utf-8"))
    for token in tokens:
        if token.children:
            token.children = _without_dead_links(token.children, path.parent)
    title = next(
        (tokens[at + 1].content for at, token in enumerate(tokens) if token.tag == "h1"), path.stem
    )
    lines = map(Markup, markdown.renderer.render(tokens, markdown.options, {}).splitlines())
    template = pages.environment(Path(__file__).parent).get_template("runbook.html.jinja")
    return template.render(title=title, lines=lines)


def _without_dead_links(tokens: list[Any], folder: Path) -> list[Any]:
    kept, is_dead = [], False
    for token in tokens:
        if token.type == "link_open":
            href = str(token.attrGet("href"))
            there = {path.name for path in folder.glob("*.md")}
            is_dead = not href.startswith(("https://", "#")) and href.partition("#")[0] not in there
        if token.type in ("link_open", "link_close") and is_dead:
            is_dead = token.type == "link_open"
            continue
        kept.append(token)
    return kept
