"""What people say about themselves: the kind of relationship, topics, channels, how often, when."""

import duckdb

from sandbox.simulate.engine import texts
from sandbox.simulate.parameters import END, TOPICS, Parameters


def answers(db: duckdb.DuckDBPyConnection, p: Parameters) -> None:
    """Make ``answers``: one row per person who ever filled in the preference centre.

    Who is close to the firm volunteers more. Most of what people say is what they do
    (``declared_right``); a few change their mind later. Of those who say that they want no
    relationship a third leaves the mailing in the same minute.
    """
    kinds = texts([kind.name for kind in p.kinds])
    db.execute(
        f"""
        create or replace temp table answers as
        with asked as (
            select *,
                u('says kind', person) < {p.declared_type} as says_kind,
                u('says wants', person) < {p.declared_wants} as says_wants,
                u('says more', person) < 0.04 + 0.45 * closeness as says_more,
                u('says right', person) < {p.declared_right} as is_right
            from people
        )
        select
            person,
            whole_second(born + 3600000 + u('said at', person) ** 2 * ({END} - born - 7200000))
                as said_at,
            case when u('changes', person) < 0.2
                then whole_second(said_at + 3600000
                    + u('changed at', person) * ({END} - said_at - 3600000))
            end as changed_at,
            case
                when not says_kind then null
                when is_right then kind
                else picked({kinds}, u('wrong kind', person))
            end as declared_type,
            case when says_wants
                then if(wants_relationship = (u('says truth', person) < {p.declared_right} + 0.05),
                    'yes', 'no')
            end as declared_wants,
            if(says_more, array_to_string(topics, ';'), null) as wanted_topics,
            if(says_more, array_to_string(list_filter({texts(TOPICS)},
                lambda topic, i: not list_contains(topics, topic) and u2('not', person, i) < 0.35),
                ';'), null) as unwanted_topics,
            if(says_more, 'email' || if(takes_sms, ';sms', '')
                || if(human_share > 0.6, ';phone', '')
                || if(u('post', person) < 0.3, ';post', ''), null) as allowed_channels,
            if(says_more and u('says most', person) < 0.6, round(own_tolerance)::bigint, null)
                as most_messages,
            if(says_more and u('says hours', person) < 0.4,
                picked(['08-20', '09-18', '10-17', '17-22'], u('hours', person)), null)
                as allowed_hours,
            if(says_more and u('says days', person) < 0.25,
                picked(['mon;tue;wed;thu;fri', 'sat;sun', 'mon;wed;fri'], u('days', person)), null)
                as allowed_weekdays,
            if(says_more and u('pauses', person) < 0.06,
                strftime(moment(coalesce(changed_at, said_at) + 40 * a_day()), '%Y-%m-%d'), null)
                as pause_until,
            if(says_more and len(beliefs) > 0, array_to_string(beliefs, ';'), null)
                as declared_values,
            if(says_more and u('interests', person) < 0.7, array_to_string(topics, ';'), null)
                as interests,
            case when declared_wants = 'no' and u('leaves too', person) < 0.33 then said_at + 60000
            end as left_at
        from asked
        where says_kind or says_wants or says_more
        """
    )
    db.execute(
        """
        create or replace temp table people as
        select people.*, answers.left_at, true as takes_part
        from people left join answers using (person)
        """
    )
