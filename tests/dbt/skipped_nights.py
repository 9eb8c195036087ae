"""What falls on nights that nobody builds, besides what the followed nights bring.

Who is who changes, of people who did something and of those who never did: two contacts become
one for good, one becomes two, two are one for two nights. Somebody is forgotten, somebody comes,
two take back what they allowed, calls of long ago are told, a push notification turns out to have
been an e-mail.
"""

from pathlib import Path

from tests.dbt import followed_nights
from tests.dbt.followed_nights import FIFTH, FIRST, FOURTH, SECOND, SEVENTH, SIXTH, THIRD
from tests.dbt.landing_fixture import land
from tests.dbt.two_nights import _campaign, _contact, _object, _profile, _received, _tied

__all__ = [
    "FIRST",
    "SEVENTH",
    "SIXTH",
    "land_first_night",
    "land_seventh_night",
    "land_skipped_nights",
]


def land_first_night(landing: Path) -> None:
    followed_nights.land_first_night(landing)
    hubspot = {
        "contacts": [
            _person("h20"),
            _person("h21"),
            _person("h22", hs_merged_object_ids="h23"),
            _person("h24"),
            _person("h25"),
            _person("h26", hs_merged_object_ids="h27"),
            _person("h28"),
            _person("h29"),
            _person("h30"),
        ],
        "removals": [_merged("h23", "h22", FIRST), _merged("h27", "h26", FIRST)],
    }
    called = ["h20", "h21", "h22", "h30"]
    hubspot |= _calls(FIRST, {f"call{contact}": contact for contact in called})
    land(landing, "hubspot", FIRST, "H1x", hubspot)
    rows = {
        "campaigns": [{**_campaign("c6", "M6", "2017-02-10"), "channel": "mobile_push"}],
        "events": [_received("e60", "k2", "M6", "2017-02-10T08:00:00+00:00")],
    }
    land(landing, "klaviyo", FIRST, "K1x", rows)


def land_skipped_nights(landing: Path) -> None:
    """Those after the first, up to the sixth; only that one is built."""
    followed_nights.land_second_night(landing)
    rows = {
        "contacts": [
            _person("h20", hs_merged_object_ids="h21"),
            _person("h28", hs_merged_object_ids="h29"),
        ],
        "removals": [_merged("h21", "h20", SECOND), _merged("h29", "h28", SECOND)],
    }
    land(landing, "hubspot", SECOND, "H2x", rows)

    followed_nights.land_third_night(landing)
    rows = {
        "contacts": [
            _person("h24", hs_merged_object_ids="h25"),
            _person("h22", THIRD, hs_merged_object_ids=""),
            _person("h23", THIRD),
        ],
        "removals": [_merged("h25", "h24", THIRD)],
    }
    land(landing, "hubspot", THIRD, "H3x", rows | _calls(THIRD, {"callh23": "h23"}))
    left = {
        **_profile("k1", "1", "ann.lee@example.com", "UNSUBSCRIBED"),
        "updated": f"{THIRD}T05:00:00Z",
    }
    land(landing, "klaviyo", THIRD, "K3x", {"profiles": [left]})

    followed_nights.land_fourth_night(landing)
    rows = {
        "contacts": [
            _person("h26", FOURTH, hs_merged_object_ids=""),
            _person("h27", FOURTH),
            _person("h28", FOURTH, hs_merged_object_ids=""),
            _person("h29", FOURTH),
            _person("h20", FOURTH, hs_merged_object_ids="h21", hs_email_optout="true"),
        ],
        "removals": [{"object_type": "contacts", "id": "h30", "noticed_on": FOURTH}],
    }
    land(landing, "hubspot", FOURTH, "H4x", rows)
    mailed = {**_campaign("c6", "M6", "2017-02-10"), "updated_at": f"{FOURTH}T08:00:00+00:00"}
    land(landing, "klaviyo", FOURTH, "K4x", {"campaigns": [mailed]})

    followed_nights.land_fifth_night(landing)
    rows = {"contacts": [_person("h31", FIFTH)]}
    land(landing, "hubspot", FIFTH, "H5x", rows | _calls(FIFTH, {"late": "h24"}))

    followed_nights.land_sixth_night(landing)


def land_seventh_night(landing: Path) -> None:
    followed_nights.land_seventh_night(landing)


def _person(contact_id: str, changed_on: str | None = None, **properties: str) -> dict:
    contact = _contact(contact_id, None, f"{contact_id}@example.com", **properties)
    return contact | ({"updated_at": f"{changed_on}T01:00:00Z"} if changed_on else {})


def _merged(contact_id: str, successor: str, noticed_on: str) -> dict:
    removal = {"object_type": "contacts", "id": contact_id, "noticed_on": noticed_on}
    return removal | {"successor_id": successor}


def _calls(night: str, callers: dict[str, str]) -> dict[str, list[dict]]:
    """Calls of a day in January, each of one contact."""
    at = "2017-01-12T09:00:00Z"
    return {
        "calls": [_object(call, at, hs_call_direction="INBOUND") for call in callers],
        "associations": [
            _tied("calls", call, [contact], night) for call, contact in callers.items()
        ],
    }
