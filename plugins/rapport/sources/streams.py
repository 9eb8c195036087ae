"""What Rapport pulls: every stream with its key, its cursor and its columns.

All columns land as text (nested objects as JSON text). Giving them types is
staging's work: a value that does not fit is then a row in quarantine with a
reason, not a load that fails or a number that silently became null.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

HUBSPOT = "hubspot"
KLAVIYO = "klaviyo"
SHOP = "shop"
# What a pull notes about the other streams of its source, under one name in each.
BOOKS = ("removals", "source_totals", "refusals", "files_read")


@dataclass(frozen=True)
class Stream:
    """One table of the landing.

    Attributes:
        source: the system it comes from; a folder of the landing.
        name: the resource; a folder below it.
        key: columns that tell one record from another.
        columns: every column that a landed row has; others may come and are kept.
        members: an API record's member -> the column it lands in.
        cursor: the column an incremental pull goes by; ``None`` for a full pull.
        overlap: how far behind the newest landed record a pull starts again,
            because sources show new records late and out of order.
        optional: columns that are used where a shop has them; its rows land with or without.
        whole_by: columns whose records are pulled together: all of them when one has changed, one
            after the other and into one load. A key that is no key (two lines of one article) is
            then replaced as a whole.
        newest_first: the source gives the newest record first; else a stream with a cursor comes in
            its order.
        scope: what the source's key must be allowed to read it; empty for a table.
        is_dispensable: a night without it is a night: a firm may do without it (`sources.yml`), and
            a key that lacks its scope is a warning. Of all others nights are made.
        part_of: the stream that it comes and goes with.
        without: what is lost with it, for `docs/sources.md`.
    """

    source: str
    name: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    members: Mapping[str, str] = field(default_factory=dict, compare=False)
    cursor: str | None = None
    overlap: timedelta = timedelta(days=1)
    optional: tuple[str, ...] = ()
    whole_by: tuple[str, ...] = ()
    newest_first: bool = False
    scope: str = ""
    is_dispensable: bool = False
    part_of: str = ""
    without: str = ""

    @property
    def full_name(self) -> str:
        """``source.name``, as logs and reports say it."""
        return f"{self.source}.{self.name}"

    @property
    def declared(self) -> tuple[str, ...]:
        """Every column that is known of, whether a source has it or not."""
        return (*self.columns, *self.optional)

    @property
    def is_book(self) -> bool:
        """Whether a pull keeps it, and no source has it."""
        return self.name in BOOKS


# -- HubSpot ---------------------------------------------------------------------------------

_ENVELOPE = {
    "id": "id",
    "createdAt": "created_at",
    "updatedAt": "updated_at",
    "archived": "archived",
}
_OBJECT = _ENVELOPE | {
    "archivedAt": "archived_at",
    "properties": "properties",
    "propertiesWithHistory": "properties_with_history",
}


def _hubspot_object(name: str, *, scope: str, without: str = "") -> Stream:
    """Every object type of HubSpot lands in one shape; ``without`` makes one dispensable."""
    return Stream(
        HUBSPOT,
        name,
        key=("id",),
        columns=(*_OBJECT.values(), "extra"),
        members=_OBJECT,
        cursor="updated_at",
        scope=scope,
        is_dispensable=bool(without),
        without=without,
    )


# Engagements are read by whoever may read the contacts that they are about.
_OF_CONTACTS = "crm.objects.contacts.read"
CONTACTS = _hubspot_object("contacts", scope=_OF_CONTACTS)
COMPANIES = _hubspot_object(
    "companies", scope="crm.objects.companies.read", without="the firms that one works with"
)
DEALS = _hubspot_object(
    "deals", scope="crm.objects.deals.read", without="deals, and the pipeline made of them"
)
TICKETS = _hubspot_object(
    "tickets", scope="tickets", without="complaints, and how cases were handled"
)
FEEDBACK_SUBMISSIONS = _hubspot_object(
    "feedback_submissions",
    scope="crm.objects.feedback_submissions.read",
    without="answers to surveys",
)
CALLS = _hubspot_object("calls", scope=_OF_CONTACTS, without="calls")
EMAILS = _hubspot_object("emails", scope="sales-email-read", without="letters by e-mail")
MEETINGS = _hubspot_object("meetings", scope=_OF_CONTACTS, without="meetings")
NOTES = _hubspot_object("notes", scope=_OF_CONTACTS, without="notes")
TASKS = _hubspot_object("tasks", scope=_OF_CONTACTS, without="tasks of the staff")
COMMUNICATIONS = _hubspot_object(
    "communications", scope=_OF_CONTACTS, without="SMS, WhatsApp and other chats"
)

_OWNER = _ENVELOPE | {
    "email": "email",
    "firstName": "first_name",
    "lastName": "last_name",
    "userId": "user_id",
    "teams": "teams",
}
OWNERS = Stream(
    HUBSPOT,
    "owners",
    key=("id",),
    columns=(*_OWNER.values(), "extra"),
    members=_OWNER,
    scope="crm.objects.owners.read",
    is_dispensable=True,
    without="the staff by name",
)
# The whole set of targets of one record: the latest read of a key is the truth.
ASSOCIATIONS = Stream(
    HUBSPOT,
    "associations",
    key=("from_type", "to_type", "from_id"),
    columns=("from_type", "from_id", "to_type", "targets", "read_on", "extra"),
    scope=_OF_CONTACTS,
)
SUBSCRIPTION_DEFINITIONS = Stream(
    HUBSPOT,
    "subscription_definitions",
    key=("id",),
    columns=("id", "created_at", "updated_at", "attributes", "extra"),
    scope="communication_preferences.read",
)
# A subscription_id of "*" is the wide status: unsubscribed from everything, or not.
SUBSCRIPTION_STATUSES = Stream(
    HUBSPOT,
    "subscription_statuses",
    key=("subscriber", "channel", "subscription_id"),
    columns=(
        "subscriber",
        "channel",
        "subscription_id",
        "status",
        "set_at",
        "attributes",
        "read_on",
        "extra",
    ),
    scope="communication_preferences.statuses.batch.read",
)

# What the CRM itself mails: an e-mail with the ids under which its events come, and the events, one
# per recipient, whose address is all that says who they are.
_MARKETING_EMAIL = {
    "id": "id",
    "createdAt": "created_at",
    "updatedAt": "updated_at",
    "archived": "archived",
}
MARKETING_EMAILS = Stream(
    HUBSPOT,
    "marketing_emails",
    key=("id",),
    columns=(*_MARKETING_EMAIL.values(), "attributes", "extra"),
    members=_MARKETING_EMAIL,
    scope="marketing-email",
    is_dispensable=True,
    without="what the CRM itself mails to many",
)
_EMAIL_EVENT = {
    "id": "id",
    "type": "type",
    "recipient": "recipient",
    "appId": "app_id",
    "emailCampaignId": "email_campaign_id",
}
EMAIL_EVENTS = Stream(
    HUBSPOT,
    "email_events",
    key=("id",),
    columns=(*_EMAIL_EVENT.values(), "created_at", "attributes", "extra"),
    members=_EMAIL_EVENT,
    cursor="created_at",
    overlap=timedelta(days=3),
    newest_first=True,
    scope="content",
    is_dispensable=True,
    part_of="marketing_emails",
)

# -- Klaviyo ---------------------------------------------------------------------------------

_RESOURCE = {"id": "id", "attributes": "attributes", "relationships": "relationships"}


def _klaviyo_resource(
    name: str,
    *times: str,
    more: tuple[str, ...] = (),
    cursor: str | None = None,
    overlap: timedelta = timedelta(days=1),
    scope: str,
    part_of: str = "",
    without: str = "",
) -> Stream:
    """A JSON:API resource: attributes and relationships as they come, times beside them."""
    return Stream(
        KLAVIYO,
        name,
        key=("id",),
        columns=("id", *times, *more, "attributes", "relationships", "extra"),
        members=_RESOURCE,
        cursor=cursor,
        overlap=overlap,
        scope=scope,
        is_dispensable=bool(part_of or without),
        part_of=part_of,
        without=without,
    )


PROFILES = _klaviyo_resource(
    "profiles", "created", "updated", cursor="updated", scope="profiles:read"
)
METRICS = _klaviyo_resource("metrics", "created", "updated", scope="metrics:read")
LISTS = _klaviyo_resource(
    "lists", "created", "updated", scope="lists:read", without="the lists and who is on them"
)
CAMPAIGNS = _klaviyo_resource(
    "campaigns",
    "created_at",
    "updated_at",
    more=("channel", "tags"),
    scope="campaigns:read, tags:read",
)
# The messages of campaigns: a test's variations are told apart by their labels.
CAMPAIGN_MESSAGES = _klaviyo_resource(
    "campaign_messages",
    "created_at",
    "updated_at",
    more=("campaign_id",),
    scope="campaigns:read",
)
# An automation, its steps, and what its steps send: who gets what because of what happened.
FLOWS = _klaviyo_resource(
    "flows",
    "created",
    "updated",
    more=("tags",),
    scope="flows:read, tags:read",
    without="flows by name, and which message is of which",
)
FLOW_ACTIONS = _klaviyo_resource(
    "flow_actions", "created", "updated", more=("flow_id",), scope="flows:read", part_of="flows"
)
FLOW_MESSAGES = _klaviyo_resource(
    "flow_messages",
    "created",
    "updated",
    more=("flow_id", "action_id"),
    scope="flows:read",
    part_of="flows",
)
EVENTS = _klaviyo_resource(
    "events",
    "datetime",
    more=("metric_id", "profile_id"),
    cursor="datetime",
    overlap=timedelta(days=3),
    scope="events:read",
)
# All members of each list in each load: the latest load that has the list is the truth.
LIST_MEMBERS = Stream(
    KLAVIYO,
    "list_members",
    key=("list_id", "profile_id"),
    columns=("list_id", "profile_id", "joined_group_at", "extra"),
    whole_by=("list_id",),
    scope="lists:read, profiles:read",
    is_dispensable=True,
    part_of="lists",
)

# -- The shop --------------------------------------------------------------------------------


def _shop_table(
    name: str,
    key: tuple[str, ...],
    *columns: str,
    optional: tuple[str, ...] = (),
    whole_by: tuple[str, ...] = (),
    without: str = "",
) -> Stream:
    """A table of the shop's database; every one has its key and the time of its last change."""
    return Stream(
        SHOP,
        name,
        key=key,
        columns=(*key, *columns, "updated_at"),
        cursor="updated_at",
        optional=optional,
        whole_by=whole_by,
        is_dispensable=bool(without),
        without=without,
    )


