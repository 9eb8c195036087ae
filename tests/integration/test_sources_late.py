"""What comes late, and what changes without a date, reaches the landing within a week."""

import json
from datetime import date, timedelta

import pytest

NIGHT = date(2018, 1, 2)
WEEK = [NIGHT + timedelta(days=days) for days in range(1, 8)]


def spans(rapport, source, stream):
    """Return what a stream's totals say: night, from, to, there, landed, what was left out."""
    rows = rapport.rows(
        source,
        "source_totals",
        "stream, checked_on, compared_from[:10], compared_to[:10], source_total::int, "
        "landed_total::int, not_compared",
    )
    return sorted((row[1:] for row in rows if row[0] == stream), key=str)


def an_event(rapport, at, metric="Received Email"):
    page = rapport.server.klaviyo.get("/profiles", params={"page[size]": 1, "sort": "id"})
    (profile,) = [record["id"] for record in page.json()["data"]]
    (made,) = rapport.server.change(
        {"change": "event", "metric": metric, "profile_id": profile, "at": at}
    )
    return made["ids"][0]


def metrics(rapport):
    rows = rapport.rows("klaviyo", "metrics", "id, attributes ->> '$.name'")
    return {name: id_ for id_, name in rows}


class TestKlaviyosEvents:
    @pytest.mark.parametrize("at", ["2017-03-01T12:00:00Z", "2011-06-01T12:00:00Z"])
    def test_one_of_any_date_is_found_within_a_week(self, rapport, at):
        rapport.reconcile(NIGHT, "klaviyo")
        late = an_event(rapport, at)
        for night in WEEK:
            rapport.pull("klaviyo_reconciliation", night)
            if late in rapport.ids("klaviyo", "events"):
                break
        assert late in rapport.ids("klaviyo", "events")
        assert night == WEEK[0] or at < "2017"

    def test_totals_say_which_span_they_compared_and_every_year_is_in_one_of_a_week(self, rapport):
        rapport.pull("klaviyo_campaigns")
        for night in [NIGHT, *WEEK[:-1]]:
            rapport.pull("klaviyo_reconciliation", night)
        compared = spans(rapport, "klaviyo", "events")
        assert ("2018-01-02", "2017-01-03", "2018-01-03") in {row[:3] for row in compared}
        days = {
            start + timedelta(days=n)
            for _, since, until, *_ in compared
            for start in [date.fromisoformat(since)]
            for n in range((date.fromisoformat(until) - start).days)
        }
        first = date(2008, 1, 1)
        assert days >= {first + timedelta(days=n) for n in range((NIGHT - first).days + 1)}

    def test_a_metric_that_is_not_counted_is_not_compared_and_the_others_are(self, rapport):
        rapport.pull("klaviyo_campaigns")
        rapport.pull("klaviyo_events")
        bad = metrics(rapport)["Received Email"]
        rapport.server.set_faults(
            [
                {
                    "match": {"path": "/metric-aggregates"},
                    "do": {"kind": "refuse", "holds": bad},
                    "times": None,
                }
            ]
        )
        rapport.pull("klaviyo_reconciliation")
        ((there, landed, left_out),) = [
            row[3:] for row in spans(rapport, "klaviyo", "events") if row[1] == "2017-01-03"
        ]
        assert there == landed > 0
        (named,) = json.loads(left_out)
        assert named["metric"] == bad
        assert "answered 400" in named["why"]
        everything = len(rapport.ids("klaviyo", "events"))
        assert landed < everything

    def test_days_that_are_counted_but_not_listed_remove_nobodys_events(self, rapport):
        rapport.reconcile(NIGHT, "klaviyo")
        before = rapport.ids("klaviyo", "events")
        rapport.server.set_faults(
            [
                {
                    "match": {"path": r"/events\?.*metric_id"},
                    "do": {"kind": "missing_page"},
                    "times": None,
                }
            ]
        )
        late = an_event(rapport, "2017-12-10T12:00:00Z")
        rapport.pull("klaviyo_reconciliation", WEEK[0])
        assert rapport.rows("klaviyo", "removals", "id") == []
        assert rapport.ids("klaviyo", "events") == before
        assert late not in before
        (left_out,) = [
            json.loads(row[5])
            for row in spans(rapport, "klaviyo", "events")
            if row[0] == str(WEEK[0]) and row[5]
        ]
        assert [each["from"] for each in left_out] == ["2017-12-10"]
        assert "0 listed" in left_out[0]["why"]


