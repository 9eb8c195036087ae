"""A sandbox with more in it than the shared fixtures serve."""

import sqlite3
from contextlib import closing

import pytest

from sandbox import prepare
from sandbox.testing import serve


@pytest.fixture(scope="session")
def crowded_server(tmp_path_factory):
    """A company whose CRM has 12,000 contacts more, many of them modified at one instant."""
    company = prepare(tmp_path_factory.mktemp("crowded"), households=60)
    with closing(sqlite3.connect(company.crm_path)) as crm:
        crm.execute(
            """
            with recursive numbers(n) as (select 0 union all select n + 1 from numbers limit 12000)
            insert into records
            select 'hubspot/contacts', cast(30000000000 + n as text), at, 1 << 62, at, at, null,
                   json_object('email', 'crowd' || n || '@example.com', 'lastmodifieddate', at),
                   '{}'
            from (select n, 1490000000000 + n / 700 * 1000 as at from numbers)
            """
        )
        crm.commit()
    with serve(company) as server:
        yield server
