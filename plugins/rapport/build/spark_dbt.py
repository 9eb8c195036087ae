"""dbt as it runs on Spark, by the Python of `.spark`, where nothing else of Rapport is.

dbt-spark 1.11 turns ANSI SQL off, whatever the profile says. Spark then reads `"x"` as a text and
makes null of what it cannot cast; here the profile decides.
"""

from dbt.adapters.spark.connections import SparkCredentials
from dbt.cli.main import cli

_ANSI = "spark.sql.ansi.enabled"
_prepared = SparkCredentials.__post_init__


def _as_the_profile_says(self: SparkCredentials) -> None:
    said = (self.server_side_parameters or {}).get(_ANSI)
    _prepared(self)
    if said is not None:
        self.server_side_parameters[_ANSI] = str(said)


SparkCredentials.__post_init__ = _as_the_profile_says

if __name__ == "__main__":
    cli()
