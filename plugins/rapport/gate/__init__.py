"""The gate: Great Expectations decides what may go on, and a doubt is a no.

A checkpoint (``expectations/checkpoints/<name>.yml``) names tables and the suites
that guard them. ``run_checkpoint`` reads each table into a small frame, lets Great
Expectations evaluate the suite, writes Data Docs without values, and raises
`GateFailed` if anything critical failed *or could not be told*: a file that does not
parse, a table that is missing or empty, an expectation that raised, was dropped or
looked at nothing.
"""

from rapport.gate.checkpoints import CheckpointResult, run_checkpoint
from rapport.gate.docs import GATES, RUNBOOKS, Looked, last_verdicts
from rapport.gate.frames import stamp_of

__all__ = [
    "GATES",
    "RUNBOOKS",
    "CheckpointResult",
    "Looked",
    "last_verdicts",
    "run_checkpoint",
    "stamp_of",
]
