"""Klaviyo's lists.

An answer to a change has no body: a row is accepted, and the next read of the list confirms it.
Neither joining nor leaving touches consent; a suppressed person on a list is skipped at sending.
What joining does is to start the flows that the list triggers, however somebody joins; so a list
whose live flow can be entered again takes nobody unless the segment's own entry says that this is
meant, and the first fill of a list with a live flow waits for a person.

Source: Klaviyo, reference of the Lists, Flows and Profiles APIs, revision 2026-10-15.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from rapport.activation.destination import (
    Batch,
    BatchRefused,
    Destination,
    Limit,
    List,
    ListGone,
    Outcome,
    Remark,
    Segment,
)
from rapport.activation.limits import Paced, number, size_of_batch
from rapport.activation.moments import SAME_TIME, time_of, utc
from rapport.errors import SourceRefused
from rapport.sources import versions
from rapport.sources.connection import Connection
from rapport.sources.klaviyo import SUPPRESSIONS
from rapport.sources.klaviyo.api import PROFILES_PAGE_SIZE, Klaviyo
from rapport.sources.streams import KLAVIYO
from rapport.sources.versions import Endpoint

BATCH_SIZE = 1000  # the API's most
# A minute's windows, of the account; every private key shares them.
WRITES_PER_MINUTE = 150.0
READS_PER_MINUTE = 700.0
FLOWS_PER_MINUTE = 60.0
# So many are asked of one by one in a run: 50 calls.
MOST_LOOKED_AT = 5_000
UPDATED = "updated"
CHANGES = (UPDATED, *SUPPRESSIONS)
NOBODY = "01ARZ3NDEKTSV4RRFFQ69G5FAV"  # of 2016, when Klaviyo gave ids of another form
ONCE_EVER = {"duration": 1, "unit": "alltime"}
REMEDY = (
    "Put a private API key of its own with the scopes lists:read, lists:write, profiles:read and "
    "flows:read into the connection's password"
)

Record = dict[str, Any]


class KlaviyoLists(Destination):
    """Klaviyo as a destination.

    Args:
        connection: ``url`` as far as the prefix, ``secret`` the key; ``options`` may set
            ``revision``, ``batch_size``, ``writes_per_minute``, ``reads_per_minute`` and
            ``flows_per_minute``.
    """

    name = KLAVIYO
    record_source: str | None = KLAVIYO
    mixes = False
    reads = True

    def __init__(self, connection: Connection) -> None:
        self.batch_size = min(size_of_batch(connection, BATCH_SIZE), BATCH_SIZE)
        self._klaviyo = Klaviyo(connection, remedy=REMEDY)
        self._list_ids: dict[str, str] = {}
        self._looked_at = 0
        self._news: dict[str, Record] = {}
        self._news_until: dict[str, datetime] = {}

        def paced(name: str, option: str, per_minute: float) -> Paced:
            return Paced(name, number(connection, option, per_minute))

        self._writes = paced("membership writes per minute", "writes_per_minute", WRITES_PER_MINUTE)
        self._reads = paced("reads per minute", "reads_per_minute", READS_PER_MINUTE)
        self._flows = paced("flows per minute", "flows_per_minute", FLOWS_PER_MINUTE)

    def open(self, segment: Segment, kept: str | None, *, make: bool) -> List | None:
        """Return a segment's list; one that the account lost is found by its name."""
        is_new = False
        if kept:
            found = self._call(self._reads, versions.LIST, passes=(404,), id=kept)
            if found is None:
                raise ListGone(
                    f"Klaviyo has the list {kept} of {segment.name} no more; no second one is made "
                    "in its place"
                )
            record: Record = found["data"]
        elif named := self._named(segment.list_name):
            record = named
        elif make:
            attributes = {"name": segment.list_name, "opt_in_process": "single_opt_in"}
            body = {"data": {"type": "list", "attributes": attributes}}
            record = (self._call(self._reads, versions.LIST_CREATION, body) or {})["data"]
            is_new = True
        else:
            return None
        return self._described(record, segment, is_new)

    def _named(self, name: str) -> Record | None:
        """Find a list by its name, which is not unique; the oldest of several."""
        self._reads.wait()
        pages = self._klaviyo.pages(versions.LISTS.path(), {"filter": f'equals(name,"{name}")'})
        found = [record for page in pages for record in page]
        return min(found, key=lambda each: str(each["attributes"].get("created")), default=None)

    def _described(self, record: Record, segment: Segment, is_new: bool) -> List:
        list_id, attributes = str(record["id"]), record.get("attributes") or {}
        self._list_ids[segment.name] = list_id
        name = str(attributes.get("name") or segment.name)
        notes, refusals, live = [], [], []
        if attributes.get("opt_in_process") == "double_opt_in":
            refusals.append(
                f"the list {list_id} ({name}) asks who joins to confirm it: people sign up to it, "
                "and a segment needs a list of its own"
            )
        for flow in () if is_new else self._triggered(list_id):
            said = flow.get("attributes") or {}
            flow_name = said.get("name") or flow["id"]
            notes.append(f"starts the flow {flow_name} ({said.get('status')})")
            if said.get("status") != "live":
                continue
            live.append(str(flow_name))
            criteria = (said.get("definition") or {}).get("reentry_criteria")
            if criteria != ONCE_EVER and not segment.may_reenter:
                refusals.append(
                    f"the flow {flow_name} that this list starts can be entered again "
                    f"({_again(criteria)}): set that it is entered once ever, or may_reenter in "
                    f"the entry of {segment.name}"
                )
        return List(
            list_id,
            name,
            is_new=is_new,
            notes=tuple(notes),
            refusal="; ".join(refusals),
            asks_before_filling=(
                f"the first fill starts {' and '.join(live)} for everybody at once" if live else ""
            ),
        )

    def _triggered(self, list_id: str) -> Iterator[Record]:
        """Yield the flows that a list starts, each with what it is made of."""
        found = self._call(self._flows, versions.FLOW_TRIGGERS, passes=(404,), id=list_id) or {}
        for flow in found.get("data") or ():
            whole = self._call(
                self._flows,
                versions.FLOW,
                passes=(404,),
                query="?additional-fields[flow]=definition",
                id=str(flow["id"]),
            )
            if whole:
                yield whole["data"]

    def members(self, list_id: str) -> Iterator[tuple[str, datetime | None]]:
        """Yield who is on a list, and since when."""
        params = {"fields[profile]": "joined_group_at", "page[size]": PROFILES_PAGE_SIZE}
        try:
            for page in self._klaviyo.pages(versions.LIST_PROFILES.path(id=list_id), params):
                self._reads.wait()
                for profile in page:
                    joined = (profile.get("attributes") or {}).get("joined_group_at")
                    yield str(profile["id"]), time_of(joined)
        except SourceRefused as refusal:
            if refusal.status == 404:
                raise ListGone(f"Klaviyo has the list {list_id} no more") from None
            raise

    def look_again(
        self, segment: Segment, known: Mapping[str, datetime | None]
    ) -> Mapping[str, Remark]:
        """Ask whether who would be added is there, and what they let us send.

        Of each, as long as they are few. Of many that would take longer than to add them, as a
        call tells of a hundred and adds a thousand: then of whoever changed since the landing
        knew them, anew for each batch. Somebody who is gone is not told so, and refused when sent.
        """
        list_id = self._list_ids.get(segment.name)
        self._looked_at += len(known)
        if self._looked_at > MOST_LOOKED_AT and self.news_since:
            profiles = self._refreshed(self.news_since)
            known = {key: made_at for key, made_at in known.items() if key in profiles}
        else:
            profiles = self._asked(list(known))
        remarks = {
            key: _remark(segment, profiles.get(key), made_at, list_id)
            for key, made_at in known.items()
        }
        return {key: remark for key, remark in remarks.items() if remark}

    def _asked(self, keys: Sequence[str]) -> dict[str, Record]:
        """Return the profiles of some ids that are there."""
        profiles: dict[str, Record] = {}
        for start in range(0, len(keys), PROFILES_PAGE_SIZE):
            self._reads.wait()
            found, _ = self._klaviyo.profiles_of(list(keys[start : start + PROFILES_PAGE_SIZE]))
            profiles |= {str(each["id"]): each for each in found}
        return profiles

    def _refreshed(self, since: datetime) -> dict[str, Record]:
        """Return every profile that changed since a moment, as it is by now."""
        for field in CHANGES:
            start = self._news_until.get(field, since)
            operator = "greater-than" if field == UPDATED else "greater-or-equal"
            for page in self._klaviyo.changed_profiles(field, operator, start):
                self._reads.wait()
                for profile in page:
                    self._news[str(profile["id"])] = profile
                    told = times_of(profile.get("attributes") or {}, field)
                    # not by one that a vendor dates 2099
                    start = max([start, *(at for at in told if at <= datetime.now(UTC))])
            # A second is read again: some compare whole ones.
            self._news_until[field] = max(since, start - timedelta(seconds=1))
        return self._news

    def send(self, batch: Batch) -> Sequence[Outcome]:
        """Add or remove in one call."""
        endpoint = versions.LIST_JOINS if batch.adds else versions.LIST_LEAVES
        members = batch.adds or batch.removes
        body = {"data": [{"type": "profile", "id": each.key} for each in members]}
        try:
            self._call(self._writes, endpoint, body, id=batch.list_id)
        except SourceRefused as refusal:
            if refusal.status == 404 and self._is_gone(batch.list_id):
                raise ListGone(
                    f"Klaviyo has the list {batch.list_id} of {batch.segment.name} no more"
                ) from None
            raise BatchRefused(str(refusal.status), refusal.said) from None
        return batch.outcomes("accepted")

    def _is_gone(self, list_id: str) -> bool:
        """Whether a 404 was about the list, and not about somebody who was to join it."""
        return self._call(self._reads, versions.LIST, passes=(404,), id=list_id) is None

    def strangers(self, archived: str | None, removed: Sequence[str]) -> Mapping[str, str | None]:
        """Return ids for a probe: nobody's, and one that is no more; why, Klaviyo does not tell."""
        return {
            "an id that nobody ever had": NOBODY,
            "a profile that was deleted or merged away": next(iter(removed), None),
        }

    def nobodies(self, count: int) -> list[str]:
        """Nobody is needed: the vendor names the most ids of a call."""
        return []

    def drop(self, list_id: str) -> None:
        """Delete a list."""
        self._call(self._writes, versions.LIST_DELETION, passes=(404,), id=list_id)

    def limits(self) -> Sequence[Limit]:
        """Return what was used of the account's limits."""
        return [each.told() for each in (self._writes, self._reads, self._flows)]

    def _call(
        self,
        pace: Paced,
        endpoint: Endpoint,
        body: Record | None = None,
        *,
        passes: tuple[int, ...] = (),
        query: str = "",
        **parts: str,
    ) -> Record | None:
        pace.wait()
        path = f"{endpoint.path(**parts)}{query}"
        return self._klaviyo.api.call(endpoint.method, path, body, passes=passes)


