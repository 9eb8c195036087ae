"""A message: what it says, as a mail and as JSON."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rapport import pages
from rapport.overview.words import moment, runbook_of
from rapport.pages import age_in_words, day
from rapport.release import ReleaseInfo

VERSION = 1
WIDTH = 11
MOST_ALIKE = 3


@dataclass(frozen=True)
class Step:
    """A step of a night that failed.

    Attributes:
        task_id: as Airflow has it.
        said: the first sentence of its error; empty where nobody may tell or knows it.
        error: the error's kind; empty for a process that was killed.
        found: the models and tests, or the expectations, that failed, a line each.
    """

    task_id: str
    said: str = ""
    error: str = ""
    found: tuple[str, ...] = ()

    @property
    def because(self) -> str:
        """Why it failed, in a sentence."""
        if self.said:
            return self.said
        if self.error:
            return f"it raised {self.error}; its log says more"
        return "it left no word, as its process was killed or lost; its log may say more"


@dataclass(frozen=True)
class Place:
    """Where people reach Airflow.

    Attributes:
        base: URL of Airflow, without a path; empty where it was not told.
        pages: path of our pages inside the UI.
        runs: path of the nightly's runs.
    """

    base: str
    pages: str
    runs: str

    def run(self, run_id: str) -> str:
        """Link to a run."""
        return f"{self.base}{self.runs}{quote(run_id, safe='')}"

    def page(self, page: str = "") -> str:
        """Link to a page of ours."""
        return f"{self.base}{self.pages}{page}"


@dataclass(frozen=True)
class Alert:
    """A message.

    Attributes:
        kind: ``extract_failed``, ``gate_closed``, ``build_failed``, ``subtraction_failed``,
            ``publish_failed``, ``report_failed``, ``night_failed``, ``activation_failed``,
            ``release_missing``, ``release_old`` or ``trial``.
        subject: one line.
        opening: what happened, in a sentence or two.
        place: where its links lead.
        at: when it was composed (UTC).
        night: which night it is about; None where it is about none.
        run_id: which run; empty where it is about none.
        steps: what failed, the first cause first.
        going_on: what is under way and what was taken out: heading and line.
        release: what readers have; None before the first release.
        knows_readers: whether anybody could tell that.
    """

    kind: str
    subject: str
    opening: str
    place: Place
    at: datetime
    night: date | None = None
    run_id: str = ""
    steps: tuple[Step, ...] = ()
    going_on: tuple[tuple[str, str], ...] = ()
    release: ReleaseInfo | None = None
    knows_readers: bool = True

    @property
    def runbook(self) -> str:
        """Which page says what to do."""
        return next((page for s in self.steps if (page := runbook_of(s.task_id))), "alerts.md")

    @property
    def readers(self) -> str:
        """What readers have."""
        if not self.knows_readers:
            return "may have any release: it could not be read"
        if not self.release:
            return "have no release yet"
        said = f"have release {self.release.release_id} of the night of {day(self.release.as_of)}"
        at = self.release.published_at
        if not at:
            return said
        age = age_in_words((self.at - at).total_seconds())
        return f"{said}, published {age} ago ({moment(at)} UTC)"

    @property
    def rows(self) -> list[tuple[str, list[str]]]:
        """What is known, by heading."""
        rows: list[tuple[str, list[str]]] = []
        # Steps that found nothing beside their error are pulls, which fail by the dozen.
        alike = [step for step in self.steps if not step.found]
        untold = alike[MOST_ALIKE:]
        for step in self.steps:
            if step not in untold:
                rows.append(("Failed", [f"{step.task_id}: {step.because}"]))
            if step.found:
                rows.append(("Found", list(step.found)))
        if untold:
            rows.append(("Also failed", [", ".join(step.task_id for step in untold)]))
        rows += [(heading, [line]) for heading, line in self.going_on]
        return [*rows, ("Readers", [self.readers])]

    @property
    def links(self) -> list[tuple[str, str, str]]:
        """Heading, words and URL of where to go on."""
        name = self.runbook.removesuffix(".md")
        links = [("What to do", f"runbook {name}", self.place.page(f"runbooks/{self.runbook}"))]
        if self.run_id:
            links.append(("The run", self.run_id, self.place.run(self.run_id)))
        return [*links, ("The page", "Rapport", self.place.page())]

    @property
    def text(self) -> str:
        """The message for people, as plain text."""
        lines = [self.opening, ""]
        for heading, said in self.rows:
            for number, line in enumerate(said):
                lines.append(f"{'' if number else heading:<{WIDTH}} {line}".rstrip())
        lines.append("")
        lines += [
            f"{heading:<{WIDTH}} {words}\n{'':<{WIDTH}} {url}" for heading, words, url in self.links
        ]
        return "\n".join(lines) + "\n"

    @property
    def html(self) -> str:
        """The same as a page that loads nothing."""
        template = pages.environment(Path(__file__).parent).get_template("alert.html.jinja")
        return template.render(alert=self)

    def as_json(self) -> dict[str, Any]:
        """What a webhook gets; docs/runbooks/alerts.md says what each member means."""
        release = self.release
        return {
            "type": "rapport.alert",
            "version": VERSION,
            "kind": self.kind,
            "at": self.at.astimezone(UTC).isoformat(timespec="seconds"),
            "subject": self.subject,
            "text": f"{self.subject}\n\n{self.text}",
            "night": self.night.isoformat() if self.night else None,
            "run_id": self.run_id or None,
            "steps": [
                {"step": step.task_id, "because": step.because, "found": list(step.found)}
                for step in self.steps
            ],
            "going_on": [line for _, line in self.going_on],
            "release": {
                "release_id": release.release_id,
                "night": release.as_of.isoformat(),
                "published_at": release.published_at.isoformat() if release.published_at else None,
            }
            if release
            else None,
            "runbook": {
                "name": self.runbook.removesuffix(".md"),
                "url": self.place.page(f"runbooks/{self.runbook}"),
            },
            "run_url": self.place.run(self.run_id) if self.run_id else None,
            "page_url": self.place.page(),
        }
