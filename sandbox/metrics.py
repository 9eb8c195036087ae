"""The kinds of event that the Klaviyo look-alike knows."""

from collections.abc import Mapping

from sandbox.clock import FOREVER, klaviyo_time
from sandbox.households import OPENING
from sandbox.ids import code
from sandbox.schema import METRICS, Record, json_text

OWN = {"object": "integration", "name": "Klaviyo", "category": "Internal"}


def metric_record(name: str, integration: Mapping[str, str] = OWN) -> Record:
    """Return one kind of event."""
    stamp = klaviyo_time(OPENING)
    body = {
        "name": name,
        "created": stamp,
        "updated": stamp,
        "integration": {"id": code("integration", name, length=5), **integration},
    }
    return Record(
        METRICS, metric_id(name), OPENING, FOREVER, OPENING, OPENING, None, json_text(body)
    )


def metric_id(name: str) -> str:
    """Return the id of the metric of a name."""
    return code("metric", name, length=6)
