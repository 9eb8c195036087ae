"""A whole night without Airflow: the same steps in the same order, in a folder of its own."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import duckdb

from rapport import release
from rapport.build.run import LastRelease, build
from rapport.gate import run_checkpoint
from rapport.settings import PROJECT_DIR, Settings
from rapport.sources.connection import Connection
from rapport.sources.declared import EVERYTHING, Declared
from rapport.sources.pull import pull


@dataclass
class House:
    """One installation beside a served sandbox.

    Attributes:
        home: where it keeps its state.
        server: the sandbox it pulls from.
        declared: what the firm has.
    """

    home: Path
    server: object
    declared: Declared = EVERYTHING
    settings: Settings = field(init=False)

    def __post_init__(self):
        self.settings = Settings(
            home=self.home,
            project_dir=PROJECT_DIR,
            company="complete-journey",
            schedule=None,
            keep_releases=7,
            memory_limit="4GiB",
            threads=1,  # the tests beside it have the other processor
        )
        self.connections = {
            "hubspot": Connection(
                "rapport_hubspot",
                self.server.hubspot_url,
                self.server.hubspot_token,
                {"searches_per_second": 1000},
            ),
            "klaviyo": Connection(
                "rapport_klaviyo", self.server.klaviyo_url, self.server.klaviyo_key
            ),
            "shop": Connection("rapport_shop", f"sqlite:///{self.server.shop_path}"),
        }

    def night(self, as_of: date, *arguments: str) -> release.ReleaseInfo:
        """Run a night from the sources to the release."""
        self.extract(as_of)
        self.check("sources", as_of)
        self.build(as_of, *arguments)
        return self.publish(as_of)

    def extract(self, as_of: date) -> dict[str, int]:
        """Pull every group, the sandbox's clock standing at the end of the night."""
        self.server.set_clock(f"{as_of + timedelta(days=1)}T00:00:00Z")
        rows = {}
        for group, streams in self.declared.groups.items():
            rows |= pull(
                group,
                self.connections[streams[0].source],
                as_of=as_of,
                landing_dir=self.settings.landing_dir,
                work_dir=self.settings.work_dir,
                declared=self.declared,
            )
        return rows

    def check(self, checkpoint: str, as_of: date, missing: Collection[str] = ()):
        """Run a gate; the pulls of the missing groups failed."""
        return run_checkpoint(
            checkpoint,
            expectations_dir=self.settings.expectations_dir,
            data_docs_dir=self.settings.data_docs_dir,
            as_of=as_of,
            warehouse_path=self.settings.warehouse_path if checkpoint == "publish" else None,
            landing_dir=self.settings.landing_dir if checkpoint == "sources" else None,
            declared=self.declared.names,
            missing=missing,
        )

    def build(self, as_of: date, *arguments: str) -> bool:
        """Build and test every model; return whether it started from nothing."""
        before = release.release_before(self.settings.releases_dir, as_of)
        return build(
            self.settings,
            as_of,
            declared=self.declared,
            last_release=LastRelease(before.release_id, before.as_of, before.path)
            if before
            else None,
            arguments=arguments,
        ).fresh

    def publish(self, as_of: date) -> release.ReleaseInfo:
        """Run the last gate and release what it passed."""
        gate = self.check("publish", as_of)
        return release.publish_release(
            warehouse_path=self.settings.warehouse_path,
            releases_dir=self.settings.releases_dir,
            as_of=as_of,
            gate=gate.summary(),
            keep=self.settings.keep_releases,
        )

    def query(self, sql: str) -> list[tuple]:
        """Ask the current release."""
        folder = (self.settings.releases_dir / "current").resolve()
        with duckdb.connect(str(folder / "rapport.duckdb"), read_only=True) as connection:
            return connection.sql(sql).fetchall()

    def ask_warehouse(self, sql: str) -> list[tuple]:
        """Ask the build warehouse."""
        with duckdb.connect(str(self.settings.warehouse_path), read_only=True) as connection:
            return connection.sql(sql).fetchall()
