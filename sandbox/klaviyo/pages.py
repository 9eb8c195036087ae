"""The endpoints of Klaviyo that answer in pages: what each allows, and where its rows are."""

from sandbox.klaviyo.asked import RANGE, Page
from sandbox.store import field

_BETWEEN = tuple(RANGE)
_PAGING = ("filter", "sort", "page[size]", "page[cursor]", "include")
_SUPPRESSION = "subscriptions.email.marketing.suppression"
_LIST_SUPPRESSIONS = "subscriptions.email.marketing.list_suppressions"
# A campaign is of the channel of its first message.
_CHANNEL = """(
    select message.body ->> '$.definition.channel' from records as message
    where message.collection = 'klaviyo/campaign-message'
    and message.id = records.related ->> '$."campaign-messages"[1][0]' limit 1
)"""


def _latest(array: str) -> str:
    """Return the SQL of the latest instant in an array, a text; profiles without one come first."""
    latest = f"select max(value ->> '$.timestamp') from json_each(body, '$.{array}')"
    return f"coalesce(({latest}), '')"


PROFILE_PAGE = Page(
    parameters=(*_PAGING, "additional-fields[profile]", "fields[profile]"),
    filters={
        "id": ("equals", "any"),
        "email": ("equals", "any"),
        "phone_number": ("equals", "any"),
        "external_id": ("equals", "any"),
        "created": ("greater-than", "less-than"),
        "updated": ("greater-than", "less-than"),
        f"{_SUPPRESSION}.reason": ("equals",),
        f"{_SUPPRESSION}.timestamp": _BETWEEN,
        f"{_LIST_SUPPRESSIONS}.reason": ("equals",),
        f"{_LIST_SUPPRESSIONS}.timestamp": _BETWEEN,
        f"{_LIST_SUPPRESSIONS}.list_id": ("equals",),
    },
    each={
        f"{name}.{member}": (f"$.{name}", f"value ->> '$.{member}'")
        for name in (_SUPPRESSION, _LIST_SUPPRESSIONS)
        for member in ("reason", "timestamp", "list_id")
    },
    columns={
        "id": "id",
        f"{_SUPPRESSION}.timestamp": _latest(_SUPPRESSION),
        f"{_LIST_SUPPRESSIONS}.timestamp": _latest(_LIST_SUPPRESSIONS),
        "email": field("email"),
        "phone_number": field("phone_number"),
        "external_id": field("external_id"),
        "created": "created_at",
        "updated": "modified_at",
    },
    instants=("created", "updated"),
    sorts=(
        *("created", "updated", "email", "id"),
        f"{_SUPPRESSION}.timestamp",
        f"{_LIST_SUPPRESSIONS}.timestamp",
    ),
    size=(20, 100),
)
LIST_PAGE = Page(
    parameters=(*_PAGING, "fields[list]", "fields[tag]"),
    filters={
        "id": ("equals", "any"),
        "name": ("equals", "any"),
        "created": ("greater-than",),
        "updated": ("greater-than",),
    },
    columns={
        "id": "id",
        "name": field("name"),
        "created": "created_at",
        "updated": "modified_at",
    },
    instants=("created", "updated"),
    sorts=("created", "id", "name", "updated"),
    size=(10, 10),
)
ONE_LIST = Page(
    parameters=("include", "additional-fields[list]", "fields[list]", "fields[tag]"),
    filters={},
    columns={"id": "id"},
    instants=(),
    sorts=("id",),
    size=None,
)
MEMBER_PAGE = Page(
    parameters=(*_PAGING[:-1], "additional-fields[profile]", "fields[profile]"),
    filters={
        "email": ("equals", "any"),
        "phone_number": ("equals", "any"),
        "joined_group_at": _BETWEEN,
    },
    columns={
        "id": "profile_id",
        "email": field("email"),
        "phone_number": field("phone_number"),
        "joined_group_at": "joined_at",
    },
    instants=("joined_group_at",),
    sorts=("joined_group_at",),
    size=(20, 100),
)
TAG_PAGE = Page(
    parameters=(*_PAGING[:-1], "fields[tag]"),
    filters={"name": ("equals", "contains")},
    columns={"id": "id", "name": field("name")},
    instants=(),
    sorts=("id", "name"),
    size=(50, 50),
)
METRIC_PAGE = Page(
    parameters=("filter", "page[cursor]", "include", "fields[metric]"),
    filters={"integration.name": ("equals",), "integration.category": ("equals",)},
    columns={
        "id": "id",
        "integration.name": "body ->> '$.integration.name'",
        "integration.category": "body ->> '$.integration.category'",
    },
    instants=(),
    sorts=("id",),
    size=None,
)
CAMPAIGN_PAGE = Page(
    parameters=(*_PAGING, "fields[campaign]", "fields[campaign-message]", "fields[tag]"),
    filters={
        "id": ("any",),
        "messages.channel": ("equals",),
        "name": ("contains",),
        "status": ("any", "equals"),
        "archived": ("equals",),
        "created_at": _BETWEEN,
        "scheduled_at": _BETWEEN,
        "updated_at": _BETWEEN,
    },
    columns={
        "id": "id",
        "messages.channel": _CHANNEL,
        "name": field("name"),
        "status": field("status"),
        "archived": "iif(archived_at is null, 'false', 'true')",
        "created_at": "created_at",
        "scheduled_at": field("scheduled_at"),
        "updated_at": "modified_at",
    },
    instants=("created_at", "scheduled_at", "updated_at"),
    sorts=("created_at", "id", "name", "updated_at"),  # scheduled_at may be null
    size=(100, 100),
)
MESSAGE_PAGE = Page(
    parameters=("include", "fields[campaign-message]", "fields[campaign]", "page[cursor]"),
    filters={},
    columns={"id": "id"},
    instants=(),
    sorts=("id",),
    size=None,
)
_OF_A_FLOW = {
    "id": "id",
    "created": "created_at",
    "updated": "modified_at",
}
FLOW_PAGE = Page(
    parameters=(*_PAGING, "fields[flow]", "fields[flow-action]", "fields[tag]"),
    filters={
        "id": ("any",),
        "name": ("contains", "equals"),
        "status": ("equals",),
        "trigger_type": ("equals",),
        "created": ("equals", *_BETWEEN),
        "updated": ("equals", *_BETWEEN),
    },
    columns={
        **_OF_A_FLOW,
        "name": field("name"),
        "status": field("status"),
        "trigger_type": field("trigger_type"),
    },
    instants=("created", "updated"),
    sorts=("created", "id", "name", "status", "trigger_type", "updated"),
    size=(50, 50),
)
ONE_FLOW = Page(
    parameters=(
        *("include", "additional-fields[flow]"),
        *("fields[flow]", "fields[flow-action]", "fields[tag]"),
    ),
    filters={},
    columns={"id": "id"},
    instants=(),
    sorts=("id",),
    size=None,
)
TRIGGERED_FLOWS = Page(
    parameters=("fields[flow]",),
    filters={},
    columns=_OF_A_FLOW,
    instants=(),
    sorts=("created",),
    size=None,
)
FLOW_ACTION_PAGE = Page(
    parameters=(*_PAGING[:-1], "fields[flow-action]"),
    filters={"id": ("any",), "created": _BETWEEN, "updated": _BETWEEN},
    columns=_OF_A_FLOW,
    instants=("created", "updated"),
    sorts=("created", "id", "updated"),
    size=(50, 50),
)
FLOW_MESSAGE_PAGE = Page(
    parameters=(*_PAGING[:-1], "fields[flow-message]"),
    filters={"id": ("any",), "created": _BETWEEN, "updated": _BETWEEN},
    columns=_OF_A_FLOW,
    instants=("created", "updated"),
    sorts=("created", "id", "updated"),
    size=(50, 50),
)
EVENT_PAGE = Page(
    parameters=(
        *(*_PAGING, "fields[attribution]"),
        *("fields[event]", "fields[metric]", "fields[profile]"),
    ),
    filters={
        "metric_id": ("equals",),
        "profile_id": ("equals",),
        "datetime": _BETWEEN,
        "timestamp": _BETWEEN,
    },
    columns={
        "id": "id",
        "metric_id": "metric_id",
        "profile_id": "profile_id",
        "datetime": "at",
        "timestamp": "at",
    },
    instants=("datetime",),
    sorts=("datetime", "timestamp"),
    size=(200, 1000),
)
ONE_EVENT = Page(
    parameters=(
        *("include", "fields[attribution]"),
        *("fields[event]", "fields[metric]", "fields[profile]"),
    ),
    filters={},
    columns={"id": "id"},
    instants=(),
    sorts=("id",),
    size=None,
)
