"""HubSpot and Klaviyo forget people for good, asked once or twice."""

import pytest

from rapport.erasure.destinations import HubSpotForgets, KlaviyoForgets
from rapport.sources.connection import Connection
from sandbox import canary

FAST = {"max_attempts": 3, "backoff_factor": 0.01, "calls_per_minute": 60000}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A small company of this module's own, because people go from it."""
    from sandbox import prepare
    from sandbox.testing import serve

    with serve(prepare(tmp_path_factory.mktemp("company"), households=60)) as served:
        yield served


def vendor(server, name):
    if name == "hubspot":
        return HubSpotForgets(
            Connection("rapport_activate_hubspot", server.hubspot_url, server.hubspot_token, FAST)
        )
    options = FAST | {"jobs_per_minute": 60000}
    return KlaviyoForgets(
        Connection("rapport_activate_klaviyo", server.klaviyo_url, server.klaviyo_key, options)
    )


def ids_of(server, name):
    """Ids of two people's records, the canary's first."""
    if name == "hubspot":
        from rapport.sources.hubspot.crm import Crm
        from rapport.sources.hubspot.types import CONTACTS

        crm = Crm(Connection("rapport_hubspot", server.hubspot_url, server.hubspot_token, FAST))
        found = [record for page in crm.live(CONTACTS) for record in page]
        emails = {str(r["id"]): r["properties"].get("email") for r in found}
    else:
        from rapport.sources.klaviyo.api import Klaviyo

        api = Klaviyo(Connection("rapport_klaviyo", server.klaviyo_url, server.klaviyo_key, FAST))
        found = [record for page in api.profiles() for record in page]
        emails = {str(r["id"]): r["attributes"].get("email") for r in found}
    theirs = [id_ for id_, email in emails.items() if email == canary.EMAIL]
    other = next(id_ for id_, email in emails.items() if email != canary.EMAIL)
    return theirs[0], other


@pytest.mark.parametrize("name", ["hubspot", "klaviyo"])
def test_a_record_is_gone_for_good_and_no_other(server, name):
    theirs, other = ids_of(server, name)
    destination = vendor(server, name)
    assert destination.remaining([theirs, other]) == [theirs, other]
    destination.erase([theirs])
    assert destination.remaining([theirs, other]) == [other]
    destination.erase([theirs])
    assert destination.remaining([theirs, other]) == [other]
