"""The company is the data set, dressed up the same way on every machine."""

import hashlib
import sqlite3
import subprocess
import sys
import time
import unicodedata
from contextlib import closing
from pathlib import Path

import pytest

from sandbox import canary, leads, prepare, stories, trade
from sandbox.people import MAIL_DOMAINS, person

ROOT = Path(__file__).parents[2]


def ask(path, query, *values):
    with closing(sqlite3.connect(path)) as database:
        return database.execute(query, values).fetchall()


def ask_of_households(path, query, *values):
    """The same, of everything but the leads."""
    ids = ", ".join(f"'{record_id}'" for _, record_id in leads.book().owners)
    with closing(sqlite3.connect(path)) as database:
        for table in ("records", "redirects"):
            database.execute(
                f"create temp view {table} as select * from main.{table} where id not in ({ids})"
            )
        return database.execute(query, values).fetchall()


def content(path):
    """Every row of every table, as one hash."""
    digest = hashlib.sha256()
    with closing(sqlite3.connect(path)) as database:
        for line in database.iterdump():
            digest.update(line.encode())
    return digest.hexdigest()


def test_the_whole_company_has_the_figures_of_the_data_set(full_company):
    real = {
        "shop.customers": 2_469 + trade.ACCOUNTS,
        "shop.orders": 155_848 + len(trade.ORDERS),
        "shop.order_lines": 1_469_307 + trade.LINE_COUNT,
        "shop.products": 92_331,
        "shop.coupons": 111_332,
        "hubspot/owners": 8,
        "klaviyo/campaign": 27,
        "klaviyo/campaign-message": 27,
        "klaviyo/tag": 3,
        "klaviyo/event: Coupon Redeemed": 2_102,
    }
    assert real.items() <= full_company.counts.items()
    made = ask_of_households(
        full_company.crm_path,
        "select collection, count(distinct id) from records where collection in "
        "('hubspot/contacts', 'klaviyo/profile') group by collection order by collection",
    )
    assert made == [("hubspot/contacts", 2_510), ("klaviyo/profile", 2_469)]
    assert ask(
        full_company.crm_path,
        "select count(*) from events inner join records on records.id = events.metric_id "
        "where records.body ->> '$.name' = 'Received Email' "
        "and events.body ->> '$.\"$flow\"' is null",
    ) == [(6_589,)]
    assert ask(
        full_company.crm_path,
        "select count(*) from list_members where list_id <> ?",
        leads.READERS,
    ) == [(2_208,)]
    ((sales,),) = ask(
        full_company.shop_path,
        "select round(sum(sales_amount), 2) from order_lines where order_id < ?",
        trade.order_id(0),
    )
    assert sales == 4_596_039.58


def test_what_the_data_lacks_is_simulated_around_it(full_company):
    counts = full_company.counts
    for kind in ("tickets", "calls", "emails", "meetings", "notes", "tasks", "communications"):
        assert counts[f"hubspot/{kind}"] > 200
    for kind in ("deals", "companies", "feedback_submissions", "subscription_definitions"):
        assert counts[f"hubspot/{kind}"] > 5
    opened, clicked = (counts[f"klaviyo/event: {name} Email"] for name in ("Opened", "Clicked"))
    assert counts["klaviyo/event: Received Email"] > opened > clicked > 100
    skills = ask(
        full_company.crm_path,
        "select count(*) from records where collection = 'hubspot/owners' "
        "and body like '%skill:negotiation%'",
    )
    assert skills[0][0] > 0


def test_nothing_simulated_happens_in_the_quiet_last_night(full_company):
    last_night, end = 1_514_851_200_000, 1_514_937_600_000
    for table, instant in (("events", "visible_from"), ("records", "valid_from")):
        query = f"select count(*) from {table} where {instant} >= ? and {instant} < ?"
        assert ask(full_company.crm_path, query, last_night, end) == [(0,)]


