"""What goes wrong and how it is handled: service cases with stages and sentiment, life events."""

import duckdb

from sandbox.simulate.parameters import BLOCK, END, Parameters

HOUR = 3_600_000


def occurrences(rate: str, purpose: str, since: str = "born") -> str:
    """Return SQL of the numbers 0.. of the occurrences of something at a rate per 28 days.

    Each of a few times the expected number of places is taken by chance, at a time of its own:
    nearly Poisson, and without a loop.
    """
    expected = f"({rate}) * ({END} - {since}) / {BLOCK}"
    places = f"ceil(4 * {expected} + 2)"
    return (
        f"list_filter(range(({places})::bigint), lambda i: "
        f"u2('{purpose}', person, i) < {expected} / {places})"
    )


def tickets(db: duckdb.DuckDBPyConnection, p: Parameters) -> None:
    """Make ``tickets``: ordinary ones, bad ones around a life event, and questions.

    A bad case is slow, reopened and negative, and one to three more follow it: what turned the
    relationship. Questions follow a confusing campaign within 72 hours.
    """
    # The more a person leaves to people, the more cases there are to tell of.
    usual = f"{p.tickets} * (0.3 + 3 * human_share ** 2) * (0.4 + closeness)"
    db.execute(
        f"""
        create or replace temp table tickets as
        with every as (
            select person, 'usual' as why, n as number,
                born + u2('ticket at', person, n) * ({END} - born) as instant
            from (select *, unnest({occurrences(usual, "ticket")}) as n from people)
            union all
            select person, 'bad', 2000, strained_from from people where strained_from is not null
            union all
            select person, 'bad', 2001 + n,
                strained_from + (2 + 45 * u2('again', person, n)) * a_day()
            from (select *, unnest(range(1 + (chance('how bad', person) % 3)::bigint)) as n
                from people
                where strained_from is not null)
            union all
            select person, 'question', 3000 + campaign,
                ms + u2('asks at', person, campaign) * 70 * an_hour()
            from responses where asks_for_help
        ),
        drawn as (
            select
                person, why, number, whole_second(instant) as opened_at, owner,
                case why when 'bad' then u2('mood', person, number) * 0.36
                    when 'question' then 0.2 + 0.7 * u2('mood', person, number)
                    else 0.05 + 0.95 * u2('mood', person, number) end as mood,
                case why when 'bad' then 5 else 1 end as slowness,
                kind = 'business_partner' as is_business,
                strained_until
            from every inner join people using (person) inner join owners_of using (person)
            where instant < {END}
        )
        select
            person, why, number, opened_at, owner,
            case when mood < 0.30 then 'negative' when mood < 0.75 then 'neutral'
                else 'positive' end as sentiment,
            case why when 'question' then 'GENERAL_INQUIRY'
                else picked([
                    'PRODUCT_ISSUE', 'BILLING_ISSUE', 'GENERAL_INQUIRY', 'FEATURE_REQUEST'],
                    u2('category', person, number)) end as category,
            case why when 'bad' then 'HIGH'
                else picked(['LOW', 'MEDIUM', 'MEDIUM', 'HIGH'], u2('priority', person, number)) end
                as priority,
            picked(['EMAIL', 'PHONE', 'CHAT', 'FORM'], u2('source', person, number)) as source_type,
            whole_second(opened_at + slowness * (0.3 - ln(u2('first reply', person, number)) * 5)
                * an_hour()) as replied_at,
            whole_second(replied_at + slowness * (1 - ln(u2('solved', person, number)) * 30)
                * an_hour()) as closed_at,
            case when why = 'bad' and u2('reopened', person, number) < 0.5
                or why = 'usual' and u2('reopened', person, number) < 0.06
                then whole_second(
                    closed_at + (4 + 90 * u2('reopened at', person, number)) * an_hour())
            end as reopened_at,
            whole_second(
                reopened_at + (2 - ln(u2('solved again', person, number)) * 40) * an_hour())
                as closed_again_at
        from drawn
        """
    )
