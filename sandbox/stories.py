"""What befalls a few records of the company: made twice, merged, mistyped, forgotten, tied late.

Written by hand, so that each thing that a CRM does to its readers happens at least once: deletions
that can be taken back and such that cannot, merges, an address that was typed wrong and corrected,
ties that are made long after both ends were read, suppressions that move no modified date.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sandbox.clock import FOREVER
from sandbox.households import DAY, HOUR, MINUTE, Household, between, day
from sandbox.people import share
from sandbox.schema import ASSOCIATION_TYPES, Association

RESTORABLE = 90 * DAY  # HubSpot keeps an archived record so long
# A clerk typed one customer's address into the file of another, who has no customer number there;
# the owner's file had none until it came out.
MISTYPED, ADDRESS_OF = 120, 122
CORRECTED = day(2017, 3, 14) + 10 * HOUR + 20 * MINUTE
# Contacts that were deleted for good without a warning, and when.
FORGOTTEN = {124: day(2017, 9, 12) + 9 * HOUR, 148: day(2017, 11, 3) + 14 * HOUR}


@dataclass(frozen=True)
class SecondContact:
    """A contact that somebody made for a household that had one, and what became of it.

    Attributes:
        created: when it was made.
        archived_at: when it was found and deleted, if it was.
        gone_at: when it was deleted for good, or merged into the first contact.
        is_merged: whether it was merged.
    """

    created: int
    archived_at: int | None = None
    gone_at: int | None = None
    is_merged: bool = False


def second_contact(household: Household) -> SecondContact | None:
    """Return the second contact of a household; there are about 40."""
    if household.is_canary or share("duplicate", household.number) >= 0.022:
        return None
    created = household.in_crm_since + between(20 * DAY, 200 * DAY, "again", household.number)
    found = created + between(5 * DAY, 40 * DAY, "deleted", household.number)
    fate = share("again deleted", household.number)
    if fate < 0.15:
        return SecondContact(created, archived_at=found)
    if fate < 0.30:
        return SecondContact(created, archived_at=found, gone_at=found + RESTORABLE)
    if fate < 0.62:
        return SecondContact(created, gone_at=found, is_merged=True)
    return SecondContact(created)


def bounced_at(household: Household) -> int | None:
    """Return when mail to a household came back for good; its profile's modified date stays."""
    if household.last_campaign is None or household.unsubscribed_at or household.is_canary:
        return None
    if share("bounces", household.number) >= 0.004:
        return None
    earliest = max(household.last_campaign, household.in_mailing_since)
    return earliest + between(DAY, 3 * DAY, "bounced", household.number)


@dataclass(frozen=True)
class LateTie:
    """A note or a call that was tied to its contact days after it was made.

    Attributes:
        object_type: notes or calls.
        object_id: id there.
        household: whose contact it belongs to.
        at: when it was made.
        tied_at: when it was tied.
        values: its properties, without the owner.
    """

    object_type: str
    object_id: str
    household: int
    at: int
    tied_at: int
    values: tuple[tuple[str, str], ...] = ()

    def association(self, contact_id: str) -> Association:
        """Return the tie."""
        type_id = ASSOCIATION_TYPES[self.object_type, "contacts"]
        return Association(
            self.object_type,
            self.object_id,
            "contacts",
            contact_id,
            type_id,
            None,
            self.tied_at,
            FOREVER,
        )


LATE_TIES = (
    # within a fortnight
    LateTie(
        "notes",
        "2999999999999001",
        ADDRESS_OF,
        CORRECTED + 4 * MINUTE,
        CORRECTED + 11 * DAY,
        (("hs_note_body", "Address was in another file; corrected both."),),
    ),
    # seven weeks later
    LateTie(
        "calls",
        "2999999999999002",
        140,
        day(2017, 5, 2) + 9 * HOUR + 12 * MINUTE,
        day(2017, 6, 20) + 15 * HOUR,
        (
            ("hs_call_direction", "INBOUND"),
            ("hs_call_status", "COMPLETED"),
            ("hs_call_duration", "312000"),
            ("hs_call_title", "Asked where her coupons are"),
        ),
    ),
)


def late_ties(numbers: set[int]) -> Iterator[LateTie]:
    """Yield the late ties of the households that a company has."""
    yield from (tie for tie in LATE_TIES if tie.household in numbers)
