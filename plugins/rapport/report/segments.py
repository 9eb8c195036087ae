"""The page's part on segments: who is in them, who came and went, and who is held back."""

from datetime import date

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
    "over_pulse_cap": "said that it was too much",
    "treatment_without_marketing": "are treated as a type that gets no marketing",
    "over_cap": "had as many messages as suit them",
    "lower_priority": "are kept for something more important",
    "no_skilled_owner": "wait for a colleague with the skill, and there is none",
    "workload_limit": "wait for a call, as others are more urgent",
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
        tables=[_sizes(night, found), *(_held_back(clauses) if clauses else [])],
    )


def _moves(night: Night) -> dict[str, Row]:
    """Who joined, left and stayed since the last release, by segment; nothing in the first."""
    if not night.has("segment_changes"):
        return {}
    found = night.rows(
        """
        select
            segments.segment,
            count(*) filter (where changes.change = 'joined') as joined,
            count(*) filter (where changes.change = 'left') as gone,
            count(*) filter (
                where changes.change = 'left' and changes.clause is not null
            ) as gone_held_back,
            count(*) filter (where changes.change = 'stayed') as stayed
        from segments
        left join segment_changes as changes on segments.segment = changes.segment
        where segments.last_as_of_date is not null
        group by segments.segment
        order by segments.segment
        """
    )
    return {row["segment"]: row for row in found}


def _finding(night: Night, found: list[Row], clauses: list[Row], customers: int) -> str:
    said = f"{counted(len(found), 'segment')} name {counted(customers, 'customer')}. "
    last = found[0].get("last_as_of_date")
    if last:
        joined, gone = (sum(row[key] for row in found) for key in ("joined", "gone"))
        said += (
            f"Since the release of {day(date.fromisoformat(last))}, {number(joined)} joined and "
            f"{number(gone)} left. "
        )
    elif night.has("segment_changes"):
        said += "There is no earlier release to compare them with. "
    totals: dict[str, int] = {}
    for row in clauses:
        totals[row["clause"]] = totals.get(row["clause"], 0) + row["customers"]
    if totals:
        most = max(sorted(totals), key=lambda clause: totals[clause])
        said += (
            f"{number(sum(totals.values()))} qualify and are held back, most of all because they "
            f"{clause_in_words(most)} ({number(totals[most])})."
        )
    return said


def _for_instance(night: Night) -> dict[str, str]:
    """The reason of whoever is the most urgent, by segment."""
    if not night.has("segment_members", "urgency", "reason"):
        return {}
    found = night.rows(
        """
        select segment, max_by(reason, (urgency, customer_id)) as reason
        from segment_members
        group by segment
        order by segment
        """
    )
    return {row["segment"]: row["reason"] for row in found}


def _about(row: Row, instance: str | None) -> str:
    """Say in a line what a segment is, whose, how it reaches people, and why one of them is in."""
    said = f"{row['description']} For {row['owner'] or 'nobody in particular'}"
    if row.get("most_per_owner"):
        skill = f" with the skill {row['skill']}" if row.get("skill") else ""
        said += (
            f", by {row['channel']}: their owner{skill} calls, {number(row['most_per_owner'])} a "
            "night at the most"
        )
    elif row["channel"]:
        said += f", by {row['channel']}"
    return f"{said}. For instance: {instance}" if instance else f"{said}."


def _sizes(night: Night, found: list[Row]) -> Table:
    instances = _for_instance(night)
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
                "about": _about(row, instances.get(row["segment"])),
            }
            for row in found
        ],
        below="about",
        folded=False,
        reading="Who is held out by lot gets nothing, so that what the others do can be compared.",
    )


def _held_back(clauses: list[Row]) -> list[Table]:
    """By clause over all segments, and, for who asks, by segment."""
    totals: dict[str, int] = {}
    for row in clauses:
        totals[row["clause"]] = totals.get(row["clause"], 0) + row["customers"]
    everybody = sum(totals.values())
    return [
        Table(
            "Held back, by the first clause that says so",
            (
                Column("they", "clause", "text"),
                Column("all", "all", "number"),
                Column("share", "share", "number"),
            ),
            [
                {
                    "clause": clause_in_words(clause),
                    "all": number(customers),
                    "share": percent(customers / everybody),
                }
                for clause, customers in sorted(
                    totals.items(), key=lambda each: (-each[1], each[0])
                )
            ],
            folded=False,
        ),
        Table(
            "Held back, by segment",
            (
                Column("segment", "segment"),
                Column("they", "clause", "text"),
                Column("customers", "customers", "number"),
            ),
            [
                {
                    "segment": plain(row["segment"]),
                    "clause": clause_in_words(row["clause"]),
                    "customers": number(row["customers"]),
                }
                for row in sorted(
                    clauses, key=lambda row: (row["segment"], -row["customers"], row["clause"])
                )
            ],
        ),
    ]


def clause_in_words(clause: str) -> str:
    """Return why a clause leaves somebody out, after "they"."""
    return CLAUSES.get(clause) or plain(clause)
