"""What Rapport pulls: every stream with its key, its cursor and its columns.

All columns land as text (nested objects as JSON text). Giving them types is
staging's work: a value that does not fit is then a row in quarantine with a
reason, not a load that fails or a number that silently became null.
"""

from dataclasses import dataclass
from datetime import timedelta

HUBSPOT = "hubspot"
KLAVIYO = "klaviyo"
SHOP = "shop"


@dataclass(frozen=True)
class Stream:
    """One table of the landing.

    Attributes:
        source: the system it comes from; a folder of the landing.
        name: the resource; a folder below it.
        key: columns that tell one record from another.
        columns: every column that a landed row has; others may come and are kept.
        cursor: the column an incremental pull goes by; ``None`` for a full pull.
        overlap: how far behind the newest landed record a pull starts again,
            because sources show new records late and out of order.
    """

    source: str
    name: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    cursor: str | None = None
    overlap: timedelta = timedelta(days=1)

    @property
    def full_name(self) -> str:
        """``source.name``, as logs and reports say it."""
        return f"{self.source}.{self.name}"


CONTACTS = Stream(
    HUBSPOT,
    "contacts",
    key=("id",),
    columns=("id", "created_at", "updated_at", "archived", "archived_at", "properties", "extra"),
    cursor="updated_at",
)
OWNERS = Stream(
    HUBSPOT,
    "owners",
    key=("id",),
    columns=(
        "id",
        "created_at",
        "updated_at",
        "archived",
        "email",
        "first_name",
        "last_name",
        "user_id",
        "teams",
        "extra",
    ),
)
PROFILES = Stream(
    KLAVIYO,
    "profiles",
    key=("id",),
    columns=("id", "created", "updated", "attributes", "relationships", "extra"),
    cursor="updated",
)
METRICS = Stream(
    KLAVIYO,
    "metrics",
    key=("id",),
    columns=("id", "created", "updated", "attributes", "relationships", "extra"),
)
CAMPAIGNS = Stream(
    KLAVIYO,
    "campaigns",
    key=("id",),
    columns=("id", "created_at", "updated_at", "channel", "attributes", "relationships", "extra"),
)
EVENTS = Stream(
    KLAVIYO,
    "events",
    key=("id",),
    columns=(
        "id",
        "datetime",
        "metric_id",
        "profile_id",
        "attributes",
        "relationships",
        "extra",
    ),
    cursor="datetime",
    overlap=timedelta(days=3),
)
CUSTOMERS = Stream(
    SHOP,
    "customers",
    key=("customer_id",),
    columns=("customer_id", "email", "created_at", "updated_at"),
    cursor="updated_at",
)
ORDERS = Stream(
    SHOP,
    "orders",
    key=("order_id",),
    columns=("order_id", "customer_id", "store_id", "currency_code", "ordered_at", "updated_at"),
    cursor="updated_at",
)
ORDER_LINES = Stream(
    SHOP,
    "order_lines",
    key=("order_id", "product_id"),
    columns=(
        "order_id",
        "product_id",
        "quantity",
        "sales_amount",
        "retail_discount_amount",
        "coupon_discount_amount",
        "coupon_match_discount_amount",
        "updated_at",
    ),
    cursor="updated_at",
)
PRODUCTS = Stream(
    SHOP,
    "products",
    key=("product_id",),
    columns=(
        "product_id",
        "manufacturer_id",
        "department",
        "brand",
        "product_category",
        "product_type",
        "package_size",
        "updated_at",
    ),
    cursor="updated_at",
)
COUPONS = Stream(
    SHOP,
    "coupons",
    key=("coupon_upc", "product_id", "campaign_id"),
    columns=(
        "coupon_upc",
        "product_id",
        "campaign_id",
        "offer_type",
        "valid_from",
        "valid_until",
        "updated_at",
    ),
    cursor="updated_at",
)

# Streams that are pulled together, by one task: they come from one source at one
# pace, and a load of them is complete or absent as a whole.
GROUPS: dict[str, tuple[Stream, ...]] = {
    "hubspot_contacts": (CONTACTS, OWNERS),
    "klaviyo_profiles": (PROFILES,),
    "klaviyo_campaigns": (METRICS, CAMPAIGNS),
    "klaviyo_events": (EVENTS,),
    "shop_catalog": (CUSTOMERS, PRODUCTS, COUPONS),
    "shop_orders": (ORDERS, ORDER_LINES),
}

STREAMS: tuple[Stream, ...] = tuple(stream for group in GROUPS.values() for stream in group)
