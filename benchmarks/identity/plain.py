"""Splink as its documentation has it, to compare with: fitted to the records that it then links.

Its standard comparisons of the columns; u by random sampling, m by expectation maximisation; pairs
that agree in a name, the birth date, the address, the postcode or a number are compared. Which
threshold is best it is told by the labels, as nobody could in a warehouse.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import numpy as np
import pyarrow
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from splink import DuckDBAPI, Linker, SettingsCreator, block_on
from splink import comparison_library as library

from benchmarks.identity.measures import Score, score

COMPARISONS: Mapping[str, Any] = {
    "first_name": library.NameComparison("first_name"),
    "last_name": library.NameComparison("last_name"),
    "birth_date": library.DateOfBirthComparison("birth_date", input_is_string=True),
    "email": library.EmailComparison("email"),
    "postcode": library.LevenshteinAtThresholds("postcode", 1),
    "city": library.LevenshteinAtThresholds("city", 2),
    "external_id": library.ExactMatch("external_id"),
    # Of Febrl's, not of a CRM's as Rapport reads it.
    "street_number": library.LevenshteinAtThresholds("street_number", 1),
    "address_1": library.JaroWinklerAtThresholds("address_1"),
    "address_2": library.JaroWinklerAtThresholds("address_2"),
    "state": library.ExactMatch("state"),
}
TRAINED_ON = (block_on("first_name", "last_name"), block_on("birth_date"), block_on("email"))
THRESHOLDS = sorted({*np.linspace(0.05, 0.95, 19), *(1 - 0.1 ** np.arange(1, 9))})


def best(records: pyarrow.Table, columns: Sequence[str], blocks: Sequence[Sequence[str]]) -> Score:
    """Return how Splink does with the threshold at which F1 of its clusters is best.

    Args:
        records: `unique_id` from 0, `person` (the truth), and the columns.
        columns: those compared, among ``COMPARISONS``.
        blocks: columns that are equal where two records are compared at all.
    """
    truth = records["person"].to_numpy()
    settings = SettingsCreator(
        link_type="dedupe_only",
        comparisons=[COMPARISONS[column] for column in columns],
        blocking_rules_to_generate_predictions=[block_on(*block) for block in blocks],
        retain_intermediate_calculation_columns=False,
        retain_matching_columns=False,
    )
    with duckdb.connect() as connection:
        database = DuckDBAPI(connection=connection)
        given = database.register(records.select(["unique_id", *columns]))
        linker = Linker(given, settings, log_level="ERROR")
        training = linker.training
        sure = block_on("first_name", "last_name", "birth_date")
        training.estimate_probability_two_random_records_match([sure], recall=0.7)
        training.estimate_u_using_random_sampling(max_pairs=1e8, seed=1)
        for block in TRAINED_ON if "email" in columns else TRAINED_ON[:2]:
            training.estimate_parameters_using_expectation_maximisation(block)
        found = linker.inference.predict(threshold_match_probability=0.01).as_duckdbpyrelation()
        pairs = found.project("unique_id_l, unique_id_r, match_probability").fetchnumpy()
    left, right, probability = pairs.values()
    scores = []
    for threshold in THRESHOLDS:
        put = probability >= threshold
        graph = coo_matrix(
            (np.ones(put.sum()), (left[put], right[put])), shape=(len(truth), len(truth))
        )
        _, clusters = connected_components(graph, directed=False)
        scores.append(score(clusters, truth))
    return max(scores, key=lambda one: one.pair_f1)
