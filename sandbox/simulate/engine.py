"""Chance and the calendar inside DuckDB: draws that depend on nothing but what they are about.

Every draw hashes the seed, a purpose and the numbers of what it is for. So it is the same whatever
the threads, the chunks or the order of the rows, and a person is the same in a larger company.
"""

from collections.abc import Mapping

import duckdb

# Hashed twice: DuckDB combines the arguments of `hash` by exclusive or, and two seeds would
# otherwise differ in the same bits everywhere.
MACROS = """
-- The casts matter: 0.5 alone is a decimal, and decimals of this length are forty times slower.
create macro chance(purpose, a) as hash(hash(a::bigint, purpose, {seed}));
create macro u(purpose, a) as
    ((chance(purpose, a) >> 11)::double + 0.5::double) * 1.1102230246251565e-16::double;
create macro u2(purpose, a, b) as
    ((hash(hash(a::bigint, b::bigint, purpose, {seed})) >> 11)::double + 0.5::double)
    * 1.1102230246251565e-16::double;
create macro normal(purpose, a) as
    sqrt(-2 * ln(u(purpose, a))) * cos(2 * pi() * u(purpose || '~', a));

-- Marsaglia and Tsang's rejection method for Gamma(shape + 1), one candidate per step, and the
-- usual power of a uniform number to come down to Gamma(shape): exact for every shape. Of eight
-- candidates one is accepted but for one time in 10^11; the next is only tried where one failed.
create macro gamma_candidate(d, x, w) as
    case
        when x > -sqrt(9 * d)
            and ln(w) < 0.5 * x * x + d - d * (1 + x / sqrt(9 * d)) ** 3
                + 3 * d * ln(1 + x / sqrt(9 * d))
        then d * (1 + x / sqrt(9 * d)) ** 3
    end;
create macro gamma_try(shape, purpose, a, i) as gamma_candidate(
    shape + 2.0 / 3,
    sqrt(-2 * ln(u2(purpose, a, i))) * cos(2 * pi() * u2(purpose || '~', a, i)),
    u2(purpose || '?', a, i)
);
create macro gamma_draw(shape, purpose, a) as u(purpose || '^', a) ** (1.0 / (shape)) * coalesce(
    gamma_try(shape, purpose, a, 0), gamma_try(shape, purpose, a, 1),
    gamma_try(shape, purpose, a, 2), gamma_try(shape, purpose, a, 3),
    gamma_try(shape, purpose, a, 4), gamma_try(shape, purpose, a, 5),
    gamma_try(shape, purpose, a, 6), gamma_try(shape, purpose, a, 7),
    shape
);

-- Which element of a list of (name, upper bound) pairs a number falls on.
create macro picked(names, number) as names[1 + (number * len(names))::int % len(names)];
create macro clip(x, low, high) as greatest(low, least(high, x));
-- A share r of 0 to 1 as a rate, and back: rate / (rate + half) = r.
create macro rate_of(share) as share / (1 - share);

create macro a_day() as 86400000::bigint;
create macro an_hour() as 3600000::bigint;
create macro a_minute() as 60000::bigint;
create macro moment(ms) as make_timestamp(ms * 1000);
create macro hubspot_time(ms) as strftime(moment(ms), '%Y-%m-%dT%H:%M:%S.%gZ');
create macro klaviyo_time(ms) as strftime(moment(ms), '%Y-%m-%dT%H:%M:%S+00:00');
create macro shop_time(ms) as strftime(moment(ms), '%Y-%m-%d %H:%M:%S');
create macro day_of(ms) as ms - ms % 86400000;
-- A whole second of that day between two hours; the sandbox knows whole seconds only.
create macro hour_of_day(ms, low, high, share) as
    (day_of(ms) + (low * 3600 + share * (high - low) * 3600)::bigint * 1000)::bigint;
create macro whole_second(ms) as (ms::bigint // 1000) * 1000;
create macro hex16(number) as lpad(lower(hex(number)), 16, '0');
create macro a_uuid(number, ms) as
    substr(hex16(number), 1, 8) || '-' || substr(hex16(number), 9, 4) || '-1'
    || substr(hex16(number), 13, 3) || '-8' || substr(hex16(ms::ubigint), 14, 3) || '-'
    || substr(hex16(ms::ubigint), 2, 12);
-- One to one on whole numbers of 64 bits: no two events get one id.
create macro chance_of_event(serial) as hash(xor(serial::ubigint, hash({seed})));
create macro tag_id(tag) as substr(hex16(hash(tag)), 1, 8) || '-' || substr(hex16(hash(tag)), 9, 4)
    || '-4000-8000-' || substr(hex16(hash(tag, 1)), 1, 12);
create macro forever() as 4611686018427387904;  -- 2^62, see sandbox.clock
"""


def connect(
    seed: int, *, threads: int | None = None, memory: str | None = None, spill: str | None = None
) -> duckdb.DuckDBPyConnection:
    """Return an empty database in memory with the macros of a seed.

    Args:
        seed: goes into every draw.
        threads: of DuckDB; the content does not depend on it.
        memory: DuckDB's limit, for example ``4GB``.
        spill: folder for what does not fit.
    """
    db = duckdb.connect()
    db.execute("set timezone = 'UTC'")
    db.execute("set preserve_insertion_order = false")
    if threads:
        db.execute(f"set threads = {threads}")
    if memory:
        db.execute(f"set memory_limit = '{memory}'")
    if spill:
        db.execute("set temp_directory = ?", [spill])
    db.execute(MACROS.format(seed=seed))
    return db


def texts(values: tuple[str, ...] | list[str]) -> str:
    """Return a DuckDB list of texts."""
    return "[" + ", ".join("'" + value.replace("'", "''") + "'" for value in values) + "]"


def choose(chances: Mapping[str, float], number: str) -> str:
    """Return SQL that picks a name: each as often as its chance says.

    Args:
        chances: name -> probability; they sum to 1.
        number: SQL of a uniform number.
    """
    cases, total = [], 0.0
    for name, chance in chances.items():
        total += chance
        cases.append(f"when {number} < {total!r} then '{name}'")
    last = list(chances)[-1]
    return f"case {' '.join(cases[:-1])} else '{last}' end"
