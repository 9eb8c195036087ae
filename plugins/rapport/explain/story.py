"""What a release says of one customer, in the order in which one would tell it."""

from calendar import day_name
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale

from rapport.errors import ExplainError
from rapport.explain.records import Tie
from rapport.pages import NOTHING, counted, day, number
from rapport.report.night import Night, Row, opened
from rapport.report.words import AXES, listed, percent, plain, sentence, short_day

SHOWN_SIGNALS = 6  # pieces of evidence, the weightiest first
SHOWN_JOURNEYS = 5  # the latest
SHOWN_STEPS = 12  # of the latest journey, the latest of them
SHOWN_WORDS = 8  # of consent, the latest
SHOWN_NEEDS = 3

# Who set a cap, as a sentence says it.
CAPS = {
    "declared": "which they set themselves",
    "treatment": "from the treatment of their relationship type",
    "optimum": "beyond which another contact was found to do harm",
    "pulse": "as they answered that it was too much",
}
CONSENTS = ("email", "sms", "whatsapp", "push", "phone", "post")
STATES = {
    "granted": "They allow {}.",
    "withdrawn": "They said no to {}.",
    "expired": "What they allowed is too old to count: {}.",
    "unknown": "They never said anything of {}.",
}
DECLARED = {
    "wanted_topics": "They want to hear of {}.",
    "unwanted_topics": "They want to hear nothing of {}.",
    "withdrawn_topics": "They took back their consent to {}.",
    "allowed_channels": "They chose to be reached by {}.",
    "declared_values": "They said that they care for {}.",
    "unreadable_preferences": "They said something that nobody could read, of {}.",
}
# Where they stand between too little and too much.
SATURATIONS = {
    "inactive": "They had no marketing for 90 days.",
    "undersaturated": "They hear less from us than they may.",
    "on_target": "They hear about as much from us as they may.",
    "saturated": "They hear as much from us as they may.",
    "oversaturated": "They hear more from us than they may.",
}


@dataclass(frozen=True)
class Part:
    """A part of the story.

    Attributes:
        title: what it is about.
        said: what there is to say, a sentence each.
        heads: of its table.
        rows: of its table; as many cells as there are heads.
    """

    title: str
    said: list[str]
    heads: tuple[str, ...] = ()
    rows: Sequence[tuple[str, ...]] = ()


@dataclass(frozen=True)
class Story:
    """One customer, as one release knows them.

    Attributes:
        customer_id: who they are in this release.
        release_id: the release that tells it.
        as_of: the night it shows, as ISO text.
        parts: in order.
        asked_for: a former id of theirs, where that was asked for; empty otherwise.
    """

    customer_id: str
    release_id: str
    as_of: str
    parts: list[Part]
    asked_for: str = ""


def story_of(folder: Path, customer_id: str, *, records: Callable[[str], list[Tie]]) -> Story:
    """Tell what a release says of a customer.

    Args:
        folder: of the release.
        customer_id: theirs, or one that they had before records were tied together.
        records: asked for theirs by the id that the release knows; an `ExplainError` of it is told
            in their place.

    Raises:
        ExplainError: the release knows no such customer.
        ReportError: the release cannot be read.
    """
    with opened(folder) as night:
        known = _known_as(night, customer_id)
        told = [_who(night, known, records), *(part(night, known) for part in _PARTS)]
        parts = [part for part in told if part is not None]
        former = customer_id if known != customer_id else ""
        return Story(known, night.release_id, night.as_of.isoformat(), parts, former)


def _known_as(night: Night, customer_id: str) -> str:
    """Return the id by which the release knows somebody."""
    if night.rows("select 1 from dim_customers where customer_id = $id", id=customer_id):
        return customer_id
    if night.has("customer_aliases"):
        for row in night.rows(
            "select customer_id from customer_aliases where alias_customer_id = $id",
            id=customer_id,
        ):
            return str(row["customer_id"])
    raise ExplainError(
        f"release {night.release_id} knows no customer {customer_id!r}: their records may have "
        "been tied to another customer since, or erased. `rapport explain --record SOURCE ID` "
        "finds somebody by their record in a source system"
    )


def _one(night: Night, table: str, customer_id: str) -> Row:
    """Return the row of a table that has one for each customer; empty where it has none."""
    if not night.has(table, "customer_id"):
        return {}
    rows = night.rows(f"select * from {table} where customer_id = $id", id=customer_id)
    return rows[0] if rows else {}