CUSTOMERS = _shop_table("customers", ("customer_id",), "email", "created_at")
ORDERS = _shop_table(
    "orders",
    ("order_id",),
    "customer_id",
    "store_id",
    "currency_code",
    "ordered_at",
    optional=("status", "returned_order_id"),
)
ORDER_LINES = _shop_table(
    "order_lines",
    ("order_id", "product_id"),
    "quantity",
    "sales_amount",
    "retail_discount_amount",
    "coupon_discount_amount",
    "coupon_match_discount_amount",
    optional=("line_id", "quantity_unit"),
    whole_by=("order_id",),
)
PRODUCTS = _shop_table(
    "products",
    ("product_id",),
    "manufacturer_id",
    "department",
    "brand",
    "product_category",
    "product_type",
    "package_size",
    without="what was bought: categories, brands, needs",
)
COUPONS = _shop_table(
    "coupons",
    ("coupon_upc", "product_id", "campaign_id"),
    "offer_type",
    "valid_from",
    "valid_until",
    without="offers: what was on offer, and until when",
)

# -- What reconciliation finds, per source ---------------------------------------------------


def _removals(source: str) -> Stream:
    """Records that the source does not have any more, although nothing said so."""
    return Stream(
        source,
        "removals",
        key=("object_type", "id"),
        columns=("object_type", "id", "noticed_on", "successor_id", "extra"),
    )


