"""HubSpot's marketing e-mail: which there are, and what became of it."""

import httpx
import pytest

EMAILS, EVENTS = "/marketing/emails/2026-09", "/email/public/v1/events"


def events(server, **query):
    """Return the pages of events."""
    found, offset = [], None
    while True:
        asked = {**query, **({"offset": offset} if offset else {})}
        page = server.hubspot.get(EVENTS, params=asked).json()
        found.append(page["events"])
        if not page["hasMore"]:
            return found
        offset = page["offset"]


def test_emails_come_page_by_page_with_the_ids_of_their_sendings(sandbox_server):
    whole = sandbox_server.hubspot.get(EMAILS, params={"limit": 100}).json()["results"]
    first = sandbox_server.hubspot.get(EMAILS, params={"limit": 1}).json()
    after = first["paging"]["next"]["after"]
    second = sandbox_server.hubspot.get(EMAILS, params={"limit": 1, "after": after}).json()
    assert [*first["results"], *second["results"]] == whole[:2]
    assert all(each["primaryEmailCampaignId"] in each["allEmailCampaignIds"] for each in whole)
    tests = [each["testing"] for each in whole if "testing" in each]
    assert {each["abStatus"] for each in tests} == {"MASTER", "VARIANT"}


def test_events_are_the_newest_first_and_each_comes_once(sandbox_server):
    pages = events(sandbox_server, limit=7)
    assert {len(page) for page in pages[:-1]} == {7}
    found = [event for page in pages for event in page]
    assert [e["created"] for e in found] == sorted((e["created"] for e in found), reverse=True)
    assert len({event["id"] for event in found}) == len(found)
    assert {"SENT", "DELIVERED", "OPEN"} <= {event["type"] for event in found}
    sendings = {
        sending
        for email in sandbox_server.hubspot.get(EMAILS, params={"limit": 100}).json()["results"]
        for sending in email["allEmailCampaignIds"]
    }
    assert {str(e["emailCampaignId"]) for e in found if "emailCampaignId" in e} <= sendings


def test_a_span_of_time_and_a_type_narrow_the_events(sandbox_server):
    ((*found,),) = events(sandbox_server, limit=1000)
    middle = found[len(found) // 2]["created"]
    ((*late,),) = events(sandbox_server, limit=1000, startTimestamp=middle)
    ((*early,),) = events(sandbox_server, limit=1000, endTimestamp=middle)
    assert late + early == found
    ((*opened,),) = events(sandbox_server, limit=1000, eventType="OPEN")
    assert opened == [event for event in found if event["type"] == "OPEN"]


@pytest.mark.parametrize(("path", "scope"), [(EMAILS, "marketing-email"), (EVENTS, "content")])
def test_a_token_without_the_scope_gets_403_that_names_it(sandbox_server, path, scope):
    token = f"{sandbox_server.hubspot_token}-without-{scope}"
    headers = {"Authorization": f"Bearer {token}"}
    answer = httpx.get(f"{sandbox_server.hubspot_url}{path}", headers=headers)
    assert answer.status_code == 403
    assert answer.json()["errors"][0]["context"]["requiredGranularScopes"] == [scope]


@pytest.mark.parametrize("query", [{"limit": 1001}, {"offset": "x"}, {"startTimestamp": "soon"}])
def test_what_hubspot_would_refuse_is_refused(sandbox_server, query):
    assert sandbox_server.hubspot.get(EVENTS, params=query).status_code == 400