class TestTheCrmsOwnMail:
    def test_an_event_that_comes_later_than_the_overlap_is_found_within_a_week(
        self, rapport, monkeypatch
    ):
        rapport.pull("hubspot_marketing_email")
        day, _ = max(rapport.rows("hubspot", "email_events", "created_at[:10], id"))
        rapport.landing_dir = rapport.landing_dir.with_name("again")
        first = date.fromisoformat(day) + timedelta(days=5)
        # one that cannot be read on the first night stands for one that is not there yet
        page = {"match": {"path": "/email/public/v1/events"}, "do": {"kind": "key_twice"}}
        rapport.server.set_faults([page])
        rapport.pull("hubspot_marketing_email", first)
        ((late,),) = rapport.rows("hubspot", "refusals", "id")
        before = set(rapport.ids("hubspot", "email_events"))
        assert late not in before
        rapport.server.set_faults([])
        monkeypatch.setattr("rapport.sources.hubspot.pull_email_events", lambda *_: ())
        for days in range(1, 8):
            rapport.pull("hubspot_marketing_email", first + timedelta(days=days))
        assert set(rapport.ids("hubspot", "email_events")) == {late} | before
        compared = spans(rapport, "hubspot", "email_events")
        assert sum(there for _, _, _, there, _, _ in compared) > 0
        assert all(there == landed for _, _, _, there, landed, _ in compared)


class TestASilentChange:
    def silently(self, rapport, collection, id_, values):
        rapport.server.change(
            {
                "change": "modify",
                "collection": collection,
                "id": id_,
                "silently": True,
                "values": values,
            }
        )

    def live(self, rapport, kind):
        columns = "id, load_date, properties, properties_with_history, archived"
        return [row for row in rapport.rows("hubspot", kind, columns) if row[4] == "false"]

    @pytest.mark.parametrize(
        ("group", "kind", "values"),
        [
            ("hubspot_contacts", "contacts", {"city": "Hue"}),
            ("hubspot_tickets", "tickets", {"hs_ticket_priority": "ROLLED_UP"}),
        ],
    )
    def test_of_the_crm_lands_within_a_week_and_nothing_else_does(
        self, rapport, monkeypatch, group, kind, values
    ):
        from rapport.sources.hubspot import OBJECT_TYPES, reconcile

        monkeypatch.setattr(
            "rapport.sources.hubspot.reconcile",
            lambda api, known, _, **more: reconcile(api, known, [OBJECT_TYPES[kind]], **more),
        )
        rapport.pull(group)
        rapport.pull("hubspot_reconciliation")
        id_ = rapport.ids("hubspot", kind)[0]
        before = len(self.live(rapport, kind))
        self.silently(rapport, f"hubspot/{kind}", id_, values)
        for night in WEEK:
            rapport.pull("hubspot_reconciliation", night)
        rows = self.live(rapport, kind)
        (again,) = [row for row in rows if row[1] > NIGHT]
        assert again[0] == id_
        ((name, value),) = values.items()
        assert json.loads(again[2])[name] == value
        assert len(rows) == before + 1
        if kind == "tickets":
            assert json.loads(again[3])["hs_pipeline_stage"]

    def test_of_klaviyo_lands_within_a_week(self, rapport):
        rapport.reconcile(NIGHT, "klaviyo")
        id_ = rapport.ids("klaviyo", "profiles")[0]
        self.silently(rapport, "klaviyo/profile", id_, {"first_name": "Anew"})
        for night in WEEK:
            rapport.pull("klaviyo_reconciliation", night)
        rows = rapport.rows("klaviyo", "profiles", "id, load_date, attributes ->> '$.first_name'")
        assert [row[::2] for row in rows if row[1] > NIGHT] == [(id_, "Anew")]
