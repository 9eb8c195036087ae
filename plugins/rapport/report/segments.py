"""The page's part on segments: who is in them, who came and went, and who is held back."""

from rapport.pages import NOTHING, counted, day, number
from rapport.report.night import Night, Row
from rapport.report.words import Column, Section, Table, percent, plain, signed

# Why somebody who qualifies is left out; a policy may add others.
CLAUSES = {
    "no_record_in_destination": "the destination has no record of them",
    "wants_no_relationship": "want no relationship: service messages only",
    "opted_out": "opted out of the channel",
    "no_consent": "never agreed to the channel",
    "not_deliverable": "cannot be delivered to",
    "channel_not_allowed": "do not allow the channel",
    "topic_unwanted": "do not want the topic",
    "paused": "asked for a pause",
    "treatment_without_offers": "are treated as a type that gets no offers",
    "treatment_without_channel": "are treated as a type that the channel does not suit",
    "no_allowed_time": "allow no time in the next seven days",
    "over_contacted": "are left alone for a while",
    "over_declared_cap": "had as many messages as they allow",
    "treatment_without_marketing": "are treated as a type that gets no marketing",
    "over_cap": "had as many messages as suit them",
    "lower_priority": "get something more important tonight",
}


def segments(night: Night) -> Section:
    """Each segment: its size, who came and went, its hold-out arm, whom a clause holds back."""
    section = ("segments", "Segments: whom tonight's lists name")
    found = night.rows(
        "select * from segments order by size desc, segment"
        if night.has("segments")
        else "select 1 limit 0"
    )
    if not found:
        return Section(*section, "No segment is defined.")
    moves = _moves(night)
    clauses = night.rows(
        """
        select clause, segment, count(*) as customers
        from segment_suppressions
        group by clause, segment
        order by clause, segment
        """
    )
    for row in found:
        row |= moves.get(row["segment"], {})
    named = night.rows("select count(distinct customer_id) as customers from segment_members")
    return Section(
        *section,
        _finding(night, found, clauses, named[0]["customers"]),
        tables=[_sizes(night, found), *([_held_back(found, clauses)] if clauses else [])],
    )


def _moves(night: Night) -> dict[str, Row]:
    """Who joined, left and stayed, by segment; an id of before counts as the one it has now."""
    if not (night.had("segments") and night.had("segment_members")):
        return {}
    found = night.rows(
        """
        with

        was as (

            select distinct
                members.segment,
                coalesce(aliases.customer_id, members.customer_id) as customer_id
            from before.segment_members as members
            left join customer_aliases as aliases
                on members.customer_id = aliases.alias_customer_id

        ),

        compared as (

            select
                coalesce(members.segment, was.segment) as segment,
                coalesce(members.customer_id, was.customer_id) as customer_id,
                members.customer_id is not null as is_in,
                was.customer_id is not null as was_in
            from segment_members as members
            full join was
                on members.segment = was.segment and members.customer_id = was.customer_id

        )

        select
            segments.segment,
            count(*) filter (where compared.is_in and not compared.was_in) as joined,
            count(*) filter (where compared.was_in and not compared.is_in) as gone,
            count(*) filter (
                where compared.was_in and not compared.is_in and held.customer_id is not null
            ) as gone_held_back,
            count(*) filter (where compared.is_in and compared.was_in) as stayed
        from segments
        inner join before.segments as was_there on segments.segment = was_there.segment
        left join compared on segments.segment = compared.segment
        left join segment_suppressions as held
            on compared.segment = held.segment and compared.customer_id = held.customer_id
        group by segments.segment
        order by segments.segment
        """
    )
    return {row["segment"]: row for row in found}


def _finding(night: Night, found: list[Row], clauses: list[Row], customers: int) -> str:
    said = f"{counted(len(found), 'segment')} name {counted(customers, 'customer')}. "
    compared = [row for row in found if "joined" in row]
    if compared and night.before:
        joined, gone = (sum(row[key] for row in compared) for key in ("joined", "gone"))
        said += (
            f"Since the release of {day(night.before.as_of)}, {number(joined)} joined and "
            f"{number(gone)} left. "
        )
    else:
        said += "There is no earlier release to compare them with. "
    totals: dict[str, int] = {}
    for row in clauses:
        totals[row["clause"]] = totals.get(row["clause"], 0) + row["customers"]
    if totals:
        most = max(sorted(totals), key=lambda clause: totals[clause])
        said += (
            f"{number(sum(totals.values()))} qualify and are held back, most of all because they "
            f"{_clause(most)} ({number(totals[most])})."
        )
    return said


def _sizes(night: Night, found: list[Row]) -> Table:
    lanes = {}
    if night.has("segment_members", "lane"):
        lanes = {
            row["segment"]: row["customers"]
            for row in night.rows(
                """
                select segment, count(*) filter (where lane = 'plain') as customers
                from segment_members
                group by segment
                """
            )
        }
    return Table(
        "Size of each segment",
        (
            Column("segment", "segment"),
            Column("members", "size", "number"),
            Column("joined", "joined", "number", "since the last release"),
            Column("left", "gone", "number", "since the last release"),
            Column("stayed", "stayed", "number", "since the last release"),
            *([Column("in the plain lane", "plain", "number")] if lanes else []),
            Column("treated", "treatment", "number", "by lot"),
            Column("held out", "holdout", "number", "by lot"),
            Column("held back", "held_back", "number"),
        ),
        [
            {
                "segment": plain(row["segment"]),
                "size": number(row["size"]),
                "joined": signed(row.get("joined")),
                "gone": NOTHING
                if row.get("gone") is None
                else number(row["gone"])
                + (
                    f" ({number(row['gone_held_back'])} held back)" if row["gone_held_back"] else ""
                ),
                "stayed": number(row.get("stayed")),
                "plain": number(lanes.get(row["segment"], 0)),
                "treatment": number(row["treatment_size"]),
                "holdout": number(row["holdout_size"]),
                "held_back": number(row["suppressed_count"]),
                "about": f"{row['description']} For {row['owner'] or 'nobody in particular'}"
                + (f", by {row['channel']}." if row["channel"] else "."),
            }
            for row in found
        ],
        below="about",
        folded=False,
        reading="Who is held out by lot gets nothing, so that what the others do can be compared.",
    )


def _held_back(found: list[Row], clauses: list[Row]) -> Table:
    names = [
        row["segment"] for row in found if any(c["segment"] == row["segment"] for c in clauses)
    ]
    by_clause: dict[str, dict[str, int]] = {}
    for row in clauses:
        by_clause.setdefault(row["clause"], {})[row["segment"]] = row["customers"]
    everybody = sum(row["customers"] for row in clauses)
    return Table(
        "Held back, by the first clause that says so",
        (
            Column("they", "clause", "text"),
            Column("all", "all", "number"),
            Column("share", "share", "number"),
            *(Column(plain(name), name, "number") for name in names),
        ),
        [
            {
                "clause": _clause(clause),
                "all": number(sum(counts.values())),
                "share": percent(sum(counts.values()) / everybody),
            }
            | {name: number(counts[name]) if name in counts else NOTHING for name in names}
            for clause, counts in sorted(
                by_clause.items(), key=lambda each: (-sum(each[1].values()), each[0])
            )
        ],
        folded=False,
    )


def _clause(clause: str) -> str:
    return CLAUSES.get(clause) or plain(clause)