def _source_totals(source: str) -> Stream:
    """How many records the source says it has, and how many the landing knows.

    Both count what happened from ``compared_from`` (without one: ever) up to but not including
    ``compared_to``; ``not_compared`` is what of that could not be counted, a JSON list, null where
    everything was.
    """
    return Stream(
        source,
        "source_totals",
        key=("stream", "checked_on", "compared_from"),
        columns=(
            "stream",
            "source_total",
            "landed_total",
            "checked_on",
            "method",
            "compared_from",
            "compared_to",
            "not_compared",
        ),
    )


def _refusals(source: str) -> Stream:
    """Records that the source refused, or gave in a form that cannot be believed; and why."""
    return Stream(
        source,
        "refusals",
        key=("stream", "id", "part"),
        columns=("stream", "id", "part", "reason", "noticed_on", "record"),
    )


def _files_read(source: str) -> Stream:
    """Files that were read to their end: as they were then, and what was in them."""
    return Stream(
        source,
        "files_read",
        key=("stream", "file"),
        columns=(
            "stream",
            "file",
            "bytes",
            "modified_at",
            "digest",
            "row_count",
            "refused_count",
            "read_on",
        ),
    )


class _Kept(dict[str, Stream]):
    """A book of each source; of one that a firm declares, as of those that stand here."""

    def __init__(self, made: Callable[[str], Stream], *sources: str) -> None:
        super().__init__({source: made(source) for source in sources})
        self._made = made

    def __missing__(self, source: str) -> Stream:
        return self._made(source)


