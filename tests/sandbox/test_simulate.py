"""The simulated company does what its parameters say: rates are recovered from what it did."""

from itertools import pairwise

import pytest

from sandbox.simulate import Parameters, events, records, truth
from sandbox.simulate.company import chunks, company
from sandbox.simulate.journeys import chances_to_order, matrix
from sandbox.simulate.parameters import BLOCK, DEAL_STAGES, END

P = Parameters(customers=4_800)


@pytest.fixture(scope="module")
def db():
    with company(P) as simulated:
        for _ in chunks(simulated, P):
            yield simulated


@pytest.fixture(scope="module")
def customers(db):
    query = truth.of_people(P)["truth_customers"]
    db.execute(f"create or replace temp view truth_customers as {query}")
    return db


def ask(db, query):
    return db.execute(query).fetchall()


def one(db, query):
    ((value,),) = ask(db, query)
    return value


def content(customers, seed=1, *, threads=None, size=240):
    """Counts and hashes of everything that a small company consists of."""
    p = Parameters(customers, 200, seed)
    found: dict[str, list[int]] = {}
    with company(p, threads=threads) as db:
        queries = {**records.company_wide(), **records.collections()}
        queries |= {"events": events.query(), "ties": records.associations()}
        queries |= truth.of_people(p)
        for number in [n for n in chunks(db, p, size) if _add(db, queries, found, n)]:
            assert number >= 0
    return found


def _add(db, queries, found, number):
    wide = records.company_wide() if number else {}
    for name, query in queries.items():
        if name in wide:
            continue
        count, total = ask(db, f"select count(*), sum(hash(t)::hugeint) from ({query}) as t")[0]
        before = found.get(name, [0, 0])
        found[name] = [before[0] + count, before[1] + (total or 0)]
    return True


# Whose content it is --------------------------------------------------------------------------


def test_one_seed_gives_one_company_whatever_the_threads():
    assert content(240, threads=1) == content(240, threads=3)


def test_chunks_leave_no_trace():
    whole, cut = content(240, size=240), content(240, size=60)
    assert whole == cut


def test_another_seed_gives_another_company():
    one_company, other = content(120, seed=1), content(120, seed=2)
    assert one_company["hubspot/contacts"] != other["hubspot/contacts"]
    assert one_company["events"] != other["events"]


def test_no_company_is_made_of_nobody():
    with pytest.raises(ValueError, match="customers"):
        Parameters(customers=0)


# People ---------------------------------------------------------------------------------------


def test_the_types_come_in_the_shares_asked_for(db):
    found = dict(ask(db, "select kind, count(*) / sum(count(*)) over () from people group by kind"))
    for kind in P.kinds:
        error = (kind.share * (1 - kind.share) / P.customers) ** 0.5
        assert found[kind.name] == pytest.approx(kind.share, abs=4 * error)


def test_three_of_four_want_no_relationship(customers):
    share = one(customers, "select avg((not wants_relationship)::int) from truth_customers")
    assert 0.74 < share < 0.80


def test_a_minority_says_what_it_wants_and_mostly_the_truth(customers):
    said, right = ask(
        customers,
        "select count(declared_type) / count(*), avg((declared_type = base_type)::int) "
        "filter (declared_type is not null) from truth_customers",
    )[0]
    assert 0.13 < said < 0.22
    assert right == pytest.approx(P.declared_right, abs=0.05)


def test_some_are_too_new_to_be_known(db):
    days = f"({END} - born) / 86400000.0"
    assert 0.03 < one(db, f"select avg(({days} < 30)::int) from people") < 0.08
    assert one(db, f"select avg(({days} >= 180)::int) from people") > 0.7


def test_names_come_in_four_scripts_and_addresses_in_ascii(db):
    scripts = {"latin": "[A-Za-z]", "persian": "[گچپژ]|ی", "arabic": "أ|ة|ي", "vietnamese": "[ễầạ]"}
    for pattern in scripts.values():
        assert one(
            db,
            "select count(*) from people "
            f"where regexp_matches(first_name || last_name, '{pattern}')",
        )
    assert not one(
        db, "select count(*) from people where not regexp_matches(email, '^[a-z0-9.@]+$')"
    )


