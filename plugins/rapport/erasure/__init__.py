"""Erasure: whoever asks for it is nowhere any more, and does not come back.

::

    <landing>/.erased/<request>.json     the tombstone: by what they are known again, hashed
    <home>/erasures/<request>.json       the report: each place, how much was there and how much is
    <home>/erasures/<request>.pending    ids of their records at destinations, until these forgot

The tombstone comes first. From then on nothing of theirs lands, and everything else is found by
asking it: so whatever interrupts an erasure, the next call goes on without knowing who it was.
"""

from rapport.erasure.places import Place, places_of
from rapport.erasure.report import Looked, Report
from rapport.erasure.run import Destination, erase, open_requests

__all__ = [
    "Destination",
    "Looked",
    "Place",
    "Report",
    "erase",
    "open_requests",
    "places_of",
]
