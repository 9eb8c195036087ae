"""The night's report: one page, made of a release and the one before it.

It stands beside the release, ``releases/<release_id>.html``, needs nothing but a browser, and
goes when the release goes. It reads released tables only, so it shows nothing that the gate did
not pass; and no clock and no lot, so the same releases give the same page.
"""

from rapport.report.page import write_report

__all__ = ["write_report"]
