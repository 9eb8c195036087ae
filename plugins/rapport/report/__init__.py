"""The night's report: one page of pictures, made of a release alone.

It stands beside the release, ``releases/<release_id>.html``, needs nothing but a browser, and
goes when the release goes. It reads the released tables only, so it shows nothing that the gate
did not pass; and no clock and no lot, so the same release gives the same page.
"""

from rapport.report.page import write_report

__all__ = ["write_report"]
