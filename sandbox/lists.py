"""Who is on which list, of either vendor: as it stands, as it shows, and as calls change it."""

import json
import time
from typing import Any

from sandbox.calls import Calls, Start, current
from sandbox.changes import BEFORE_NOW, ONCE, Changes, Hand
from sandbox.clock import FOREVER
from sandbox.schema import FLOWS, WORKFLOWS
from sandbox.store import VISIBLE, Store

# On the list as a reader sees it, who may see every change late by a setting.
SHOWN = """
list_members.valid_from < :now and list_members.valid_until >= :now
and list_members.added_really <= :shown and list_members.removed_really > :shown
"""
_UNIT = {"hour": 3_600_000, "day": 86_400_000, "week": 604_800_000}
_TRIGGERED = f"""
select id, body from records where collection in ('{FLOWS}', '{WORKFLOWS}') and {VISIBLE}
and archived_at is null and body ->> '$.status' = 'live'
and body ->> '$.definition.triggers[0].type' = 'list'
and body ->> '$.definition.triggers[0].id' = :list_id order by id
"""


class Lists:
    """The lists.

    Args:
        store: where the members are.
        changes: whose hand writes.
        calls: the record, where the flows go that joining starts.
        settings: ``lists_delay_seconds`` is how late, in real time, a change shows in reads.
    """

    def __init__(
        self, store: Store, changes: Changes, calls: Calls, settings: dict[str, Any]
    ) -> None:
        self.store = store
        self.changes = changes
        self.calls = calls
        self.settings = settings

    def shown(self, now: int) -> dict[str, int]:
        """Return the values that `SHOWN` needs."""
        delay = float(self.settings["lists_delay_seconds"])
        return {"now": now, "shown": round((time.time() - delay) * 1_000)}

    def change(
        self, list_id: str, add: list[str], remove: list[str]
    ) -> tuple[list[str], list[str]]:
        """Add to a list and remove from it; return who was new on it, and who was on it."""
        with self.changes.hand(is_call=True) as hand:
            standing = self._standing(hand, list_id, [*add, *remove])
            added = [each for each in dict.fromkeys(add) if each not in standing]
            removed = [each for each in dict.fromkeys(remove) if each in standing]
            since, really = hand.now - BEFORE_NOW, round(time.time() * 1_000)
            hand.crm.executemany(
                "update list_members set removed_really = ? where rowid = ?",
                [(really, standing[each]) for each in removed],
            )
            hand.crm.executemany(
                "insert into list_members (list_id, profile_id, joined_at, valid_from, "
                "valid_until, added_really) values (?, ?, ?, ?, ?, ?)",
                [(list_id, each, since, since, FOREVER, really) for each in added],
            )
            current().did("added", list_id, added, hand.now)
            current().did("removed", list_id, removed, hand.now)
            self._start_flows(list_id, added, hand.now)
        return added, removed

    def flows(self, list_id: str, now: int) -> list[tuple[str, str]]:
        """Return id and body of each live flow that joining a list starts."""
        return self.store.rows(_TRIGGERED, {"list_id": list_id, "now": now})

    def _standing(self, hand: Hand, list_id: str, ids: list[str]) -> dict[str, int]:
        """Return who of some ids is on a list, with the row that says so."""
        return dict(
            hand.crm.execute(
                "select profile_id, rowid from list_members where list_id = ? "
                "and profile_id in (select value from json_each(?)) "
                "and valid_from < ? and valid_until >= ? and removed_really = ?",
                [list_id, json.dumps(ids), hand.now, hand.now, FOREVER],
            )
        )

    def _start_flows(self, list_id: str, added: list[str], now: int) -> None:
        """Start each flow of a list for who joined, unless they had it and may not again."""
        for flow_id, body in self.flows(list_id, now) if added else ():
            again = json.loads(body)["definition"]["reentry_criteria"]
            had = {
                each.profile_id: each.at for each in self.calls.starts if each.flow_id == flow_id
            }
            for profile in added:
                if profile not in had or _may_again(again, now - had[profile]):
                    start = Start(flow_id, list_id, profile, now, current().number)
                    self.calls.starts.append(start)


def _may_again(reentry: dict[str, Any] | None, since: int) -> bool:
    """Return whether somebody may start a flow again so many milliseconds after the last time."""
    reentry = reentry or ONCE
    if reentry["unit"] == "alltime":
        return bool(reentry["duration"] == 0)
    return since >= int(reentry["duration"]) * _UNIT[reentry["unit"].removesuffix("s")]
