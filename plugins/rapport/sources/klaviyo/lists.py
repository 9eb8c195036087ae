"""Lists and all their members: leaving a list leaves no trace elsewhere.

Who is not among the members has left. So a list that has lost many at once is asked how many it
has, and read a second time; where the answers disagree, it counts as not read: its members stay
those of the last night that read it.
"""

from collections.abc import Generator, Iterator
from typing import Any

from rapport.errors import SourceRefused
from rapport.sources import versions
from rapport.sources.klaviyo.api import PROFILES_PAGE_SIZE, Klaviyo
from rapport.sources.known import Known
from rapport.sources.records import Page, as_text
from rapport.sources.resuming import resumed
from rapport.sources.streams import LIST_MEMBERS, LISTS
from rapport.sources.strict import FLAW

# A loss of fewer is an ordinary night.
LOST_MEMBERS = 10
LOST_SHARE = 0.02
# What two answers may differ by, as members come and go between them.
SLACK_SHARE = 0.02

RESUMED = "select distinct id from lists where _dlt_load_id in (select load_id from resumed)"
# Members as of the latest load that has the list.
MEMBERS_BEFORE = """
select latest.id, count(members.profile_id)
from (
    select id, max((load_date, _dlt_load_id)) as read from lists where id is not null group by id
) as latest
left join list_members as members
    on latest.id = members.list_id and latest.read = (members.load_date, members._dlt_load_id)
group by latest.id
"""


def pull_lists(api: Klaviyo, known: Known) -> Iterator[Page]:
    """Yield every list with all its members; the list itself last, and only if they are all.

    Staging takes the members of the latest load that has the list, so a list and its members
    must land in one load. The lists that an unfinished pull of this night has read are not read
    again.
    """
    with known.open(LISTS, LIST_MEMBERS) as landed:
        before: dict[str, int] = dict(landed.execute(MEMBERS_BEFORE).fetchall())
        read = {list_id for (list_id,) in landed.execute(RESUMED).fetchall()}
    for page in resumed(lambda _: api.pages(versions.LISTS.path(), {})):
        for found in page:
            if found.get("id") in read:
                continue
            is_whole = True
            if FLAW not in found:
                is_whole = yield from _members(api, found["id"], before.get(found["id"], 0))
            if is_whole:
                yield LISTS, [api.row(LISTS, found)]


def _members(api: Klaviyo, list_id: str, before: int) -> Generator[Page, None, bool]:
    """Yield the members of a list, twice if it lost many; return whether these are all."""
    try:
        there = yield from _read(api, list_id)
        if before - there < max(LOST_MEMBERS, before * LOST_SHARE):
            return True
        again = yield from _read(api, list_id)
        said = api.member_count(list_id)
    except SourceRefused as refusal:
        api.refuse(LIST_MEMBERS, str(refusal), id_=list_id)
        return False
    if abs(again - (there if said is None else said)) <= max(1, before * SLACK_SHARE):
        return True
    told = "" if said is None else f", and says that it has {said}"
    reason = f"the list had {before} members, shows {there}, then {again}{told}"
    api.refuse(LIST_MEMBERS, reason, id_=list_id)
    return False


def _read(api: Klaviyo, list_id: str) -> Generator[Page, None, int]:
    """Yield the members of a list; return how many there were."""
    params: dict[str, Any] = {
        "fields[profile]": "joined_group_at",
        "page[size]": PROFILES_PAGE_SIZE,
    }
    seen: set[str] = set()
    path = versions.LIST_PROFILES.path(id=list_id)
    for profiles in resumed(lambda _: api.pages(path, params)):
        seen.update(str(profile.get("id")) for profile in profiles)
        yield (
            LIST_MEMBERS,
            [
                {
                    "list_id": list_id,
                    "profile_id": as_text(profile.get("id")),
                    "joined_group_at": as_text(
                        (profile.get("attributes") or {}).get("joined_group_at")
                    ),
                    "extra": None,
                }
                for profile in profiles
            ],
        )
    return len(seen)