def test_mail_domains_are_reserved_and_telephones_are_fictional(db):
    domains = {
        row[0].split(".")[-1]
        for row in ask(db, "select distinct split_part(email, '@', 2) from people")
    }
    assert domains <= {"com", "org", "net", "example", "test"}
    assert not one(
        db,
        "select count(*) from people where phone is not null and not regexp_matches(phone, "
        r"'^(\+3326191\d{4}|\+44(1174960|2079460|1614960)\d{3}|\+1\d{3}55501\d{2})$')",
    )


def test_only_families_and_colleagues_share(db):
    shared = ask(
        db,
        "select count(*), max(person) - min(person), bool_or(is_shared) from people "
        "where phone is not null group by phone having count(*) > 1",
    )
    assert len(shared) > 50
    assert all(count <= 4 and span < count and is_shared for count, span, is_shared in shared)
    roles = one(db, "select count(*) from people where email like 'info@%' and not is_business")
    assert roles == 0


# Buying ---------------------------------------------------------------------------------------


def test_rates_and_dropouts_are_those_of_bg_nbd(db):
    for kind in P.kinds:
        mean, variance, dropout, count = ask(
            db,
            f"select avg(rate) * {BLOCK}, var_samp(rate * {BLOCK}), avg(drop_chance), count(*) "
            f"from people where kind = '{kind.name}'",
        )[0]
        error = kind.orders / (P.rate_shape * count) ** 0.5
        assert mean == pytest.approx(kind.orders, abs=4 * error)
        assert variance == pytest.approx(kind.orders**2 / P.rate_shape, rel=0.5)
        beta_error = (kind.dropout / (P.dropout_concentration + 1) / count) ** 0.5
        assert dropout == pytest.approx(kind.dropout, abs=4 * beta_error)


def test_as_many_repeats_happen_as_bg_nbd_expects(db):
    # E[X(t) | lambda, p] = (1 - exp(-lambda p t)) / p, Fader, Hardie and Lee 2005
    happened, expected = ask(
        db,
        f"""
        with counted as (
            select person, count(*) filter (k > 0) as repeats from purchases group by person
        )
        select sum(repeats), sum((1 - exp(-rate * drop_chance * ({END} - born))) / drop_chance)
        from people inner join counted using (person) where strained_from is null
        """,
    )[0]
    assert happened == pytest.approx(expected, rel=0.03)


def test_orders_cost_what_gamma_gamma_says_and_no_more_for_frequent_people(db):
    for kind in P.kinds:
        mean = one(
            db,
            "select avg(own) from (select avg(cents) / 100 as own from orders inner join people "
            f"using (person) where kind = '{kind.name}' group by person)",
        )
        assert mean == pytest.approx(kind.spend, rel=0.12)
    related = one(
        db,
        "select corr(amount, orders) from (select avg(cents) as amount, count(*) as orders "
        "from orders inner join people using (person) where kind = 'buddy' group by person)",
    )
    assert abs(related) < 0.15


def test_lines_add_up_to_their_order_and_name_no_product_twice(db):
    assert not one(
        db,
        "select count(*) from (select order_id, round(sum(sales_amount) * 100) as total, count(*) "
        "<> count(distinct product_id) as twice from order_lines group by order_id) "
        "inner join orders using (order_id) where total <> cents or twice",
    )


# Messages -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["acquaintance", "best_friend", "basic_exchange"])
def test_response_falls_and_opt_outs_rise_with_contacts_as_the_truth_says(db, kind):
    rows = ask(
        db,
        f"""
        select least(contacts_28d, 6) // 2, count(*), avg((action is not null)::int),
            avg(response_rate), avg(is_opt_out::int), avg(opt_out_rate)
        from responses inner join people using (person)
        inner join truth_response_curves using (contacts_28d)
        where is_in_pool and kind = '{kind}' and relationship_type = kind and not is_strained
        and is_delivered and ms < {END} - 7 * 86400000::bigint
        group by 1 order by 1
        """,
    )
    assert len(rows) == 4
    for _, count, responded, response, left, opt_out in rows:
        assert count > 250
        # the chances differ between people, so a third on top of the binomial error
        assert responded == pytest.approx(
            response, abs=5 * (response / count) ** 0.5 + response / 3
        )
        assert left == pytest.approx(opt_out, abs=4 * (opt_out / count) ** 0.5 + opt_out / 3)
    if kind != "best_friend":
        assert rows[0][2] > 2 * rows[-1][2]
    assert rows[-1][5] > 1.2 * rows[0][5]