def test_simulated_opens_and_clicks_follow_a_message_that_came(full_company):
    strays = ask(
        full_company.crm_path,
        """
        with named as (
            select events.at, events.profile_id, events.body ->> '$.$message' as message,
                records.body ->> '$.name' as metric,
                events.body ->> '$."$flow"' is not null as is_of_flow
            from events inner join records on records.id = events.metric_id
        ),
        came as (select profile_id, message, at from named where metric = 'Received Email')
        select count(*) from named left join came using (profile_id, message)
        where metric in ('Opened Email', 'Clicked Email', 'Answered Pulse') and not is_of_flow
        and (came.at is null or came.at > named.at)
        """,
    )
    assert strays == [(0,)]


def test_every_household_stands_in_all_three_systems(full_company):
    shop = {
        str(row[0])
        for row in ask(
            full_company.shop_path,
            "select customer_id from customers where customer_id < ?",
            trade.account(0),
        )
    }
    by_mail = dict(ask(full_company.shop_path, "select email, customer_id from _customers"))

    def households(collection, number):
        rows = ask_of_households(
            full_company.crm_path,
            f"select id, body ->> '$.{number}', lower(body ->> '$.email') "
            "from records where collection = ? order by valid_from",
            collection,
        )
        latest = {record_id: (number, email) for record_id, number, email in rows}
        return {number or str(by_mail[email]) for number, email in latest.values()}

    assert len(shop) == 2_469
    assert households("hubspot/contacts", "shop_customer_number") == shop
    assert households("klaviyo/profile", "external_id") == shop


def test_no_two_households_share_an_address_or_a_telephone(full_company):
    for name in ("email", "phone_number"):
        shared = ask_of_households(
            full_company.crm_path,
            f"select lower(body ->> '$.{name}') as value from records "
            "where collection = 'klaviyo/profile' and value is not null "
            "group by value having count(distinct id) > 1",
        )
        assert shared == []
    shared = ask_of_households(
        full_company.crm_path,
        "select lower(body ->> '$.email') as value from records "
        "where collection = 'hubspot/contacts' and value is not null "
        "group by value having count(distinct id) > 1",
    )
    assert shared == [(person(stories.ADDRESS_OF).email,)]  # until it was corrected


def test_an_address_typed_into_the_wrong_file_is_corrected(full_company):
    def addresses(at):
        return ask_of_households(
            full_company.crm_path,
            "select body ->> '$.shop_customer_number' from records "
            "where collection = 'hubspot/contacts' and body ->> '$.email' = ? "
            "and valid_from < ? and valid_until >= ?",
            person(stories.ADDRESS_OF).email,
            at,
            at,
        )

    assert addresses(stories.CORRECTED) == [(None,)]
    assert addresses(stories.CORRECTED + 3_600_000) == [(str(stories.ADDRESS_OF),)]


def test_second_contacts_are_archived_purged_merged_or_left(full_company):
    fates = ask_of_households(
        full_company.crm_path,
        "select max(archived_at is not null), max(valid_until) < 1 << 62, "
        "exists (select 1 from redirects where redirects.id = records.id) "
        "from records where collection = 'hubspot/contacts' "
        "and id > '20050000000' group by id",
    )
    assert {fate: fates.count(fate) for fate in fates} == {
        (1, 0, 0): 6,  # archived
        (1, 1, 0): 6,  # and deleted for good after 90 days
        (0, 1, 1): 14,  # merged
        (0, 0, 0): 15,
    }


def test_a_merge_names_the_merged_and_moves_no_modified_date(full_company):
    rows = ask_of_households(
        full_company.crm_path,
        "select after.body ->> '$.hs_merged_object_ids', redirects.id, "
        "after.body ->> '$.hs_calculated_merged_vids', redirects.valid_from, "
        "after.modified_at = before.modified_at "
        "from redirects inner join records as after on after.collection = redirects.collection "
        "and after.id = redirects.successor_id and after.valid_from = redirects.valid_from "
        "inner join records as before on before.collection = after.collection "
        "and before.id = after.id and before.valid_until = after.valid_from "
        "where redirects.collection = 'hubspot/contacts'",
    )
    assert len(rows) == 14
    for named, merged, calculated, at, stays in rows:
        assert (named, calculated, stays) == (merged, f"{merged}:{at}", 1)