def _who(night: Night, customer_id: str, records: Callable[[str], list[Tie]]) -> Part:
    row = _one(night, "dim_customers", customer_id)
    said = [f"A customer that we know since {day(row['first_seen_date'])}."]
    for key, words in (
        ("lifecycle_stage", "In the CRM they are a {}."),
        ("company_id", "They belong to company {}."),
        ("owner_id", "Their owner on the staff is {}."),
    ):
        if row.get(key):
            said.append(words.format(plain(str(row[key]))))
    english = Locale("en")
    for key, names, words in (
        ("language_code", english.languages, "Their language is {} ({})."),
        ("country_code", english.territories, "Their country is {} ({})."),
    ):
        if row.get(key):
            said.append(words.format(names.get(row[key], "another"), row[key]))
    if night.has("customer_aliases"):
        for alias in night.rows(
            "select alias_customer_id, since_date, rule from customer_aliases "
            "where customer_id = $id order by since_date, alias_customer_id",
            id=customer_id,
        ):
            said.append(
                f"{alias['alias_customer_id']} is the same person since "
                f"{day(alias['since_date'])} (rule: {plain(alias['rule'])})."
            )
    try:
        ties = records(customer_id)
    except ExplainError as error:
        said.append(f"Which records are theirs is not shown: {error}.")
        return Part("Who they are", said)
    if row.get("contact_count") not in (None, len(ties)):
        said.append(
            f"The release counts {counted(row['contact_count'], 'record')}; the warehouse is of "
            "another night."
        )
    return Part(
        "Who they are",
        said,
        ("source", "record", "why it is theirs", "first read", ""),
        [
            (
                tie.source,
                tie.source_record_id,
                tie.rule,
                short_day(tie.first_load_date) if tie.first_load_date != "None" else NOTHING,
                "archived" if tie.is_archived else "",
            )
            for tie in ties
        ],
    )


def _consent(night: Night, customer_id: str) -> Part | None:
    row = _one(night, "dim_preferences", customer_id)
    if not row:
        return None
    words_said = (
        night.rows(
            """
            select occurred_at, channel, topic, action, basis, source
            from fct_consent_events
            where customer_id = $id
            order by occurred_at desc nulls last, consent_event_id
            limit $most
            """,
            id=customer_id,
            most=SHOWN_WORDS,
        )
        if night.has("fct_consent_events", "basis")
        else []
    )
    return Part(
        "What they said about being written to",
        [*_allowed(row), *_declared(row)],
        ("when", "channel", "topic", "what", "how it was said", "source"),
        [
            (
                _moment(each["occurred_at"]),
                "all" if each["channel"] == "*" else plain(each["channel"]),
                "all" if each["topic"] == "*" else plain(each["topic"]),
                plain(each["action"]),
                plain(each["basis"]),
                each["source"],
            )
            for each in words_said
        ],
    )


def _allowed(row: Row) -> list[str]:
    """Say what they allow, by channel."""
    by_state: dict[str, list[str]] = {}
    for channel in CONSENTS:
        by_state.setdefault(row.get(f"{channel}_consent") or "unknown", []).append(channel)
    said = [
        words.format(listed(by_state[state]))
        for state, words in STATES.items()
        if state in by_state
    ]
    if row.get("is_email_deliverable") is False:
        said.append("E-mail does not reach them.")
    return said


def _declared(row: Row) -> list[str]:
    """Say what they declared of topics, channels, frequency and hours."""
    said = [
        words.format(listed([plain(str(each)) for each in row[key]]))
        for key, words in DECLARED.items()
        if row.get(key)
    ]
    if row.get("max_marketing_messages_30d") is not None:
        most = counted(row["max_marketing_messages_30d"], "message")
        said.append(f"They want at most {most} of marketing in 30 days.")
    if row.get("allowed_hours") is not None:
        hours = listed(_hours(row["allowed_hours"])) or "at no hour"
        said.append(f"They may be written to {hours} on their clock.")
    if row.get("allowed_weekdays") is not None:
        names = {name[:3].lower(): name for name in day_name}
        days = [names[each] for each in names if each in row["allowed_weekdays"]]
        said.append(f"They may be written to on {listed(days) or 'no day'}.")
    if row.get("is_paused"):
        said.append(f"They paused everything until {day(row['pause_until_date'])}.")
    if row.get("preferences_updated_at"):
        said.append(f"What they declared is of {day(row['preferences_updated_at'][:10])}.")
    else:
        said.append("They were never asked, or never said, what they want to hear and how often.")
    return said


