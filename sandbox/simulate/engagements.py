"""Contacts between people: letters, calls, meetings, chats, notes and tasks; and surveys."""

import duckdb

from sandbox.simulate.parameters import END, Parameters
from sandbox.simulate.service import occurrences

HOUR = 3_600_000
MINUTE = 60_000
# A place in the ids for each source of engagements.
PLACES = {
    name: place
    for place, name in enumerate(
        (
            "letter",
            "letter answered",
            "reply",
            "reply answered",
            "care",
            "call",
            "call back",
            "complaint call",
            "care call",
            "meeting",
            "note",
            "task",
            "chat",
            "journey chat",
            "journey chat answered",
            "text",
        )
    )
}


def engagements(db: duckdb.DuckDBPyConnection, p: Parameters) -> None:
    """Make ``engagements``: every contact that a member of staff logged.

    The rates follow the axes: who is close writes, who wants people calls and meets; those with a
    named owner are called and written to. Four of five letters are answered within a day or so,
    those of a strained relationship less often.
    """
    letters = "0.32 * rate_of(least(closeness, 0.86)) * (0.5 + 0.5 * reciprocity)"
    calls = f"{p.calls} * rate_of(least(human_share, 0.93)) * (0.3 + closeness)"
    meetings = "0.22 * has_owner::int * human_share ** 2"
    care = "0.45 * has_owner::int * (0.4 + human_share)"
    chats = f"{p.chats} * rate_of(least(human_share, 0.9)) * (1 - human_share)"
    db.execute(
        f"""
        create or replace temp table contacts_made as
        with spontaneous as (
            {_arrivals(letters, "letter", "emails", "INBOUND")}
            union all {_arrivals(calls, "call", "calls", "INBOUND")}
            union all {_arrivals(meetings, "meeting", "meetings", "OUTBOUND")}
            union all {_arrivals(care, "care", "emails", "OUTBOUND")}
            union all {_arrivals("0.7 * " + care, "care call", "calls", "OUTBOUND")}
            union all {_arrivals(chats, "chat", "communications", "INBOUND")}
            union all {_arrivals("0.12 * has_owner::int", "text", "communications", "OUTBOUND")}
        ),
        caused as (
            select person, 'reply' as source, campaign as number, 'emails' as type,
                'INBOUND' as direction, acted_at as ms
            from responses where action = 'reply'
            union all
            select person, 'complaint call', number, 'calls', 'INBOUND', opened_at - 5 * a_minute()
            from tickets where why = 'bad' or source_type = 'PHONE'
            union all
            select person, 'journey chat', journey * 16 + step, 'communications', 'INBOUND', ms
            from steps where stage = 'chat'
        ),
        inbound as (
            select * from spontaneous union all select * from caused
        ),
        answered as (
            select person,
                case source when 'letter' then 'letter answered' when 'reply' then 'reply answered'
                    when 'call' then 'call back' else 'journey chat answered' end as source,
                number, type, 'OUTBOUND' as direction,
                ms + case type when 'communications' then 2 * a_minute()
                    else -ln(u2('answer', person, number)) * if(is_strained, 40, 9) * an_hour()
                    end as ms
            from (
                select inbound.*,
                    ms >= strained_from and ms < coalesce(strained_until, {END}) is true
                        as is_strained
                from inbound inner join people using (person)
            )
            where (source in ('letter', 'reply')
                    and u2('answers', person, number) < if(is_strained, 0.55, 0.85))
                or (source = 'call' and u2('calls back', person, number) < 0.15)
                or source = 'journey chat'
        )
        select person, source, number, type, direction, whole_second(ms) as ms
        from (select * from inbound union all select * from answered)
        where ms < {END} - 5 * a_minute()
        """
    )
    places = " ".join(f"when '{name}' then {place}" for name, place in PLACES.items())
    db.execute(
        f"""
        create or replace temp table engagements as
        with written_up as (
            -- half of the calls and every meeting leave a note, one in five a task
            select person, 'note' as source, number + 100000 * case source {places} end as number,
                'notes' as type, 'OUTBOUND' as direction, ms + 30 * a_minute() as ms
            from contacts_made
            where type = 'meetings' or (type = 'calls' and u2('noted', person, number) < 0.5)
            union all
            select person, 'task', number + 100000 * case source {places} end, 'tasks', 'OUTBOUND',
                ms + 35 * a_minute()
            from contacts_made
            where type in ('calls', 'meetings') and u2('to do', person, number) < 0.2
        )
        select
            person, source, type, direction, ms, owner_id,
            person * 100000000 + case source {places} end * 5000000 + number as serial,
            u2('outcome', person * 16 + case source {places} end, number) as outcome,
            (60000 - ln(u2('lasts', person, number)) * 240000)::bigint as lasts
        from (select * from contacts_made union all select * from written_up)
        inner join owners_of using (person)
        where ms < {END}
        """
    )


def _arrivals(rate: str, source: str, kind: str, direction: str) -> str:
    return f"""
        select person, '{source}' as source, number, '{kind}' as type, '{direction}' as direction,
            hour_of_day(
                (born + u2('{source} at', person, number) * ({END} - born))::bigint, 8, 18,
                u2('{source} hour', person, number)
            ) as ms
        from (select *, unnest({occurrences(rate, source)}) as number from people)
    """


def surveys(db: duckdb.DuckDBPyConnection, p: Parameters) -> None:
    """Make ``surveys``: a recommendation score per quarter, and one after each service case."""
    db.execute(
        f"""
        create or replace temp table surveys as
        with quarters as (
            select *, unnest(range((({END} - born) // (91 * a_day()))::bigint + 1)) as quarter
            from people
        ),
        scored as (
            select person, quarter as number, 'NPS' as type,
                whole_second(born + (quarter + u2('nps at', person, quarter)) * 91 * a_day()) as ms,
                ms >= strained_from and ms < coalesce(strained_until, {END}) is true as is_strained,
                if(is_strained, 2.2, 5.6 + 4.2 * closeness)
                    + 1.7 * sqrt(-2 * ln(u2('nps', person, quarter)))
                    * cos(2 * pi() * u2('nps~', person, quarter)) as score
            from quarters
            -- the angry answer too
            where u2('answers nps', person, quarter) < if(strained_from is null, 0.02, 0.10)
                + 0.40 * closeness * reciprocity
        )
        select person, number, type, ms, clip(round(score), 0, 10)::bigint as value from scored
        where ms < {END}
        union all
        select person, 500 + number, 'CSAT', whole_second(closed_at + 26 * an_hour()),
            -- HubSpot's scale: 0 unhappy, 1 neutral, 2 happy
            case sentiment when 'negative' then floor(1.3 * u2('csat', person, number))
                when 'neutral' then 1 + floor(1.5 * u2('csat', person, number))
                else 2 - floor(1.2 * u2('csat', person, number)) end::bigint
        from tickets
        where u2('answers csat', person, number) < 0.35 and closed_at + 27 * an_hour() < {END}
        """
    )