def test_two_contacts_are_deleted_for_good_without_a_warning(full_company):
    ends = ask_of_households(
        full_company.crm_path,
        "select max(valid_until), max(archived_at is not null) from records "
        "where collection = 'hubspot/contacts' "
        "and body ->> '$.shop_customer_number' in ('124', '148') group by id order by id",
    )
    assert ends == [(at, 0) for at in stories.FORGOTTEN.values()]


def test_two_ties_are_made_long_after_both_ends(full_company):
    late = ask_of_households(
        full_company.crm_path,
        "select (associations.valid_from - modified_at) / 86400000 "
        "from associations inner join records on collection = 'hubspot/' || from_type "
        "and id = from_id where from_id in (?, ?) order by 1",
        *(tie.object_id for tie in stories.LATE_TIES),
    )
    assert late == [(10,), (49,)]


def test_a_few_addresses_bounce_and_no_modified_date_tells(full_company):
    rows = ask_of_households(
        full_company.crm_path,
        "select modified_at < valid_from, body ->> '$.subscriptions.email.marketing."
        "can_receive_email_marketing' from records where collection = 'klaviyo/profile' "
        "and body ->> '$.subscriptions.email.marketing.suppression[0].reason' = 'HARD_BOUNCE'",
    )
    assert len(rows) >= 3
    assert set(rows) == {(1, 0)}


def test_mail_domains_are_reserved_and_telephones_are_fictional(full_company):
    rows = ask_of_households(
        full_company.crm_path,
        "select distinct lower(body ->> '$.email'), body ->> '$.phone_number' from records "
        "where collection = 'klaviyo/profile'",
    )
    assert {email.split("@")[1] for email, _ in rows} <= {*MAIL_DOMAINS, "example.test"}
    fictional = ("+3326191", "+441174960", "+442079460", "+441614960")
    for _, phone in rows:
        if phone is None or phone.startswith(fictional):
            continue
        assert phone.startswith("+1"), phone
        assert phone[5:10] == "55501", phone


def test_names_come_in_three_scripts_and_several_spellings(full_company):
    names = [
        row[0]
        for row in ask_of_households(
            full_company.crm_path,
            "select distinct body ->> '$.firstname' from records "
            "where collection = 'hubspot/contacts'",
        )
    ]
    text = "".join(names)
    assert "ARABIC LETTER FARSI YEH" in {unicodedata.name(letter, "") for letter in text}
    assert "ي" in text
    assert "\u200c" in text
    assert any(name != unicodedata.normalize("NFC", name) for name in names)
    phones = "".join(
        row[0] or "" for row in ask(full_company.crm_path, "select body ->> '$.phone' from records")
    )
    assert "\N{EXTENDED ARABIC-INDIC DIGIT SEVEN}" in phones


def test_a_few_numbers_are_missing_and_their_mail_still_leads_home(full_company):
    ((contacts,),) = ask_of_households(
        full_company.crm_path,
        "select count(distinct id) from records where collection = 'hubspot/contacts' "
        "and body ->> '$.shop_customer_number' is null",
    )
    ((profiles, other_case),) = ask_of_households(
        full_company.crm_path,
        "select count(distinct id), sum(lower(body ->> '$.email') <> body ->> '$.email') "
        "from records where collection = 'klaviyo/profile' and body ->> '$.external_id' is null",
    )
    assert 0.03 < contacts / 2_469 < 0.07
    assert 0.06 < profiles / 2_469 < 0.10
    assert other_case >= profiles  # more versions than profiles, all of them in another case


def test_contacts_have_a_history(full_company):
    versions = ask(
        full_company.crm_path,
        "select count(*), max(body ->> '$.age') is not null, "
        "count(distinct body ->> '$.email') > 1, max(archived_at) is not null "
        "from records where collection = 'hubspot/contacts' group by id",
    )
    assert sum(described for _, described, _, _ in versions) == 801
    assert sum(moved for _, _, moved, _ in versions) >= 15
    assert sum(archived for _, _, _, archived in versions) >= 10
    assert all(count >= 3 for count, described, _, _ in versions if described)