def _relationship(night: Night, customer_id: str) -> Part | None:
    row = _one(night, "dim_customer_relationships", customer_id)
    if not row:
        return None
    kind = plain(row["relationship_type"])
    if row["type_basis"] == "declared":
        said = [f"The type of their relationship is {kind}: they said so themselves."]
    elif row["relationship_type"] == "unknown":
        said = ["Too little is known to say what relationship they want."]
    else:
        sure = percent(row["inferred_confidence"])
        said = [f"The type of their relationship is {kind}, judged by what they do ({sure} sure)."]
    if row.get("declared_type") and row.get("inferred_type") not in (None, row["declared_type"]):
        said.append(f"What they do looks like {plain(row['inferred_type'])}.")
    if row.get("wants_relationship") in ("yes", "no"):
        wants = "want" if row["wants_relationship"] == "yes" else "do not want"
        basis = "said so" if row.get("wants_basis") == "declared" else "act so"
        said.append(f"They {wants} a relationship with a brand: they {basis}.")
    if row.get("polarity") not in (None, "unknown"):
        said.append(f"How they feel about us: {plain(row['polarity'])}.")
    if row.get("strain"):
        said.append(f"Strain between us: {percent(row['strain'])}.")
    if row.get("mismatch_reason"):
        given = plain(row["given_type"]) if row.get("given_type") else "nothing that can be named"
        said.append(f"We treat them as {given}: {row['mismatch_reason']}.")
    channels = listed([plain(name) for name in row.get("treatment_channels") or []])
    if row.get("treatment_contact_count_30d") is not None:
        most = row["treatment_contact_count_30d"]
        contacts = f"at most {counted(most, 'contact')}" if most else "no contact"
        said.append(
            f"The treatment of this type, within what they allow: {contacts} in "
            f"30 days{f' by {channels}' if channels and most else ''}"
            f"{', in a tone that is ' + row['treatment_tone'] if row.get('treatment_tone') else ''}"
            f", {'with' if row.get('has_offers') else 'without'} offers."
        )
    rows = [
        (
            plain(axis),
            percent(row.get(f"wanted_{axis}")),
            percent(row.get(f"given_{axis}")),
            _evidence(night, customer_id, axis),
        )
        for axis in AXES
        if row.get(f"wanted_{axis}") is not None or row.get(f"given_{axis}") is not None
    ]
    return Part(
        "The relationship they want, and the one we give",
        said,
        ("axis", "they want", "we give", "signs of what they want: value (weight)"),
        rows,
    )


def _evidence(night: Night, customer_id: str, axis: str) -> str:
    if not night.has("fct_relationship_evidence", "axis", "signal", "weight"):
        return NOTHING
    found = night.rows(
        """
        select signal, value, weight
        from fct_relationship_evidence
        where customer_id = $id and axis = $axis
        order by weight desc, signal
        limit $most
        """,
        id=customer_id,
        axis=axis,
        most=SHOWN_SIGNALS,
    )
    whole = sum(each["weight"] or 0 for each in found)
    if not whole:
        return NOTHING
    return ", ".join(
        f"{plain(each['signal'])} {percent(each['value'])} ({percent(each['weight'] / whole)})"
        for each in found
        if each["weight"]
    )


def _pressure(night: Night, customer_id: str) -> Part | None:
    row = _one(night, "dim_contact_pressure", customer_id)
    if not row:
        return None
    source = CAPS.get(row["contact_cap_source"], plain(row["contact_cap_source"]))
    sent = "No source says what marketing sent them."
    if row["marketing_contact_count_7d"] is not None:
        sent = (
            f"Marketing reached them {counted(row['marketing_contact_count_7d'], 'time')} in "
            f"7 days, {number(row['marketing_contact_count_30d'])} in 30, "
            f"{number(row['marketing_contact_count_365d'])} in 365."
        )
    said = [
        sent,
        f"At most {number(row['contact_cap_30d'])} in 30 days, {source}; "
        f"tonight {number(row['remaining_30d'])} of them are left.",
    ]
    if stands := row["saturation"]:
        said.append(SATURATIONS.get(stands, f"They are {plain(stands)}."))
    if row.get("quiet_hour_contact_count_30d"):
        at_night = counted(row["quiet_hour_contact_count_30d"], "time")
        said.append(f"They were disturbed in their quiet hours {at_night} in 30 days.")
    if row.get("next_allowed_from_at") and row["remaining_30d"]:
        said.append(
            "The next hours in which they may be written to, on their clock "
            f"({row['time_zone']}): {_there(row, 'next_allowed_from_at')} to "
            f"{_there(row, 'next_allowed_until_at')}."
        )
    return Part("How much they hear from us", said)