def test_each_type_has_an_optimum_of_its_own(db):
    optimum = dict(ask(db, "select relationship_type, optimum_contacts_28d from truth_optimum"))
    assert optimum["no_relationship"] == optimum["strained"] == 0
    assert optimum["best_friend"] > optimum["buddy"] > optimum["acquaintance"] > 0


def test_in_the_pool_contacts_are_drawn_by_chance_and_outside_they_chase(db):
    def related(pool):
        return one(
            db,
            "select corr(received, z_responsive) from (select person, avg(is_sent::int) "
            f"as received from draws where is_in_pool = {pool} group by person) "
            "inner join people using (person)",
        )

    assert abs(related("true")) < 0.1
    # Outside only what was sent is known: compare how many came.
    outside = one(
        db,
        f"select corr(n / ({END} - in_mailing_since), z_responsive) from (select person, count(*) "
        "as n from draws where is_sent and not is_in_pool group by person) "
        f"inner join people using (person) where born < {END} - 100 * 86400000::bigint "
        "and not takes_sms",
    )
    assert outside < -0.3


def test_outside_the_pool_many_contacts_look_worse_than_they_are(db):
    """Within everybody's tolerance contacts change nothing; only in the pool it looks so."""

    def slope(pool):
        return one(
            db,
            "select regr_slope((action is not null)::int, contacts_28d) from responses "
            f"inner join people using (person) where is_in_pool = {pool} and kind = 'best_friend' "
            "and contacts_28d < own_tolerance and is_delivered and not is_strained",
        )

    assert slope("false") < slope("true")
    assert slope("false") < -0.005


def test_a_hold_out_arm_is_as_large_as_chance_makes_it(db):
    left_out = one(db, "select avg((not is_sent)::int) from draws where is_in_pool and has_holdout")
    share = one(db, "select max(control_share) from truth_campaigns")
    assert left_out == pytest.approx(share, abs=0.02)


def test_nobody_gets_a_message_after_having_left(db):
    assert not one(
        db,
        "select count(*) from responses inner join opt_outs using (person) where ms > stopped_at",
    )


def test_machines_open_and_nobody_answers_for_them(db):
    proxied, opened = ask(
        db, "select sum(is_opened_by_proxy::int), sum(is_opened::int) from responses"
    )[0]
    assert proxied > opened / 2
    assert not one(
        db, "select count(*) from responses where action = 'click' and not is_sms and not is_opened"
    )


def test_campaigns_made_to_overload_or_confuse_do_so(db):
    of_campaigns = dict(
        ask(
            db,
            "select if(is_overloading, 'over', if(campaigns.is_confusing, 'confusing', 'plain')), "
            "{'left': avg(is_opt_out::int), 'asks': avg(asks_for_help::int), "
            "'unclear': avg((is_clear = 'no')::int) filter (has_pulse)} "
            "from responses inner join campaigns using (campaign) group by 1",
        )
    )
    assert of_campaigns["over"]["left"] > 2 * of_campaigns["plain"]["left"]
    assert of_campaigns["confusing"]["asks"] > 0.02 > of_campaigns["plain"]["asks"]
    assert of_campaigns["confusing"]["unclear"] > 3 * of_campaigns["plain"]["unclear"]


# Journeys, deals, service ---------------------------------------------------------------------


def test_all_journeys_together_step_as_the_matrix_says(db):
    rows = ask(
        db,
        """
        select from_stage, stage, count(*) / sum(count(*)) over (partition by from_stage),
            sum(count(*)) over (partition by from_stage)
        from (
            select stage, lag(stage, 1, 'start') over (
                partition by person, journey order by step) as from_stage
            from steps
        )
        group by 1, 2
        """,
    )
    known = matrix()
    assert {(start, to) for start, to, _, _ in rows} == set(known)
    for start, to, share, count in rows:
        chance = known[start, to]
        assert share == pytest.approx(
            chance, abs=5 * (chance * (1 - chance) / count) ** 0.5 + 0.005
        )