def _remark(
    segment: Segment,
    profile: Mapping[str, Any] | None,
    made_at: datetime | None,
    list_id: str | None = None,
) -> Remark | None:
    """What Klaviyo says of a profile of its own."""
    if profile is None:
        return Remark("no_record", "Klaviyo has no profile of this id any more")
    said: Mapping[str, Any] = profile.get("attributes") or {}
    made = time_of(said.get("created"))
    if made and made_at and abs(made - utc(made_at)) > SAME_TIME:
        return Remark("other_record", "the profile was made at another time than the one we know")
    if segment.channel != "email":
        return None
    marketing = ((said.get("subscriptions") or {}).get("email") or {}).get("marketing") or {}
    if marketing.get("consent") == "UNSUBSCRIBED":
        return Remark("opted_out", "Klaviyo says that they unsubscribed from e-mail")
    if marketing.get("suppression"):
        return Remark("suppressed", "Klaviyo sends them nothing: the profile is suppressed")
    left = [each.get("list_id") for each in marketing.get("list_suppressions") or ()]
    if list_id in left:
        return Remark("opted_out", "Klaviyo says that they unsubscribed from this very list")
    return None


def times_of(attributes: Mapping[str, Any], path: str) -> Iterator[datetime]:
    """Yield the moments in a place of a profile, where lists may be on the way.

    Example:
        >>> list(times_of({"a": [{"at": "2018-01-02T00:00:00+00:00"}]}, "a.at"))
        [datetime.datetime(2018, 1, 2, 0, 0, tzinfo=datetime.timezone.utc)]
    """
    found: list[Any] = [attributes]
    for name in path.split("."):
        inside = [each.get(name) for each in found if isinstance(each, Mapping)]
        found = [e for each in inside for e in (each if isinstance(each, list) else [each])]
    yield from (moment for each in found if (moment := time_of(each)))


def _again(criteria: Any) -> str:
    """How often a flow can be entered, for people."""
    if not isinstance(criteria, Mapping):
        return "it does not say how often"
    if criteria.get("unit") == "alltime":
        return "every time"
    return f"every {criteria.get('duration')} {criteria.get('unit')}"
