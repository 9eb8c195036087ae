"""Which of our errors are worth another try."""

from collections.abc import Iterator
from contextlib import contextmanager

from airflow.sdk.exceptions import AirflowFailException

from rapport.errors import ArchiveDenied, NotBefore, SettingsError, SourceDenied


@contextmanager
def no_retry_when_hopeless() -> Iterator[None]:
    """Fail the task for good when trying again fails the same way."""
    try:
        yield
    except (ArchiveDenied, NotBefore, SettingsError, SourceDenied) as error:
        raise AirflowFailException(str(error)) from None
