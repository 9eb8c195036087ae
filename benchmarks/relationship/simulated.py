"""The relationship marts of a simulated company, built as a night builds them, and its truth."""

from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray

from benchmarks import companies
from benchmarks.relationship.measures import Score, calibration_error, confusion
from rapport.settings import WAREHOUSE_FILE
from sandbox.simulate.parameters import Parameters

LAST_NIGHT = "2018-01-02"
LEAST_HISTORY_DAYS = 180
TYPES = (
    "no_relationship",
    "acquaintance",
    "basic_exchange",
    "buddy",
    "best_friend",
    "business_partner",
    "fling",
    "full_service",
    "strained",
)


def make(folder: Path, *, customers: int, seed: int, memory: str = "2GB") -> None:
    """Simulate a company into a folder and build its relationship marts there."""
    companies.land(folder, Parameters(customers=customers, seed=seed), memory)
    build(folder, LAST_NIGHT, memory=memory)


def build(folder: Path, as_of: str, *, memory: str = "2GB") -> None:
    """Build the relationship marts and what they need from the landing in a folder."""
    marts = "+models/marts/relationship"
    companies.build(folder, marts, policies=f"as_of_date: {as_of}", memory=memory)


def compare(folder: Path) -> Score:
    """Hold the marts in a folder against the truth beside them."""
    with duckdb.connect(str(folder / WAREHOUSE_FILE), read_only=True) as connection:
        connection.execute(f"attach '{folder / 'sandbox' / 'truth.duckdb'}' as truth (read_only)")
        found = connection.sql(
            f"""
            select
                truth.relationship_type as true_type,
                truth.wants_relationship as truly_wants,
                relationships.inferred_type,
                coalesce(relationships.inferred_confidence, 0) as confidence,
                relationships.wants_relationship as wants,
                date_diff(
                    'day', cast(customers.first_seen_at as date), date '{LAST_NIGHT}'
                ) as history_days
            from truth.truth_customers as truth
            inner join intermediate.int_identity__contact_map as map
                on map.source = 'shop' and map.source_record_id = truth.shop_customer_id
            inner join marts.dim_customer_relationships as relationships
                on map.customer_id = relationships.customer_id
            inner join marts.dim_customers as customers on map.customer_id = customers.customer_id
            """
        ).fetchnumpy()
    truth, inferred = (
        np.asarray(found[name], dtype=str) for name in ("true_type", "inferred_type")
    )
    wants = np.asarray(found["wants"], dtype=str)
    truly_wants, confidence = np.asarray(found["truly_wants"]), np.asarray(found["confidence"])
    is_old = np.asarray(found["history_days"]) >= LEAST_HISTORY_DAYS
    is_known = inferred != "unknown"

    def calibration(chosen: NDArray[np.bool_]) -> float:
        return calibration_error(confidence[chosen], (truth == inferred)[chosen])

    labels = (*TYPES, "unknown")
    return Score(
        labels=labels,
        matrix=confusion(truth[is_old], inferred[is_old], labels),
        calibration=calibration(is_old & is_known),
        calibration_of_all=calibration(is_known),
        no_recall=float((wants[is_old & ~truly_wants] == "no").mean()),
        yes_precision=float(truly_wants[is_old & (wants == "yes")].mean()),
        unknown_of_new=float((~is_known)[np.asarray(found["history_days"]) < 30].mean()),
    )