REFUSALS = _Kept(_refusals, HUBSPOT, KLAVIYO)
REMOVALS = _Kept(_removals, HUBSPOT, KLAVIYO, SHOP)
SOURCE_TOTALS = _Kept(_source_totals, HUBSPOT, KLAVIYO, SHOP)
FILES_READ = _Kept(_files_read)
# Nobody switches them off, and no scope opens them.
KEPT_BOOKS = (*REFUSALS.values(), *REMOVALS.values(), *SOURCE_TOTALS.values())

# Streams that are pulled together, by one task: they come from one source at one pace, slice by
# slice, each complete or absent. A group stands behind those that it reads from the landing
# (AFTER).
GROUPS: dict[str, tuple[Stream, ...]] = {
    "hubspot_contacts": (CONTACTS, COMPANIES, OWNERS),
    "hubspot_deals": (DEALS,),
    "hubspot_tickets": (TICKETS, FEEDBACK_SUBMISSIONS),
    "hubspot_engagements": (CALLS, EMAILS, MEETINGS, NOTES, TASKS, COMMUNICATIONS),
    "hubspot_marketing_email": (MARKETING_EMAILS, EMAIL_EVENTS),
    "hubspot_reconciliation": (REMOVALS[HUBSPOT], SOURCE_TOTALS[HUBSPOT], REFUSALS[HUBSPOT]),
    "hubspot_associations": (ASSOCIATIONS,),
    "hubspot_preferences": (SUBSCRIPTION_DEFINITIONS, SUBSCRIPTION_STATUSES),
    "klaviyo_profiles": (PROFILES,),
    "klaviyo_lists": (LISTS, LIST_MEMBERS),
    "klaviyo_campaigns": (METRICS, CAMPAIGNS, CAMPAIGN_MESSAGES),
    "klaviyo_flows": (FLOWS, FLOW_ACTIONS, FLOW_MESSAGES),
    "klaviyo_events": (EVENTS,),
    "klaviyo_reconciliation": (REMOVALS[KLAVIYO], SOURCE_TOTALS[KLAVIYO], REFUSALS[KLAVIYO]),
    "shop_catalog": (CUSTOMERS, PRODUCTS, COUPONS),
    "shop_orders": (ORDERS, ORDER_LINES),
    "shop_reconciliation": (REMOVALS[SHOP], SOURCE_TOTALS[SHOP]),
}
_HUBSPOT_OBJECTS = ("hubspot_contacts", "hubspot_deals", "hubspot_tickets", "hubspot_engagements")
AFTER: dict[str, tuple[str, ...]] = {
    "hubspot_reconciliation": _HUBSPOT_OBJECTS,
    # What reconciliation finds missing is asked for its associations and statuses at once.
    "hubspot_associations": ("hubspot_reconciliation",),
    "hubspot_preferences": ("hubspot_reconciliation",),
    "klaviyo_reconciliation": ("klaviyo_profiles", "klaviyo_campaigns", "klaviyo_events"),
    "shop_reconciliation": ("shop_catalog", "shop_orders"),
}

# Groups in which somebody may have said no: without their news nobody may be written to anew.
OF_CONSENT = frozenset(
    {
        "hubspot_contacts",
        "hubspot_marketing_email",
        "hubspot_preferences",
        "klaviyo_events",
        "klaviyo_profiles",
    }
)

# The canonical stream that one becomes, of those that anything is said to be known by: a source of
# the firm's own that is mapped onto the same tells the same.
BECOMES: dict[str, str] = {
    "shop.orders": "orders",
    "shop.order_lines": "order_lines",
    "shop.products": "products",
    "hubspot.companies": "companies",
    "hubspot.deals": "deals",
    "hubspot.tickets": "tickets",
    "hubspot.feedback_submissions": "surveys",
    "hubspot.calls": "engagements",
    "hubspot.emails": "engagements",
    "hubspot.meetings": "engagements",
    "hubspot.communications": "engagements",
    "hubspot.email_events": "message_events",
    "klaviyo.events": "message_events",
    "klaviyo.campaigns": "campaigns",
}

STREAMS: tuple[Stream, ...] = tuple(stream for group in GROUPS.values() for stream in group)
