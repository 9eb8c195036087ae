"""The landing: parquet as it came, added to and never changed, but for who was erased.

``<landing>/<source>/<stream>/load_date=<as of>/<load id>.<file id>.parquet``. A load is one slice
of a pull: what came within a minute or so and may stand on its own. Its files are written in the
pull's own working folder and moved here whole; then the load is listed, in one step, in
``<source>/_dlt_loads`` (the list that dlt kept when it wrote the loads, which still count). A load
that is not listed does not count: a process that is killed loses the slice that it was at and
nothing else, and the next pull of the source sweeps what it left.

The night of a date sees the loads of that date and earlier. Where a pull starts is read from those
same files, not from a state kept beside them: so an old night can be pulled again after newer
ones, and the start can never disagree with what is there.

A file that cannot be read any more costs its load: the load is taken off the list and its files are
laid in ``<source>/_damaged``; pulls then start before it, until one of them has come to its end.

Who was erased is taken out of every load (``rapport.landing.rewriting``), and ``<landing>/.erased``
says who may not land again (``rapport.tombstones``).
"""

from rapport.landing.damage import damage_named, damaged_files, examine, set_aside_damaged
from rapport.landing.loads import (
    DECLARED_FILE,
    OF_LANDING,
    completed_loads,
    files_of_night,
    kept,
    last_night,
    listed_loads,
    loads_of_night,
    lock_of,
    locked,
    names_files,
    newest_files,
)
from rapport.landing.reading import Reached, declare, is_lost, opened, reached, started, watermark
from rapport.landing.rewriting import Change, Changed, count, read, rewrite, settle
from rapport.landing.slices import Slices

__all__ = [
    "DECLARED_FILE",
    "OF_LANDING",
    "Change",
    "Changed",
    "Reached",
    "Slices",
    "completed_loads",
    "count",
    "damage_named",
    "damaged_files",
    "declare",
    "examine",
    "files_of_night",
    "is_lost",
    "kept",
    "last_night",
    "listed_loads",
    "loads_of_night",
    "lock_of",
    "locked",
    "names_files",
    "newest_files",
    "opened",
    "reached",
    "read",
    "rewrite",
    "set_aside_damaged",
    "settle",
    "started",
    "watermark",
]
