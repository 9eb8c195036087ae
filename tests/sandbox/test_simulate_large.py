"""With enough people an experiment finds the optimum that the truth tells, and a look does not."""

import pytest

from sandbox.simulate import Parameters
from sandbox.simulate.company import chunks, company
from sandbox.simulate.parameters import END

pytestmark = pytest.mark.slow
P = Parameters(customers=20_040, seed=3)
ENOUGH = 10_000


@pytest.fixture(scope="module")
def db():
    with company(P) as simulated:
        for _ in chunks(simulated, P):
            yield simulated


def curves(db, pool):
    """Exposures, response and opt-out rate by type and contacts, as somebody would count them."""
    return db.execute(
        f"""
        select if(is_strained, 'strained', kind) as type, contacts_28d, count(*) as exposures,
            avg((action is not null)::int) as response, avg(is_opt_out::int) as opt_out
        from responses inner join people using (person)
        where is_in_pool = {pool} and is_delivered and ms < {END} - 7 * a_day()
        group by all having count(*) >= 100 order by all
        """
    ).fetchall()


def optima(rows):
    found = {}
    for kind, contacts, _, response, opt_out in rows:
        net = response * P.margin_per_response - P.cost_per_contact - opt_out * P.value_at_risk
        found.setdefault(kind, 0)
        if net > 0:
            found[kind] = contacts
    return found


def test_the_experiment_finds_each_optimum_within_one_contact(db):
    rows = curves(db, "true")
    exposures = {}
    for kind, _, count, _, _ in rows:
        exposures[kind] = exposures.get(kind, 0) + count
    true = dict(
        db.execute("select relationship_type, optimum_contacts_28d from truth_optimum").fetchall()
    )
    found = optima(rows)
    judged = [kind for kind, count in exposures.items() if count >= ENOUGH]
    assert len(judged) >= 6
    assert {kind: found[kind] for kind in judged} == {
        kind: pytest.approx(true[kind], abs=1) for kind in judged
    }


def test_a_mere_look_makes_contacts_seem_to_cost_answers_that_they_do_not(db):
    def fall(pool):
        rows = {
            contacts: response
            for kind, contacts, _, response, _ in curves(db, pool)
            if kind == "best_friend"
        }
        return rows[3] / rows[0]  # within everybody's tolerance

    assert fall("true") == pytest.approx(1, abs=0.08)
    assert fall("false") < 0.9