def test_every_web_order_ends_a_journey(db):
    fruitful, journeys = ask(db, "select sum(is_fruitful::int), count(*) from journeys")[0]
    orders = one(db, "select count(*) from orders where is_web and campaign is null")
    assert fruitful == orders
    assert fruitful / journeys == pytest.approx(chances_to_order()["start"], abs=0.01)


def test_deals_move_on_with_the_chances_given(db):
    reached = dict(
        ask(db, f"select stage, count(*) from deal_stages where ms < {END} group by stage")
    )
    stages = [*DEAL_STAGES, "closedwon"]
    for stage, onward in pairwise(stages):
        # some still stand in their stage at the end of the history
        assert reached[onward] / reached[stage] == pytest.approx(DEAL_STAGES[stage], abs=0.12)


def test_a_badly_handled_case_strains_a_relationship(customers):
    strained, others = (
        one(
            customers,
            "select avg(negative) from (select person_id, count(*) filter (sentiment = 'negative') "
            "as negative from truth_customers left join people on "
            "people.customer_id::varchar = shop_customer_id left join tickets using (person) "
            f"where (relationship_type = 'strained') = {is_strained} group by 1)",
        )
        for is_strained in ("true", "false")
    )
    assert strained > 1.5
    assert others < 0.5


def test_who_is_close_writes_and_who_wants_people_calls(db):
    rows = {
        kind: counts
        for kind, *counts in ask(
            db,
            "select kind, count(*) filter (type = 'emails' and direction = 'INBOUND') "
            "/ count(distinct person), count(*) filter (type = 'calls' and direction = 'INBOUND') "
            "/ count(distinct person) from people left join engagements using (person) group by 1",
        )
    }
    assert rows["best_friend"][0] > 5 * rows["acquaintance"][0] > 5 * rows["no_relationship"][0]
    assert rows["full_service"][1] > 5 * rows["buddy"][1]


# Records --------------------------------------------------------------------------------------


def test_a_known_share_has_a_second_contact(db):
    share = one(db, "select (select count(*) from duplicates) / count(*) from people")
    assert 0.6 * P.duplicates < share <= P.duplicates * 1.1
    fates = {fate for (fate,) in ask(db, "select distinct fate from duplicates")}
    assert fates == {"merged", "deleted", "stays"}


def test_every_record_of_a_person_is_in_the_truth(db):
    known = f"({truth.of_people(P)['truth_contact_records']})"
    for source, query in (
        ("hubspot", records.contacts()),
        ("klaviyo", records.profiles()),
    ):
        assert not one(
            db,
            f"select count(*) from (select distinct id from ({query})) anti join (select * from "
            f"{known} where source = '{source}') as known on known.record_id = id",
        )


def test_versions_of_a_record_follow_each_other_without_a_gap(db):
    for name, query in records.collections().items():
        assert not one(
            db,
            "select count(*) from (select valid_from, valid_until, lead(valid_from) over "
            f"(partition by id order by valid_from) as following from ({query})) "
            "where valid_until <= valid_from or following <> valid_until",
        ), name


def test_a_merge_moves_no_modified_date(db):
    rows = ask(
        db,
        "select valid_from, modified_at, body ->> '$.hs_merged_object_ids' is not null "
        f"from ({records.contacts()}) where valid_from > modified_at and archived_at is null",
    )
    assert rows
    assert all(is_merged for _, _, is_merged in rows)


def test_no_event_is_told_twice_or_before_its_person_was_there(db):
    count, ids = ask(db, f"select count(*), count(distinct id) from ({events.query()})")[0]
    assert count == ids
    assert not one(
        db,
        f"select count(*) from ({events.query()}) as told inner join people using (profile_id) "
        "where told.ms <= in_mailing_since",
    )


def test_there_are_about_a_hundred_touchpoints_per_customer(db):
    told = one(db, f"select count(*) from ({events.query()})")
    controls = one(db, "select count(*) from draws where not is_sent")
    others = sum(one(db, f"select count(*) from {table}") for table in ("orders", "engagements"))
    assert 80 < (told - controls + others) / P.customers < 130
