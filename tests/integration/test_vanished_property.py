"""A property that people answered in is deleted in the CRM: the night stops and says which."""

from datetime import date

import pytest

from rapport.errors import GateFailed
from tests.house import House

BEFORE, AFTER = date(2018, 1, 1), date(2018, 1, 2)


def test_a_deleted_property_closes_the_gate_and_is_named(tmp_path, sandbox_server):
    house = House(tmp_path, sandbox_server)
    house.extract(BEFORE)
    assert house.check("sources", BEFORE).critical == []
    gone = {"kind": "property_gone", "name": "marketing_pause_until"}
    sandbox_server.set_faults(
        [{"match": {"path": "/crm/objects/.*/contacts"}, "do": gone, "times": None}]
    )
    house.extract(AFTER)
    with pytest.raises(GateFailed) as failed:
        house.check("sources", AFTER)
    (reason,) = failed.value.failures
    assert "landing.members" in reason
    assert "hubspot.contacts.properties/marketing_pause_until" in reason