def _journey(night: Night, customer_id: str) -> Part | None:
    if not night.has("fct_journeys", "status", "journey_number"):
        return None
    found = night.rows(
        """
        select status, count(*) as journeys
        from fct_journeys
        where customer_id = $id
        group by status
        order by status
        """,
        id=customer_id,
    )
    if not found:
        return Part("Their journey so far", ["Nothing that they did is part of a journey yet."])
    words = {
        "converted": ("ended in a purchase", "ended in a purchase"),
        "abandoned": ("was given up", "were given up"),
        "open": ("goes on", "go on"),
    }
    total = sum(row["journeys"] for row in found)
    kinds = [
        f"{number(row['journeys'])} {words[row['status']][row['journeys'] > 1]}" for row in found
    ]
    said = [f"{sentence(counted(total, 'journey'))}: {listed(kinds)}."]
    latest = night.rows(
        """
        select
            journey_id, journey_number, status, started_date, ended_date, step_count, first_stage,
            last_stage, last_channel, has_ticket
        from fct_journeys
        where customer_id = $id
        order by journey_number desc
        limit $most
        """,
        id=customer_id,
        most=SHOWN_JOURNEYS,
    )
    if night.has("fct_journey_steps", "step_number"):
        steps = night.rows(
            """
            select step_date, stage, channel, event_type
            from fct_journey_steps
            where journey_id = $id
            order by step_number desc
            limit $most
            """,
            id=latest[0]["journey_id"],
            most=SHOWN_STEPS,
        )
        walked = [
            f"{short_day(step['step_date'])} {plain(step['event_type'])} "
            f"({plain(step['channel'])}, {plain(step['stage'])})"
            for step in reversed(steps)
        ]
        if walked:
            said.append(f"The latest one: {' → '.join(walked)}.")
    return Part(
        "Their journey so far",
        said,
        ("began", "ended", "how", "steps", "from", "to", ""),
        [
            (
                short_day(row["started_date"]),
                short_day(row["ended_date"]) if row["ended_date"] else NOTHING,
                row["status"],
                number(row["step_count"]),
                plain(row["first_stage"]),
                f"{plain(row['last_stage'])} ({plain(row['last_channel'])})",
                "with a case" if row["has_ticket"] else "",
            )
            for row in latest
        ],
    )


def _value(night: Night, customer_id: str) -> Part | None:
    row = _one(night, "dim_customer_value", customer_id)
    if not row:
        return None
    if not row.get("order_count"):
        said = ["They have not ordered yet."]
    else:
        said = [
            f"{counted(row['order_count'], 'order')} for {number(row['sales_amount'], 2)} "
            f"{row['currency_code']}, the first on {day(row['first_order_date'])}, the last on "
            f"{day(row['last_order_date'])}.",
            f"By value they are in tier {plain(row['value_tier'])}"
            + (_classes(row["rfm_cell"]) if row.get("rfm_cell") else "."),
        ]
    habits = _one(night, "dim_customer_habits", customer_id)
    if habits.get("median_days_between_orders") is not None:
        said.append(
            "They usually order again after "
            f"{counted(habits['median_days_between_orders'], 'day')}; the last time was "
            f"{_ago(row['recency_days'])}."
        )
    said += _foretold(night, row)
    for key, words in (
        ("favourite_categories", "They buy most of {}."),
        ("interests", "They are interested in {}."),
    ):
        if habits.get(key):
            said.append(words.format(listed([plain(str(each)).lower() for each in habits[key]])))
    needs = (
        night.rows(
            """
            select product_category, score, evidence
            from dim_unexpressed_needs
            where customer_id = $id
            order by rank
            limit $most
            """,
            id=customer_id,
            most=SHOWN_NEEDS,
        )
        if night.has("dim_unexpressed_needs", "evidence", "rank")
        else []
    )
    return Part(
        "What they buy, and what they may need",
        said,
        ("may need", "score", "why we think so"),
        [(each["product_category"], number(each["score"], 2), each["evidence"]) for each in needs],
    )


