"""Data Docs: what the gate found, as pages that need no network and show no value.

Great Expectations' own pages load styles, scripts and a logo from eight hosts: without
them the index stays empty, with them every reader is reported to strangers. So remote
parts are cut out, a small style sheet is put in, and the index is a plain page that
also says how severe a failure is and why it matters, which theirs does not.
"""

import html
import re
import shutil
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

SITE = "rapport"

_REMOTE = re.compile(
    r"<script[^>]*\bsrc=[\"']https?://[^>]*>\s*</script>"
    r"|<(?:link|img)[^>]*\b(?:href|src)=[\"']https?://[^>]*>"
    r"|<footer.*?</footer>",
    re.DOTALL | re.IGNORECASE,
)

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 68rem; padding: 0 1rem;
  color: #1c2330; background: #fff }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin-top: 2rem } a { color: #0b57d0 }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 }
td, th { border-bottom: 1px solid #d8dee9; padding: .35rem .6rem; text-align: left;
  vertical-align: top; overflow-wrap: anywhere }
li { margin: .3rem 0; overflow-wrap: anywhere }
.stopped { color: #b3261e } .passed { color: #1e6b3a }
i.text-success::before { content: "pass"; color: #1e6b3a }
i.text-danger::before { content: "FAIL"; color: #b3261e; font-weight: bold }
i.text-warning::before { content: "ERROR"; color: #b3261e; font-weight: bold }
form, .breadcrumb, .ge-cta-footer, .navbar, .page-action-card { display: none }
@media (prefers-color-scheme: dark) { body { color: #e6e9ef; background: #14171c }
  a { color: #8ab4f8 } td, th { border-color: #3a414d } }
"""


class Docs:
    """The Data Docs of one checkpoint and night: ``<data_docs_dir>/<checkpoint>/``.

    The last night's are removed first, so that a gate that fails early never shows
    pages of a night that passed.
    """

    def __init__(self, data_docs_dir: Path, checkpoint: str, as_of: date) -> None:
        self.folder = data_docs_dir / checkpoint
        self.checkpoint = checkpoint
        self.as_of = as_of
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)

    def attach(self, context: Any) -> Any:
        """Give a Great Expectations context this site, and return the action that fills it."""
        from great_expectations.checkpoint import UpdateDataDocsAction

        for name, site in dict(context.variables.data_docs_sites).items():
            context.delete_data_docs_site(name)  # it would lie in a temporary folder
            shutil.rmtree(site["store_backend"]["base_directory"], ignore_errors=True)
        context.add_data_docs_site(
            SITE,
            {
                "class_name": "SiteBuilder",
                "show_how_to_buttons": False,
                "store_backend": {
                    "class_name": "TupleFilesystemStoreBackend",
                    "base_directory": str(self.folder),
                },
                "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
            },
        )
        return UpdateDataDocsAction(name="data_docs", site_names=[SITE])

    def forget(self, table: str) -> None:
        """Remove a table's results: the text of an exception on them may quote a value."""
        shutil.rmtree(self.folder / "validations" / Path(*table.split(".")), ignore_errors=True)

    def write_index(
        self,
        tables: Sequence[str],
        evaluated: int,
        critical: Sequence[str],
        warnings: Sequence[str],
    ) -> None:
        """Make the pages self-contained and write the page one starts from."""
        (self.folder / "style.css").write_text(_STYLE)
        for page in self.folder.rglob("*.html"):
            self._make_local(page)
        verdict = (
            f'<p class="stopped"><b>Stopped</b>: {len(critical)} critical.</p>'
            if critical
            else '<p class="passed"><b>Passed</b>.</p>'
        )
        body = [
            f"<h1>Gate <code>{self.checkpoint}</code>, night of {self.as_of}</h1>",
            verdict,
            f"<p>Tables: {len(tables)}. Expectations: {evaluated}. Warnings: {len(warnings)}.</p>",
            *_listed("What stopped it", critical),
            *_listed("Warnings", warnings),
            "<h2>Tables</h2><table><tr><th>table</th><th>tonight</th><th>suite</th></tr>",
            *(self._table_row(table) for table in tables),
            "</table>",
        ]
        (self.folder / "index.html").write_text(_page(f"Gate {self.checkpoint}", "\n".join(body)))

    def _table_row(self, table: str) -> str:
        """Link a table's result and its suite, where Great Expectations got that far."""
        place = Path(*table.split("."))
        results = sorted((self.folder / "validations" / place).rglob("*.html"))
        suite = self.folder / "expectations" / place.with_suffix(".html")
        cells = (
            f'<a href="{page.relative_to(self.folder).as_posix()}">{text}</a>'
            if page and page.is_file()
            else "none"
            for page, text in ((results[-1] if results else None, "results"), (suite, "suite"))
        )
        return f"<tr><td>{table}</td>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"

    def _make_local(self, page: Path) -> None:
        depth = len(page.relative_to(self.folder).parts) - 1
        style = f'<link rel="stylesheet" href="{"../" * depth}style.css">'
        text = _REMOTE.sub("", page.read_text(encoding="utf-8"))
        page.write_text(text.replace("</head>", f"{style}</head>", 1), encoding="utf-8")


def _listed(title: str, lines: Sequence[str]) -> list[str]:
    if not lines:
        return []
    return [f"<h2>{title}</h2><ul>", *(f"<li>{html.escape(line)}</li>" for line in lines), "</ul>"]


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<link rel="stylesheet" href="style.css"></head>\n<body>\n{body}\n</body></html>\n'
    )
