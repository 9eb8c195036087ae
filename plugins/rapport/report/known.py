"""The page's parts on what lies behind it: what cannot be known, and the firm's policies."""

from rapport.pages import NOTHING, counted, number
from rapport.report.night import Night, Row
from rapport.report.words import Column, Section, Table, listed, plain, sentence, short_day

MOST_SHOWN = 12
WHY = {
    "not_declared": "the firm has not this source",
    "switched_off": "switched off in sources.yml",
    "refused": "the source refused the key, which lacks the scope {scope}",
}
SIDES = {"wanted": "what customers want", "given": "what we give them"}


def unknown(night: Night) -> Section | None:
    """The signals of relationships that the firm has never had, and which source would tell."""
    if not night.has("rpt_signal_coverage"):
        return None
    signals = night.rows("from rpt_signal_coverage order by side desc, axis, signal")
    if not signals:
        return None
    absent = [row for row in signals if not row["is_present"]]
    alike = [row | {"why": why} for row in absent if (why := _no_choice(row, signals))]
    missing = [row for row in absent if not _no_choice(row, signals)]
    if missing:
        axes = sorted({plain(row["axis"]) for row in missing})
        finding = (
            f"{counted(len(missing), 'signal')} of {len(signals)} {_has(missing)} never been seen, "
            f"of {listed(axes)}. Nothing is concluded from that: what has no source says neither "
            "yes nor no. The sources below would tell."
        )
    else:
        finding = f"All {len(signals)} signals of relationships have a source that tells of them."
    finding += "".join(f" {sentence(plain(row['signal']))}: {row['why']}." for row in alike)
    left_out = _left_out(night)
    return Section(
        "unknown",
        "What cannot be known, and which source would tell",
        finding,
        tables=[
            *(
                [
                    Table(
                        "Streams that are left out",
                        (
                            Column("stream", "stream"),
                            Column("why", "why", "words"),
                            Column("records known of it", "records", "number"),
                        ),
                        left_out,
                        folded=len(left_out) > MOST_SHOWN,
                    )
                ]
                if left_out
                else []
            ),
            *(
                [
                    Table(
                        "Never seen",
                        (
                            Column("signal", "signal"),
                            Column("speaks of", "axis"),
                            Column("of", "side"),
                            Column("sources that would tell", "sources", "words"),
                            Column("by", "streams", "words"),
                        ),
                        [_told(row) for row in missing],
                        folded=False,
                    )
                ]
                if missing
                else []
            ),
            *(
                [
                    Table(
                        "Seen, but no choice to learn from",
                        (
                            Column("signal", "signal"),
                            Column("speaks of", "axis"),
                            Column("customers", "customers", "number"),
                            Column("why it tells nothing", "why", "words"),
                        ),
                        [_told(row) | {"why": row["why"]} for row in alike],
                        folded=False,
                    )
                ]
                if alike
                else []
            ),
            Table(
                "All signals, and how many customers each tells of",
                (
                    Column("signal", "signal"),
                    Column("speaks of", "axis"),
                    Column("of", "side"),
                    Column("since", "since"),
                    Column("customers", "customers", "number"),
                    Column("observations", "observations", "number"),
                    Column("sources", "sources", "words"),
                ),
                [_told(row) for row in signals],
            ),
        ],
    )


def _left_out(night: Night) -> list[Row]:
    """Streams that the night did not read, and why; none in releases that do not tell."""
    if not night.has("source_streams"):
        return []
    return [
        {
            "stream": row["stream_name"],
            "why": WHY[row["state"]].format(scope=row["missing_scope"]),
            "records": NOTHING if row["record_count"] is None else number(row["record_count"]),
        }
        for row in night.rows("from source_streams where state <> 'read' order by stream_name")
    ]


def _no_choice(row: Row, signals: list[Row]) -> str:
    """Why a signal that has a source tells nothing all the same; empty when it has none."""
    if row["signal"] == "store_visits":
        if row["customer_count"]:
            return "everybody buys in stores, no choice to learn from"
        if any(each["signal"] == "orders" and each["is_present"] for each in signals):
            return "nobody buys in stores, no choice to learn from"
    return (
        "only one side of it is ever seen, no choice to learn from" if row["customer_count"] else ""
    )


def _has(missing: list[Row]) -> str:
    return "has" if len(missing) == 1 else "have"


def _told(row: Row) -> Row:
    return {
        "signal": plain(row["signal"]),
        "axis": plain(row["axis"]),
        "side": SIDES.get(row["side"], row["side"]),
        "sources": plain(row["sources"]),
        "streams": plain(row["streams"]),
        "since": short_day(row["present_from_date"]) if row["present_from_date"] else NOTHING,
        "customers": number(row["customer_count"]),
        "observations": number(row["observation_count"]),
    }


def policies(night: Night) -> Section | None:
    """Under which policies the release was made: what the firm decided otherwise."""
    if not night.has("policies"):
        return None
    rows = night.rows("from policies order by policy")
    if not rows:
        return None
    own = [row for row in rows if row["is_changed"] or row["source"] == "orders"]
    return Section(
        "policies",
        "The policies behind these figures",
        (
            f"{counted(len(own), 'policy', 'policies')} of {len(rows)} "
            f"{'is' if len(own) == 1 else 'are'} not the project's own."
            if own
            else f"All {len(rows)} policies are the project's own."
        ),
        tables=[
            Table(
                title,
                (
                    Column("policy", "policy"),
                    Column("value", "value", "words"),
                    Column("by default", "default_value", "words"),
                    Column("who decided", "source"),
                ),
                [row | {"sentence": row["sentence"] or ""} for row in some],
                below="sentence",
                folded=folded,
            )
            for title, some, folded in (
                ("Decided otherwise", own, False),
                ("All policies", rows, True),
            )
            if some
        ],
    )