def test_records_are_made_before_the_first_thing_that_happens(full_company):
    (late,) = ask(
        full_company.crm_path,
        "select count(*) from events inner join records on events.profile_id = records.id "
        "where events.at <= records.created_at",
    )
    assert late == (0,)
    (late,) = ask(
        full_company.shop_path,
        "select count(*) from orders inner join customers using (customer_id) "
        "where ordered_at <= created_at",
    )
    assert late == (0,)


def test_the_canary_stands_in_every_system(small_company):
    contacts = ask(
        small_company.crm_path,
        "select body ->> '$.firstname', body ->> '$.phone' from records where collection = "
        "'hubspot/contacts' and body ->> '$.email' = ? order by valid_from",
        canary.EMAIL,
    )
    assert contacts[0] == (canary.FIRST_NAME, canary.PHONE_AS_TYPED)
    assert ask(
        small_company.shop_path, "select customer_id from customers where email = ?", canary.EMAIL
    ) == [(canary.CUSTOMER_NUMBER,)]
    profile = ask(
        small_company.crm_path,
        "select id, body from records where collection = 'klaviyo/profile' "
        "and body ->> '$.email' = ?",
        canary.EMAIL,
    )
    assert all(trace in str(profile + contacts).lower() for trace in canary.TRACES)
    events = ask(
        small_company.crm_path,
        "select count(*) from events inner join records on records.id = events.metric_id "
        "where profile_id = ? and events.body ->> '$.\"$flow\"' is null "
        "and records.body ->> '$.name' in ('Received Email', 'Coupon Redeemed')",
        profile[0][0],
    )
    assert events == [(11 + 14,)]


def test_two_builds_have_the_same_content(small_company, tmp_path):
    again = prepare(tmp_path, households=small_company.households)
    assert content(again.shop_path) == content(small_company.shop_path)
    assert content(again.crm_path) == content(small_company.crm_path)


def test_hash_seeds_and_time_zones_change_nothing(small_company, tmp_path):
    command = [sys.executable, "-m", "sandbox", "prepare", "--home", str(tmp_path)]
    command += ["--households", str(small_company.households)]
    surroundings = {"PYTHONHASHSEED": "4711", "TZ": "Asia/Tehran", "LC_ALL": "C"}
    subprocess.run(command, cwd=ROOT, env=surroundings, check=True, capture_output=True)
    assert content(tmp_path / "sandbox" / "crm.sqlite") == content(small_company.crm_path)


def test_a_household_is_the_same_in_a_smaller_company(small_company, tmp_path):
    smaller = prepare(tmp_path, households=10)
    query = "select * from records where collection like '%contacts' or collection like '%profile'"
    few, many = (set(ask(each.crm_path, query)) for each in (smaller, small_company))
    assert few < many


def test_preparing_again_touches_nothing_and_takes_no_time(small_company):
    home = small_company.folder.parent
    before = small_company.shop_path.stat().st_mtime_ns
    start = time.perf_counter()
    again = prepare(home, households=small_company.households)
    assert time.perf_counter() - start < 0.2
    assert again == small_company
    assert small_company.shop_path.stat().st_mtime_ns == before


def test_another_size_builds_another_company(tmp_path):
    first = prepare(tmp_path, households=10)
    second = prepare(tmp_path, households=12)
    assert (first.counts["shop.customers"], second.counts["shop.customers"]) == (10, 12)


def test_a_killed_build_leaves_nothing_that_looks_whole(tmp_path, monkeypatch):
    first = prepare(tmp_path, households=10)

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("sandbox.crm.build", killed)
    with pytest.raises(KeyboardInterrupt):
        prepare(tmp_path, households=12)
    assert not first.marker_path.exists()
    monkeypatch.undo()
    (first.folder / ".building-by-a-process-that-was-killed").mkdir()
    assert prepare(tmp_path, households=12).counts["shop.customers"] == 12
    assert not list(first.folder.glob(".building-*"))
