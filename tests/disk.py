"""A disk that is full, for whoever writes while it is."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def full_disk(file_bytes: int = 0) -> Iterator[None]:
    """Refuse every file of this process that grows beyond so many bytes.

    The kernel answers "File too large" where a disk would say "No space left on device"; whoever
    writes meets both as an ``OSError`` of a half-written file.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
