"""A simulated company, chunk by chunk: every module in its order, then whoever writes it down."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import duckdb

from sandbox.simulate import (
    automations,
    business,
    campaigns,
    engagements,
    engine,
    events,
    journeys,
    orders,
    people,
    preferences,
    records,
    responses,
    service,
    staff,
    truth,
)
from sandbox.simulate.parameters import Parameters

CHUNK = 60_000  # people at a time; a multiple of sixty, so that no family or firm is cut
Database = duckdb.DuckDBPyConnection


@contextmanager
def company(
    p: Parameters,
    *,
    threads: int | None = None,
    memory: str | None = None,
    spill: str | None = None,
) -> Iterator[Database]:
    """Open a database with what belongs to the whole company: products, campaigns, staff."""
    with engine.connect(p.seed, threads=threads, memory=memory, spill=spill) as db:
        people.kinds_table(db, p)
        staff.owners(db, p)
        orders.catalogue(db, p)
        campaigns.schedule(db, p)
        automations.catalogue(db, p)
        yield db


def chunks(db: Database, p: Parameters, size: int = CHUNK) -> Iterator[int]:
    """Simulate one chunk of the people after the other, and yield the number of each.

    While a chunk is yielded, its tables stand: people, orders, order_lines, responses, steps,
    tickets, engagements, surveys, deals and the rest; `records` and `events` say how they look in
    the systems.
    """
    if size % 60:
        raise ValueError("a chunk is a multiple of sixty people")
    for number, first in enumerate(range(1, p.customers + 1, size)):
        people.traits(db, p, first, min(first + size - 1, p.customers))
        people.faces(db, p)
        staff.assign(db)
        preferences.answers(db, p)
        orders.purchases(db, p)
        automations.sends(db, p)
        campaigns.sends(db, p)
        act(db, p)
        if number == 0:
            truth.curves(db, p)
        yield number


def act(db: Database, p: Parameters) -> None:
    """Make what follows from people, purchases and messages; the default company starts here."""
    following: tuple[Callable[[Database, Parameters], None], ...] = (
        responses.responses,
        orders.orders,
        automations.receipts,
        journeys.steps,
        service.tickets,
        engagements.engagements,
        engagements.surveys,
        business.companies,
        business.deals,
        events.consents,
        records.duplicates,
    )
    for make in following:
        make(db, p)
