"""The households and campaigns of the data set, each with the story made up around it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import duckdb

from sandbox import canary
from sandbox.clock import EPOCH
from sandbox.people import Person, draw, person, share
from sandbox.schema import DEMOGRAPHICS

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
BUSINESS_HOURS = (8 * HOUR, 17 * HOUR)
SHOPPING_HOURS = (9 * HOUR, 21 * HOUR)


def day(year: int, month: int, number: int) -> int:
    """Return epoch milliseconds of the start of a day."""
    return (datetime(year, month, number, tzinfo=UTC) - EPOCH) // timedelta(milliseconds=1)


def ms(moment: datetime) -> int:
    """Return epoch milliseconds of one of the data set's naive timestamps, taken as UTC."""
    return (moment.replace(tzinfo=UTC) - EPOCH) // timedelta(milliseconds=1)


def between(earliest: int, latest: int, *about: object) -> int:
    """Return a whole second from `earliest` up to `latest` that depends only on `about`."""
    return earliest + draw(*about) % ((latest - earliest) // SECOND) * SECOND


OPENING = day(2016, 10, 3) + 8 * HOUR  # the day the two accounts were opened
YEAR_START = day(2017, 1, 1)
YEAR_END = day(2017, 12, 15)


@dataclass(frozen=True)
class Household:
    """One household: its figures are real, its face and the times of its records are not.

    Attributes:
        number: household id of the data set, and the shop's customer number.
        person: who stands for it.
        first_activity: first basket or first campaign, whichever came first.
        first_order: first basket.
        last_campaign: start of the last campaign it received, if any.
        demographics: known for a third of the households.
    """

    number: int
    person: Person
    first_activity: int
    first_order: int
    last_campaign: int | None
    demographics: dict[str, str | None] | None

    @property
    def known_since(self) -> int:
        """When the shop made the account: 2 to 74 hours before anything else happened."""
        return self.first_activity - between(2 * HOUR, 74 * HOUR, "known", self.number)

    @property
    def in_crm_since(self) -> int:
        """When HubSpot got the contact, minutes after the shop."""
        return self.known_since + between(5 * MINUTE, 45 * MINUTE, "crm", self.number)

    @property
    def in_mailing_since(self) -> int:
        """When Klaviyo got the profile, minutes after the shop."""
        return self.known_since + between(10 * MINUTE, 90 * MINUTE, "mailing", self.number)

    @property
    def number_in_crm(self) -> bool:
        """Whether the contact carries the customer number; the others match by e-mail."""
        return self.is_canary or share("number in crm", self.number) >= 0.05

    @property
    def number_in_mailing(self) -> bool:
        """Whether the profile carries the customer number; the others match by e-mail."""
        return self.is_canary or share("number in mailing", self.number) >= 0.08

    @property
    def is_canary(self) -> bool:
        """Whether this is the household whose person the privacy tests look for."""
        return self.number == canary.CUSTOMER_NUMBER

    @property
    def moved_mail_at(self) -> int | None:
        """When the person took a new address, for the few who did.

        Only people whose records all carry the number: for the others e-mail is the only thread.
        """
        if self.is_canary or not (self.number_in_crm and self.number_in_mailing):
            return None
        earliest = max(self.known_since + 10 * DAY, YEAR_START + 60 * DAY)
        if share("moved mail", self.number) >= 0.012 or earliest >= YEAR_END:
            return None
        return between(earliest, YEAR_END, "moved mail at", self.number)

    @property
    def described_at(self) -> int | None:
        """When the demographics reached the CRM, if they ever did."""
        if self.demographics is None:
            return None
        earliest = max(self.in_crm_since + DAY, YEAR_START + 14 * DAY)
        return between(earliest, max(earliest + DAY, YEAR_END), "described", self.number)

    @property
    def unsubscribed_at(self) -> int | None:
        """When the person withdrew consent to marketing e-mail: days after the last campaign."""
        if self.last_campaign is None or self.is_canary or share("leaves", self.number) >= 0.03:
            return None
        earliest = max(self.last_campaign, self.in_mailing_since) + 2 * DAY
        return between(earliest, earliest + 20 * DAY, "leaves at", self.number)

    @property
    def subscribed(self) -> bool:
        """Whether the person ever consented; nobody got a campaign without."""
        return self.last_campaign is not None or share("subscribes", self.number) < 0.7


@dataclass(frozen=True)
class Campaign:
    """One campaign: type, start and end are real."""

    number: int
    type: str
    start: int
    end: int

    @property
    def name(self) -> str:
        """For example ``Type B campaign 1``."""
        return f"{self.type} campaign {self.number}"

    @property
    def created(self) -> int:
        """When it was drafted: 4 to 6 days before its start."""
        return between(self.start - 6 * DAY, self.start - 4 * DAY, "drafted", self.number)

    @property
    def scheduled(self) -> int:
        """When it was given its time: one to two days before its start."""
        return between(self.start - 2 * DAY, self.start - DAY, "scheduled", self.number)

    @property
    def send_time(self) -> int:
        """The opening of business on its first day."""
        return self.start + BUSINESS_HOURS[0]


def households(data: duckdb.DuckDBPyConnection) -> list[Household]:
    """Return every household, by number."""
    data.execute(
        f"""
        with baskets as (
            select household_id, min(transaction_timestamp) as first_order
            from transactions group by household_id
        ),
        received as (
            select household_id, min(start_date) as first_start, max(start_date) as last_start
            from campaigns inner join campaign_descriptions using (campaign_id)
            group by household_id
        )
        select
            household_id, first_order, coalesce(least(first_order, first_start), first_order),
            last_start, demographics.household_id is not null,
            {", ".join(DEMOGRAPHICS)}
        from baskets
        left join received using (household_id)
        left join demographics using (household_id)
        order by household_id
        """
    )
    return [
        Household(
            number,
            person(number),
            first_activity=ms(first_activity),
            first_order=ms(first_order),
            last_campaign=ms(last_start) if last_start else None,
            demographics=dict(zip(DEMOGRAPHICS, described, strict=True)) if is_described else None,
        )
        for number, first_order, first_activity, last_start, is_described, *described in (
            data.fetchall()
        )
    ]


def campaigns(data: duckdb.DuckDBPyConnection) -> list[Campaign]:
    """Return the 27 campaigns, by number."""
    rows = data.execute(
        "select campaign_id, campaign_type, start_date, end_date "
        "from campaign_descriptions order by campaign_id"
    ).fetchall()
    return [Campaign(number, kind, ms(start), ms(end)) for number, kind, start, end in rows]
