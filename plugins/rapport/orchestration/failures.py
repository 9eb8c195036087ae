"""Which of our errors are worth another try, and what no night fails for."""

import functools
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec

from airflow.sdk.exceptions import AirflowFailException

from rapport.errors import (
    ArchiveDenied,
    NotBefore,
    RequestError,
    SettingsError,
    SourceDenied,
    UnusableTable,
)

P = ParamSpec("P")
logger = logging.getLogger(__name__)


@contextmanager
def no_retry_when_hopeless() -> Iterator[None]:
    """Fail the task for good when trying again fails the same way."""
    try:
        yield
    except (
        *(ArchiveDenied, NotBefore, RequestError),
        *(SettingsError, SourceDenied, UnusableTable),
    ) as error:
        raise AirflowFailException(str(error)) from None


def harmless(say: Callable[P, None]) -> Callable[P, None]:
    """Have what only tells somebody of the night do no more than log that it could not.

    The error's text is left out: a database may quote a value in it.
    """

    @functools.wraps(say)
    def said(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            say(*args, **kwargs)
        except Exception as error:
            what = f"{say.__module__}.{say.__qualname__}"
            logger.warning("%s: nothing was said: %s", what, type(error).__name__)
            logger.debug("%s", what, exc_info=True)

    return said
