"""Twenty orders of the kinds that neither the real households nor the simulated people have.

Every larger company has them, with the same ids, on five accounts of people who get no campaign:
what came back, in both styles and by word of the mailing tool, cancellations, guests, goods by
weight, two lines of one article, postage and a voucher, other currencies. `ORDERS` says what is
true of each. What the households and the simulated people bought stays as it is.

The shop of the sandbox has no line ids, as many have none. Its articles here are in no catalogue.
"""

from dataclasses import dataclass

from sandbox.clock import shop_time
from sandbox.households import DAY, HOUR, MINUTE, day

STORE = 990  # where all of them were bought, and nothing else
ACCOUNTS = 5
_FIRST_ACCOUNT = 9_900_000_001
_FIRST_ORDER = 9_990_000_000_001
_OPENED = day(2017, 11, 1) + 9 * HOUR
_BEGAN = day(2017, 11, 6) + 15 * HOUR
GUEST, UNKNOWN = -1, -2  # instead of an account: none, and one that the shop does not show
LAMP, CUP, CHEESE = 99_000_001, 99_000_002, 99_000_003  # articles

Line = tuple[int | str, float, float]  # article, quantity, amount


@dataclass(frozen=True)
class Traded:
    """One order, and what is true of it.

    Attributes:
        account: 0 to 4, or ``GUEST`` or ``UNKNOWN``.
        lines: as the shop has them; cheese is weighed in kilograms.
        status: what became of it, in Rapport's words.
        gross: what was sold, in its currency.
        returned: what of it came back, or what it brings back that takes back no sale.
        shop_status: the shop's own word, where it has one.
        returns: number of the order that the shop says it brings back.
        told: what the mailing tool tells: a metric and the amount.
        currency: ISO 4217.
    """

    account: int
    lines: tuple[Line, ...]
    status: str
    gross: float
    returned: float = 0
    shop_status: str | None = None
    returns: int | None = None
    told: tuple[str, float] | None = None
    currency: str = "USD"

    @property
    def is_kept(self) -> bool:
        """Whether it counts as an order."""
        return self.status in ("kept", "partly_returned")


ORDERS: tuple[Traded, ...] = (
    # returns in orders of their own: of the latest sale, and of the one that is named
    Traded(0, ((LAMP, 3, 30.0), ("POST", 1, 5.0)), "partly_returned", 35.0, 10.0),
    Traded(0, ((LAMP, -1, -10.0),), "returned", 0),
    Traded(0, ((CUP, 1, 12.0),), "returned", 12.0, 12.0),
    Traded(0, ((CUP, -1, -12.0),), "returned", 0, returns=2),
    # one in the order of the sale, and one of something bought before the records begin
    Traded(1, ((LAMP, 2, 20.0), (CUP, 1, 12.0), (LAMP, -1, -10.0)), "partly_returned", 32.0, 10.0),
    Traded(1, ((CHEESE, -1, -8.0),), "returned", 0, 8.0),
    # cancelled in the shop
    Traded(2, ((LAMP, 4, 40.0),), "cancelled", 40.0, 40.0, shop_status="Cancelled"),
    Traded(2, ((CUP, 1, 15.5),), "kept", 15.5, shop_status="Completed"),
    # refunded, in part and as a whole, and cancelled by word of the mailing tool
    Traded(3, ((LAMP, 5, 50.0),), "returned", 50.0, 50.0, told=("Refunded Order", 50.0)),
    Traded(
        3,
        ((LAMP, 1, 10.0), (CUP, 2, 20.0)),
        "partly_returned",
        30.0,
        7.5,
        told=("Refunded Order", 7.5),
    ),
    Traded(3, ((CUP, 2, 25.0),), "cancelled", 25.0, 25.0, told=("Cancelled Order", 25.0)),
    # by weight; two lines of one article; postage and a voucher; other currencies; a fee alone
    Traded(4, ((CHEESE, 0.356, 4.2),), "kept", 4.2),
    Traded(4, ((LAMP, 1, 10.0), (LAMP, 1, 8.0)), "kept", 18.0),
    Traded(4, ((LAMP, 2, 20.0), ("POST", 1, 4.95), ("VOUCHER", 1, -5.0)), "kept", 19.95),
    Traded(4, ((LAMP, 1, 10.005),), "kept", 10.005, currency="KWD"),
    Traded(4, ((CUP, 1, 9.99),), "kept", 9.99, currency="EUR"),
    Traded(4, (("POST", 1, 3.0),), "no_goods", 3.0),
    # tied to nobody, and to an account that no table has
    Traded(GUEST, ((LAMP, 1, 18.0),), "kept", 18.0),
    Traded(GUEST, ((CUP, 1, 6.4),), "kept", 6.4),
    Traded(UNKNOWN, ((CUP, 1, 7.25),), "kept", 7.25),
)
LINE_COUNT = sum(len(order.lines) for order in ORDERS)


def order_id(number: int) -> int:
    """Return the shop's id of an order, by its place in `ORDERS`."""
    return _FIRST_ORDER + number


def account(number: int) -> int | None:
    """Return the shop's number of an account; None for a guest."""
    return None if number == GUEST else _FIRST_ACCOUNT + (number if number >= 0 else 998)


def ordered_at(number: int) -> int:
    """Return when an order was placed: by day in every zone of the Americas."""
    return _BEGAN + number * DAY + number * MINUTE


def told_at(number: int) -> int:
    """Return when the mailing tool told of an order."""
    return day(2017, 12, 28) + 12 * HOUR + number * MINUTE


def shop_rows(emails: list[str]) -> dict[str, list[tuple[object, ...]]]:
    """Return the rows of the shop's tables; ``emails`` are of the accounts."""
    opened = shop_time(_OPENED)
    found: dict[str, list[tuple[object, ...]]] = {
        "customers": [
            (account(number), email, opened, opened, "9999-12-31 00:00:00")
            for number, email in enumerate(emails)
        ],
        "orders": [],
        "order_lines": [],
    }
    for number, order in enumerate(ORDERS):
        at = shop_time(ordered_at(number))
        named = None if order.returns is None else order_id(order.returns)
        found["orders"].append(
            (
                order_id(number),
                account(order.account),
                STORE,
                order.currency,
                at,
                at,
                order.shop_status,
                named,
            )
        )
        found["order_lines"] += [
            (order_id(number), str(article), quantity, amount, 0.0, 0.0, 0.0, at, unit, place)
            for place, (article, quantity, amount) in enumerate(order.lines)
            for unit in ("kg" if article == CHEESE else None,)
        ]
    return found
