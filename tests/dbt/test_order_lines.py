"""Which landed rows are versions of one line of an order, and which are lines beside each other."""

from decimal import Decimal

import pytest

from tests.dbt.landing_fixture import land

MONDAY, TUESDAY = "2017-03-06", "2017-03-07"
LINES = ("--select", "+canonical_order_lines", "--resource-type", "model")


def line(order_id, product_id, amount, at="2017-03-06 08:00:00", **more):
    return {
        "order_id": order_id,
        "product_id": product_id,
        "quantity": 1,
        "sales_amount": amount,
        "retail_discount_amount": 0,
        "coupon_discount_amount": 0,
        "coupon_match_discount_amount": 0,
        "updated_at": at,
        **more,
    }


LATER = "2017-03-07 09:00:00"
FIRST = [
    # by the load: two lines and a repeat; one line; no id yet
    line("set", "bread", 10),
    line("set", "bread", 5),
    line("set", "bread", 5),
    line("set", "milk", 2),
    line("began", "bread", 7),
    line("began", "bread", 3),
]
FIRST_WITH_IDS = [
    line("ids", "bread", 10, line_id="1"),
    line("ids", "bread", 10, line_id="2"),
    line("ids", "bread", 4, line_id="3"),
]
SECOND = [
    # the whole order comes again, one line changed and one gone
    line("set", "bread", 6, LATER),
    line("set", "milk", 2),
    line("began", "bread", 7, LATER, line_id="1"),
    line("began", "bread", 3, LATER, line_id="2"),
    # of lines with an id the one that changed is enough, whatever article it is of now
    line("ids", "bread", 9, LATER, line_id="2"),
    line("ids", "cake", 4, LATER, line_id="3"),
]
EXPECTED = [
    ("began", "bread", 1, "1", Decimal(7)),
    ("began", "bread", 2, "2", Decimal(3)),
    ("ids", "bread", 1, "1", Decimal(10)),
    ("ids", "bread", 2, "2", Decimal(9)),
    ("ids", "cake", 1, "3", Decimal(4)),
    ("set", "bread", 1, None, Decimal(6)),
    ("set", "milk", 1, None, Decimal(2)),
]


@pytest.fixture
def built(tmp_path, warehouse):
    """Return a function that lands and builds nights of lines, and gives the warehouse."""

    def build(*nights):
        shop = warehouse(tmp_path, tmp_path / "landing")
        for night, load_id, rows in nights:
            for source in ("hubspot", "klaviyo"):
                land(shop.landing, source, night, f"{source}-{load_id}", {})
            land(shop.landing, "shop", night, load_id, {"order_lines": rows})
            result = shop.build(night, *LINES)
            assert result.success, result.failures()
            shop.close_build(night)
        return shop

    return build


def staged(shop):
    return shop.rows(
        "select order_id, product_id, line_number, line_id, sales_amount "
        "from canonical.canonical_order_lines order by all"
    )


def test_lines_of_an_article_are_replaced_by_the_newest_load_or_by_their_id(built):
    shop = built((MONDAY, "L1", FIRST + FIRST_WITH_IDS), (TUESDAY, "L2", SECOND))
    assert staged(shop) == EXPECTED
    counted = "count(*) filter (where is_repeat), count(*) filter (where version_rank > 1)"
    assert shop.rows(f"select {counted} from staging.base_shop__order_lines") == [(1, 8)]


def test_what_landed_late_changes_nothing_for_having_come_last(built):
    shop = built((MONDAY, "L1", SECOND), (TUESDAY, "L2", FIRST + FIRST_WITH_IDS))
    assert staged(shop) == EXPECTED


def test_equal_lines_are_one_line_unless_they_have_ids(built):
    shop = built(
        (
            MONDAY,
            "L1",
            [
                line("a", "bread", 5),
                line("a", "bread", 5),
                line("b", "bread", 5, line_id="1"),
                line("b", "bread", 5, line_id="2"),
            ],
        )
    )
    assert [row[:3] for row in staged(shop)] == [
        ("a", "bread", 1),
        ("b", "bread", 1),
        ("b", "bread", 2),
    ]
