"""Every error Rapport raises on purpose, rooted at RapportError.

An error says what failed, where, and what to do; it never carries a token or a
value of a customer.
"""

from collections.abc import Sequence
from datetime import datetime


class RapportError(Exception):
    """Base class: catch this to catch anything Rapport raises on purpose."""


class SettingsError(RapportError):
    """A setting is missing or cannot be used."""


class FileError(SettingsError):
    """What a file of the firm's says cannot be.

    Attributes:
        problems: one line per fault, with its file and line.
    """

    said = "the file cannot be used:"

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join([self.said, *self.problems]))


class PolicyError(FileError):
    """What the firm's policies say cannot be."""

    said = "the policies cannot be used:"


class SourcesError(FileError):
    """Which sources the firm has cannot be told."""

    said = "the sources cannot be used:"


class SourceError(RapportError):
    """A source answered in a way the extractor cannot use; a retry may help.

    Attributes:
        connection: the Airflow connection the source is reached by.
        said: the message without it.
    """

    def __init__(self, connection: str, message: str) -> None:
        self.connection, self.said = connection, message
        super().__init__(f"connection {connection!r}: {message}")


class SourceDenied(SourceError):
    """The source refused the credentials; asking again cannot help.

    Attributes:
        missing_scopes: what the source says that they lack; empty where it does not say.
    """

    def __init__(self, connection: str, message: str, missing_scopes: Sequence[str] = ()) -> None:
        self.missing_scopes = tuple(missing_scopes)
        super().__init__(connection, message)


class ScopeMissing(SourceDenied):
    """The source knows the credentials and refuses this one request: they lack a scope."""


class SourceRefused(SourceError):
    """The source refused a request for what it asks (400, 404, 410, 413, ...); another may pass.

    Attributes:
        status: the answer's.
    """

    def __init__(self, connection: str, message: str, status: int) -> None:
        self.status = status
        super().__init__(connection, message)


class UnusableTable(SourceError):
    """What a declared source has is otherwise than its mapping says; asking again cannot help.

    Attributes:
        problems: one line per table or file, with what to do.
    """

    def __init__(self, source: str, problems: Sequence[str]) -> None:
        self.connection, self.problems = f"rapport_{source}", list(problems)
        self.said = "\n".join(self.problems)
        RapportError.__init__(self, f"source {source}: {self.said}")


class OutcomeUnknown(SourceError):
    """A call that changes something got no answer: it may have been carried out, or not.

    Raised after the tries that the connection allows, for a time-out, a broken connection and a
    server's own error. What came of it is found by reading.
    """


class NotBefore(SourceError):
    """The source answers again at an hour at which this pull is over; no retry helps before it.

    Attributes:
        until: the hour; None where the source does not tell it.
    """

    def __init__(self, connection: str, message: str, until: datetime | None = None) -> None:
        self.until = until
        super().__init__(connection, message)


class BudgetSpent(NotBefore):
    """The account has made all the calls that it may make for now, as in a day."""


class DeadlinePassed(SourceError):
    """A pull takes longer than it may; what came before is landed, and the next one goes on."""


class LandingError(RapportError):
    """A load did not arrive in the landing as a whole."""


class DamagedLanding(LandingError):
    """A file of the landing cannot be read any more; its load was set aside, to be pulled again."""


class BuildError(RapportError):
    """The warehouse cannot be built as it stands, or a model or test of it failed."""


class DamagedWarehouse(BuildError):
    """The build file cannot be read any more; it is made again from nothing."""


class GateFailed(RapportError):
    """A checkpoint failed, so nothing downstream of it may be published.

    Attributes:
        checkpoint: name of the checkpoint, as in ``expectations/checkpoints``.
        failures: one ``"suite: expectation(column)"`` line per failure.
    """

    def __init__(self, checkpoint: str, failures: Sequence[str]) -> None:
        self.checkpoint = checkpoint
        self.failures = list(failures)
        super().__init__(f"checkpoint {checkpoint!r} failed: " + "; ".join(self.failures))


class ReleaseError(RapportError):
    """A release could not be built, verified or switched; `current` is as it was."""


class ReportError(RapportError):
    """The report of a release could not be made; the release is as it was.

    Attributes:
        release_id: the release.
    """

    def __init__(self, release_id: str, reason: str) -> None:
        self.release_id = release_id
        super().__init__(f"no report of release {release_id}: {reason}")


class ArchiveError(RapportError):
    """The archive could not be written or read; the home is as it was, and a retry may help.

    Attributes:
        url: the archive.
        said: the message without it.
    """

    def __init__(self, url: str, message: str) -> None:
        self.url, self.said = url, message
        super().__init__(f"archive {url}: {message}")


class ArchiveDenied(ArchiveError):
    """The archive refuses, or belongs to another installation; asking again cannot help."""


class ExportError(RapportError):
    """A table of a release could not be written into a file; what was there is as it was."""


class BiError(RapportError):
    """Postgres could not be given a release; its readers have what they had."""


class ActivationError(RapportError):
    """Segments could not be brought to a destination, or not all; what was sent is accounted for.

    Attributes:
        destination: which.
    """

    def __init__(self, destination: str, message: str) -> None:
        self.destination = destination
        super().__init__(f"activation of {destination}: {message}")


class ExplainError(RapportError):
    """What is known of a customer cannot be told: nobody has that id, or nobody can be asked."""


class ErasureError(RapportError):
    """People cannot be erased, or are not everywhere yet; the same request goes on from there."""


class RequestError(ErasureError):
    """Whom a request means cannot be told; asking again cannot help."""


def innermost(error: BaseException) -> BaseException:
    """Return the error at the bottom of a chain: what happened, not what it was called after."""
    while cause := error.__cause__ or error.__context__:
        error = cause
    return error
