"""Methods against what is known of them: the toy of Real et al., pymoo's own NSGA-II, fronts of ZDT and DTLZ."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.core.problem import ElementwiseProblem
from pymoo.optimize import minimize
from pymoo.problems import get_problem
from pymoo.util.ref_dirs import get_reference_directions
from tables import architectures, by_wiring, price
from test_methods import drive, evaluate, make_setting

from lemonade.bench.table import ON_TABLES, pay, table_config
from lemonade.config import SearchSettings
from lemonade.errors import LemonadeError
from lemonade.front import Axis, Front, hypervolume, non_dominated
from lemonade.methods import Family, Setting, make_search
from lemonade.methods.genes import Draw, Mix, Mutate, OnlyNew
from lemonade.spaces import TableSpace
from lemonade.types import Evaluation, Status

BITS = 100


# Aging evolution -----------------------------------------------------------------------------------------------------


class BitStrings:
    """The toy of Real et al.: strings of bits, of which one flips; one that comes up again is a new one."""

    name = "bits"

    def __init__(self):
        self.made = 0

    def random(self, rng):
        return self._fresh("".join(str(bit) for bit in rng.integers(0, 2, BITS)))

    def mutate(self, genotype, rng, most=None):
        bits, place = genotype[:BITS], int(rng.integers(BITS))
        return self._fresh(bits[:place] + "10"[int(bits[place])] + bits[place + 1 :]), ()

    def key(self, genotype):
        return genotype

    def _fresh(self, bits):
        self.made += 1
        return f"{bits}-{self.made}"


def accuracy(bits, rng):
    return float(np.clip(bits[:BITS].count("1") / BITS + rng.normal(0, 0.01), 0, 1))


def toy_by_us(seed, population=100, sample=10, cycles=1000):
    rng = np.random.default_rng([seed, 7])
    setting = Setting(
        search=SearchSettings(children=1, population=population, sample=sample),
        space=BitStrings(),
        family=Family([]),
        costs=lambda genotype: {"bits": BITS},
        limits={},
        floors={},
        vector=lambda candidate, evaluation: (evaluation.values["error"],),
        shown=lambda candidate, evaluation: (evaluation.values["error"],),
        axes={},
        seed=seed,
        child_examples=lambda spent: 1,
        initial_examples=1,
    )
    search, history = make_search("aging", setting), []
    while len(history) < cycles:
        (one,) = search.ask()
        history.append(accuracy(one.genotype, rng))
        search.tell([Evaluation(one.id, Status.OK, {"error": 1 - history[-1]})])
    return search, np.array(history)


def toy_as_published(seed, population=100, sample=10, cycles=1000):
    """Algorithm 1 of the paper, line by line."""
    rng = np.random.default_rng([seed, 8])
    queue, history = deque(), []
    while len(history) < cycles:
        if len(queue) < population:
            bits = rng.integers(0, 2, BITS)
        else:
            drawn = [queue[k] for k in rng.integers(len(queue), size=sample)]
            bits = max(drawn, key=lambda one: one[1])[0].copy()
            bits[rng.integers(BITS)] ^= 1
            queue.popleft()
        history.append(float(np.clip(bits.mean() + rng.normal(0, 0.01), 0, 1)))
        queue.append((bits, history[-1]))
    return np.array(history)


def test_aging_evolution_climbs_the_toy_as_the_published_loop_does():
    ours = np.array([toy_by_us(seed)[1] for seed in range(3)])
    published = np.array([toy_as_published(seed) for seed in range(30)])
    for stretch in (slice(0, 100), slice(450, 550), slice(900, 1000)):
        mean, spread = published[:, stretch].mean(axis=1).mean(), published[:, stretch].mean(axis=1).std()
        assert ours[:, stretch].mean() == pytest.approx(mean, abs=4 * spread / np.sqrt(3) + 1e-3)
    assert ours[:, -100:].mean() > ours[:, :100].mean() + 0.2


def test_the_oldest_leave_and_the_best_is_remembered():
    search, history = toy_by_us(3, population=20, sample=5, cycles=150)
    (colony,) = search.colonies
    assert [one.id for one in colony.members] == [f"c{k:04d}" for k in range(130, 150)]
    assert colony.best[0].id == f"c{int(history.argmax()):04d}"
    assert len(colony.logbook) == 150
    assert colony.logbook[-1]["least"] == pytest.approx(1 - history[-20:].max())


def test_a_weight_on_resources_draws_the_population_to_cheaper_networks():
    def mean_cost(weight):
        search = make_search("aging", make_setting(space="table", children=1, resource_weight=weight))
        drive(search, 120)
        return np.mean([search._known[one.id].costs["params"] for one in search.colonies[0].members])

    assert mean_cost(40.0) < 0.7 * mean_cost(0.0)


def test_limits_split_the_budget_evenly():
    limits = (1_200.0, 2_500.0, 1e6)
    search = make_search("aging", make_setting(space="table", children=2, size_limits=limits))
    seen = drive(search, 30)
    assert len(seen) == 60
    for turn, limit in enumerate(limits):
        own = [one for one in seen if one.generation % 3 == turn]
        assert len(own) == 20
        assert max(one.costs["params"] for one in own) <= limit
        assert {one.id for one in search.colonies[turn].members} <= {one.id for one in own}


def test_a_population_for_which_nothing_new_is_left_passes_its_turns_on():
    few = min(price(text) for text in architectures())
    setting = make_setting(space="table", children=2, size_limits=(float(few), 1e6))
    search = make_search("aging", setting)
    seen = drive(search, 80)
    assert len(seen) > 155
    within = [one for one in seen if one.costs["params"] <= few]
    assert search.colonies[0].exhausted and within
    again = make_search("aging", setting)  # a resumed run knows whose turn each generation was
    for number in sorted({one.generation for one in seen}):
        batch = [one for one in seen if one.generation == number]
        again.adopt(batch)
        again.tell([evaluate(one) for one in batch])
    assert [one.id for one in again.ask()] == [one.id for one in search.ask()]
    for mine, other in zip(again.colonies, search.colonies, strict=True):
        assert ([one.id for one in mine.members], mine.exhausted) == (
            [one.id for one in other.members],
            other.exhausted,
        )


def test_a_size_limit_below_the_smallest_network_is_refused():
    with pytest.raises(LemonadeError, match=r"search.size_limits: expected params of [\d,]+ and more, .* got 1\."):
        make_search("aging", make_setting(space="table", size_limits=(1e6, 1.0)))


# NSGA-II -------------------------------------------------------------------------------------------------------------


def test_nsga2_is_pymoos_own_run():
    rows = architectures()
    costs = {text: {"params": price(text)} for text in rows}
    errors = {text: by_wiring(text) for text in rows}
    config = table_config("nsga2", 5, {"search.population": 12, "search.children": 12})
    ours = pay(costs, errors, config, 120)

    space, seen = TableSpace(costs, 5, 3), []

    class Whole(ElementwiseProblem):
        def __init__(self):
            super().__init__(n_var=1, n_obj=2, vtype=object)

        def _evaluate(self, x, out, *args, **kwargs):
            seen.append(x[0].genotype)
            out["F"] = [errors[x[0].genotype], costs[x[0].genotype]["params"]]

    def is_new(gene):
        return gene.genotype not in seen

    algorithm = NSGA2(
        pop_size=12,
        sampling=Draw(space, is_new),
        crossover=Mix(space),
        mutation=Mutate(space),
        eliminate_duplicates=OnlyNew(space, is_new),
    )
    minimize(Whole(), algorithm, ("n_gen", 10), seed=5)
    assert len(ours) == 120
    assert ours == seen


def test_nsga2_mixes_rows_and_only_mutates_networks():
    table = drive(make_search("nsga2", make_setting(space="table")), 12)
    keys = {one.id: one.genotype for one in table}
    steps = [
        sum(a != b for a, b in zip(one.genotype.split("|"), keys[one.parent].split("|"), strict=True))
        for one in table
        if one.parent
    ]
    assert max(steps) > 1
    network = drive(make_search("nsga2", make_setting()), 6)
    assert all(len(one.morphisms) == 1 for one in network if one.parent)


# Local search --------------------------------------------------------------------------------------------------------


def test_local_search_looks_at_all_neighbours_of_a_member():
    setting = make_setting(space="table")
    search = make_search("local", setting)
    (start,) = search.ask()
    search.tell([evaluate(start)])
    around = search.ask()
    assert {one.genotype for one in around} == {
        one for one, _ in setting.space.neighbours(start.genotype, np.random.default_rng(0))
    }
    assert {one.parent for one in around} == {start.id}


# Fronts --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "volume"),
    [("zdt1", 2 / 3), ("zdt2", 1 / 3), ("zdt4", 2 / 3), ("dtlz1", 1 - 0.5**3 / 6), ("dtlz2", 1 - np.pi / 6)],
)
def test_our_front_finds_known_fronts_among_worse_points(name, volume):
    if name.startswith("zdt"):
        points = get_problem(name).pareto_front(n_pareto_points=1_000)
    else:
        points = get_problem(name).pareto_front(get_reference_directions("das-dennis", 3, n_partitions=40))
    rng = np.random.default_rng(0)
    worse = points[rng.integers(len(points), size=300)] + rng.uniform(1e-6, 0.3, (300, points.shape[1]))
    every = np.concatenate([worse[:150], points, worse[150:]])
    front = Front()
    for number, point in enumerate(every.tolist()):
        front.add(str(number), point)
    assert {int(one) for one in front.ids} == set(range(150, 150 + len(points)))
    assert set(non_dominated(every).tolist()) == set(range(150, 150 + len(points)))
    # a finite front lies a little above the true one
    box = [Axis(0, 1, log=False)] * points.shape[1]
    assert hypervolume(list(front.members.values()), box) == pytest.approx(volume, abs=0.03 if len(box) == 3 else 2e-3)


def test_settings_of_tables_are_settings():
    assert set(ON_TABLES) <= set(SearchSettings.model_fields)