def _foretold(night: Night, row: Row) -> list[str]:
    """What the models of value say of somebody who bought, or why they say nothing."""
    if not night.has("rpt_value_model", "verdict", "reason") or "p_alive" not in row:
        return []
    if row["p_alive"] is None:
        return [
            f"Nothing is foretold of them: {model['reason']}"
            for model in night.rows("select reason from rpt_value_model where model = 'orders'")
            if row.get("order_count")
        ]
    said = (
        f"With a likelihood of {percent(row['p_alive'])} they will order again; "
        f"{number(row['expected_orders_90d'], 1)} purchases are expected in the next 90 days "
        f"({number(row['expected_orders_90d_low'])} to {number(row['expected_orders_90d_high'])})"
    )
    if row.get("expected_order_value") is not None:
        said += f", of {number(row['expected_order_value'], 2)} {row['currency_code']} each"
        if row.get("expected_order_value_low") is not None:
            low, high = (row[f"expected_order_value_{end}"] for end in ("low", "high"))
            said += f" ({number(low, 2)} to {number(high, 2)})"
    if row.get("clv_365d") is not None:
        said += f"; in a year they bring {number(row['clv_365d'], 2)} {row['currency_code']}"
    return [
        f"{said}.",
        *(
            f"Of how they order this is {model['verdict']}: {model['reason']}"
            for model in night.rows(
                "select verdict, reason from rpt_value_model "
                "where model = 'orders' and verdict <> 'usable'"
            )
        ),
    ]


def _segments(night: Night, customer_id: str) -> Part | None:
    if not night.has("segment_members", "reason") or not night.has("segment_suppressions"):
        return None
    members = night.rows(
        "select * from segment_members where customer_id = $id order by segment", id=customer_id
    )
    held_back = night.rows(
        "select * from segment_suppressions where customer_id = $id order by segment",
        id=customer_id,
    )
    every = [row["segment"] for row in night.rows("select segment from segments order by segment")]
    there = {row["segment"] for row in [*members, *held_back]}
    rows = [
        (
            plain(row["segment"]),
            "in, held out to compare" if row["arm"] == "holdout" else "in",
            row["reason"],
            plain(row["treatment"])
            + (f" by {plain(row['channel'])}" if row["channel"] else "")
            + (f", owner {row['owner_id']}" if row.get("owner_id") else ""),
        )
        for row in members
    ] + [
        (
            plain(row["segment"]),
            "held back",
            row["reason"],
            f"{plain(row['clause'])}: {row['clause_reason']}",
        )
        for row in held_back
    ]
    outside = [plain(name) for name in every if name not in there]
    if not members and not held_back:
        said = ["They qualify for no segment."]
    else:
        held = len(held_back) or "none"
        said = [f"They are in {counted(len(members), 'segment')} and held back from {held}."]
    if outside:
        said.append(f"They do not qualify for {listed(outside)}.")
    if night.reduction and held_back:
        said.append(f"The release was {night.reduction.told()}.")
    return Part(
        "Which lists they are on, and which not", said, ("segment", "", "why", "and so"), rows
    )


_PARTS: tuple[Callable[[Night, str], Part | None], ...] = (
    _consent,
    _relationship,
    _pressure,
    _journey,
    _value,
    _segments,
)


def _hours(allowed: Sequence[int]) -> list[str]:
    """Return hours of the day as stretches: 10, 11 and 12 are `from 10:00 to 13:00`."""
    stretches: list[list[int]] = []
    for hour in sorted(allowed):
        if stretches and hour == stretches[-1][1]:
            stretches[-1][1] = hour + 1
        else:
            stretches.append([hour, hour + 1])
    return [f"from {begins}:00 to {ends}:00" for begins, ends in stretches]


def _classes(cell: str) -> str:
    """Say which fifth they are in by each of the three measures."""
    measures = ("how lately they bought", "how often", "how much")
    classes = [f"{fifth} by {measure}" for fifth, measure in zip(cell, measures, strict=True)]
    return f", RFM cell {cell}: of five classes, 5 the best, {listed(classes)}."


def _ago(days: int) -> str:
    return f"{counted(days, 'day')} before" if days else "that day"


def _there(row: Row, key: str) -> str:
    """Return a moment on the customer's clock; tables have it in UTC."""
    at = datetime.fromisoformat(str(row[key])).replace(tzinfo=UTC)
    return _moment(at.astimezone(ZoneInfo(row["time_zone"])))


def _moment(at: Any) -> str:
    """Return a moment as tables show it, to the minute; in UTC."""
    return NOTHING if at is None else str(at)[:16].replace("T", " ")
