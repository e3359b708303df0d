"""Tables: what is read and refused, what is scored, and what the command prints."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymoo.indicators.hv import HV
from tables import USUAL, architectures, by_wiring, interacting, price, write_table

from lemonade.bench.sharp import SharpBox
from lemonade.bench.table import pay, quartiles, table_config
from lemonade.bench.tablefile import read_table
from lemonade.cli import main
from lemonade.errors import LemonadeError
from lemonade.front import non_dominated
from lemonade.methods import methods_on
from lemonade.spaces import GridSpace, TableSpace
from lemonade.spaces.paths import Edge, on_paths, path_features, successions

ROWS = architectures(operations=("none", "skip_connect", "conv_3x3"))


@pytest.fixture
def file(tmp_path):
    return write_table(tmp_path / "small.csv", ROWS)


def run(words, capsys):
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    captured = capsys.readouterr()
    return end.value.code or 0, captured.out, captured.err


# Reading -------------------------------------------------------------------------------------------------------------


def test_a_table_is_read(file):
    table = read_table(file)
    assert table.cost_names == ["params", "macs"]
    assert table.error == "test_accuracy"
    assert len(table.errors) == 3**6
    for text in ROWS[::50]:
        assert table.errors[text] == pytest.approx(by_wiring(text), abs=1e-4)
        assert table.costs[text]["params"] == price(text)


def test_accuracies_may_be_shares_and_errors_may_be_given(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("architecture,accuracy,top_error,params\n|a~0|,0.75,0.5,1\n|b~0|,0.5,0.25,2\n")
    assert read_table(path).errors == {"|a~0|": 0.25, "|b~0|": 0.5}
    assert read_table(path, "top_error").errors == {"|a~0|": 0.5, "|b~0|": 0.25}
    assert read_table(path).cost_names == ["params"]


def test_columns_that_judge_are_known_however_they_are_written(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("architecture,Test Accuracy,val-acc,Err@5,macs\n|a~0|,75,70,0.1,1\n|b~0|,50,60,0.2,2\n")
    table = read_table(path)
    assert (table.error, table.cost_names) == ("Test Accuracy", ["macs"])
    assert table.errors == {"|a~0|": 25, "|b~0|": 50}


HEADER = "architecture,test_accuracy,params"
ROW_A, ROW_B = "|a~0|+|a~0|b~1|,90,10", "|a~0|+|a~0|c~1|,80,20"
BAD = {
    "empty": ("", "is empty. Expected a header"),
    "header only": (HEADER, "no line below it"),
    "no architectures": (f"arch,test_accuracy,params\n{ROW_A}", "line 1: expected a column 'architecture', got arch,"),
    "no error": ("architecture,params\n|a~0|,1", "line 1: expected a column such as test_accuracy or error"),
    "no cost": ("architecture,accuracy\n|a~0|,1", "line 1: expected a column of costs"),
    "a column twice": (f"{HEADER},params\n{ROW_A},1", "line 1: the column 'params' is there twice"),
    "a column without a name": (f"{HEADER},\n{ROW_A},1", "line 1: column 4 has no name"),
    "repeated": (
        f"{HEADER}\n{ROW_A}\n{ROW_B}\n{ROW_A}",
        r"line 4: '\|a~0\|\+\|a~0\|b~1\|' is there already, in line 2",
    ),
    "missing": (
        f"{HEADER}\n{ROW_A}\n{ROW_B}\n|b~0|+|a~0|b~1|,70,5",
        r"3 of the 4 architectures are there .* the first missing one is \|b~0\|\+\|a~0\|c~1\|",
    ),
    "not a number": (f"{HEADER}\n{ROW_A}\n|a~0|+|a~0|c~1|,good,20", "line 3, column test_accuracy: .* got 'good'"),
    "not finite": (f"{HEADER}\n{ROW_A}\n|a~0|+|a~0|c~1|,80,inf", "line 3, column params: expected a finite number"),
    "nan": (f"{HEADER}\n|a~0|,nan,20", "line 2, column test_accuracy: expected a finite number, got 'nan'"),
    "negative": (f"{HEADER}\n|a~0|,5,-1", "line 2, column params: expected no negative number, got -1"),
    "more than all": (
        f"{HEADER}\n|a~0|,70,10\n|b~0|,700,20",
        "line 3, column test_accuracy: expected an accuracy of at most 100 percent, got 700",
    ),
    "too few cells": (f"{HEADER}\n{ROW_A}\n|a~0|+|a~0|c~1|,80", "line 3: expected 3 columns, got 2"),
    "too many cells": (f"{HEADER}\n{ROW_A},7", "line 2: expected 3 columns, got 4"),
    "no architecture": (f"{HEADER}\nresnet,80,20", "line 2, column architecture: expected .op~source.* got 'resnet'"),
    "source beyond": (f"{HEADER}\n|a~1|,80,20", "line 2, column architecture: .* source below 1 for node 1, got 'a~1'"),
    "another shape": (f"{HEADER}\n{ROW_A}\n|a~0|,80,20", r"line 3, column architecture: expected \[1, 2\] edges"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_table_is_refused_with_its_place(case, tmp_path, capsys):
    text, message = BAD[case]
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(LemonadeError, match=message):
        read_table(path)
    code, out, err = run(["bench", "table", path], capsys)
    assert code == 1
    assert out == ""
    assert err.startswith(f"error: {path}") and len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--cost", "parms"], "unknown cost 'parms'. Did you mean 'params'"),
        (["--error", "val_accuracy"], "unknown error column 'val_accuracy'. Did you mean 'test_accuracy'"),
        (["--methods", "lemonad"], "unknown method 'lemonad'. Did you mean 'lemonade'"),
        (["--methods", ""], "--methods: expected different names with commas between, got ''"),
        (["--methods", "aging,aging"], "--methods: expected different names with commas between, got 'aging,aging'"),
        (["--seeds", "0"], "--seeds expects a whole number from 1 on, got '0'"),
        (["--seeds", "1e12"], "seeds: expected a whole number from 1 to 10,000, got 1000000000000."),
        (["--set", "seed=7"], "seed: each run has one of its own. Give methods and how many seeds in its place."),
        (["--evaluations", "many"], "--evaluations expects a whole number from 1 on, got 'many'"),
        (["--set", "search.childen=1"], "'search.childen' is not a setting. Did you mean 'search.children'"),
        (["--set", "search.inherit=true"], "search.inherit: rows of a table have no weights to inherit. Leave it out."),
        (["--set", "limits.parms=3"], "unknown cost in a limit 'parms'. Did you mean 'params'"),
    ],
)
def test_wrong_options_are_named(words, message, file, capsys):
    code, _, err = run(["bench", "table", file, *words], capsys)
    assert code == 1
    assert message in err
    assert len(err.splitlines()) == 1


def test_a_file_that_is_not_there(tmp_path, capsys):
    code, _, err = run(["bench", "table", tmp_path / "none.csv"], capsys)
    assert code == 1
    assert "none.csv: cannot be read (No such file or directory)" in err


def test_a_table_without_a_trade_off_has_no_front_to_find(tmp_path, capsys):
    path = tmp_path / "flat.csv"
    path.write_text(f"{HEADER}\n|a~0|,90,1\n|b~0|,80,2\n")
    code, _, err = run(["bench", "table", path], capsys)
    assert code == 1
    assert "one row is best in both objectives" in err


# Space ---------------------------------------------------------------------------------------------------------------


def space_of(rows, seed=1):
    return TableSpace({text: {"params": price(text)} for text in rows}, seed, 3)


def test_neighbours_differ_in_one_operation_of_one_edge():
    space = space_of(ROWS)
    assert isinstance(space, GridSpace)
    around = [one for one, _ in space.neighbours(ROWS[100], np.random.default_rng(0))]
    assert len(set(around)) == len(around) == 6 * 2
    assert all(one in set(ROWS) for one in around)
    split = [one.replace("+", "").split("|") for one in (ROWS[100], *around)]
    assert all(sum(a != b for a, b in zip(split[0], one, strict=True)) == 1 for one in split[1:])


def test_starts_have_every_operation_on_every_edge():
    space = space_of(ROWS)
    starts = [one.genotype for one in space.starts()]
    assert (
        starts
        == [one.genotype for one in space_of(ROWS).starts()]
        != [one.genotype for one in space_of(ROWS, 2).starts()]
    )
    for position, choices in enumerate(space.choices):
        assert {space._flat[one][position] for one in starts} == set(choices)


@pytest.mark.parametrize("most", [1, 3])
def test_children_are_rows_and_differ(most):
    space, rng = space_of(ROWS), np.random.default_rng(0)
    for _ in range(50):
        parent = space.random(rng)
        child, records = space.mutate(parent, rng, most)
        assert records == ()
        assert 1 <= sum(a != b for a, b in zip(space._flat[parent], space._flat[child], strict=True)) <= most
        mixed, _ = space.crossover(parent, child, rng)
        assert all(one in both for one, *both in zip(*[space._flat[t] for t in (mixed, parent, child)], strict=True))


def test_operations_of_one_edge_alone_and_other_shapes():
    rows = [f"|a~0|+|{x}~0|b~1|+|{y}~2|" for x in "pq" for y in "rst"]
    space = TableSpace({text: {"size": k + 1.0} for k, text in enumerate(rows)}, 1, 3)
    assert sorted(one for one, _ in space.neighbours(rows[0], np.random.default_rng(0))) == sorted(
        [rows[3], rows[1], rows[2]]
    )
    assert len(space.features(rows[0])) == sum(space.groups())


@given(st.integers(0, 10_000))
def test_figures_on_paths_are_those_of_the_paths_themselves(seed):
    rng = np.random.default_rng(seed)
    nodes = [
        [Edge(source, [None, "a", "b"][rng.integers(3)]) for source in range(node) if rng.random() < 0.6]
        for node in range(1, int(rng.integers(2, 6)))
    ]
    paths = {0: [()]}
    for node, edges in enumerate(nodes, 1):
        paths[node] = [(*before, edge) for edge in edges for before in paths[edge.source]]
    every = paths[len(nodes)]
    sequences = [[edge.label for edge in path if edge.label] for path in every]
    found = path_features(nodes, "ab")
    assert found[:2] == ([0, 0] if not every else [pytest.approx(np.log1p(len(every))), 1])
    if every:
        lengths = [len(one) for one in sequences]
        assert found[2:5] == pytest.approx([max(lengths), min(lengths), np.mean(lengths)])
        assert found[5:8] == pytest.approx([f([one.count("a") for one in sequences]) for f in (max, min, np.mean)])
    pairs = [list(zip([None, *one], [*one, None], strict=True)) for one in sequences]
    expected = [
        np.mean([one.count((a, b)) for one in pairs]) if pairs else 0 for a in (None, *"ab") for b in (None, *"ab")
    ]
    assert successions(nodes, "ab") == pytest.approx(expected)
    assert on_paths(nodes) == [
        [any(edge is step for path in every for step in path) for edge in edges] for edges in nodes
    ]


# Scores --------------------------------------------------------------------------------------------------------------


@given(st.integers(0, 10_000))
def test_shares_are_pymoos_hypervolume_in_the_sharp_box(seed):
    rng = np.random.default_rng(seed)
    points = np.round(rng.uniform(0, 10, (60, 2)), 1)
    front = points[non_dominated(points)]
    if np.ptp(front, axis=0).min() == 0:
        return
    shares = SharpBox(points).shares(points)
    low, high = front.min(axis=0), front.max(axis=0)
    volume = HV(ref_point=np.array([1.05, 1.05]))
    for count in (1, 7, 30, 60):
        assert shares[count - 1] == pytest.approx(
            volume((points[:count] - low) / (high - low)) / volume((front - low) / (high - low))
        )
    assert shares[-1] == pytest.approx(1)


def test_quartiles_beyond_the_budget_are_none():
    assert quartiles(np.array([1.0, 2.0, 3.0, np.inf, np.inf])) == [2.0, 3.0, None]
    assert quartiles(np.array([1.0, np.inf])) == [None, None, None]
    assert quartiles(np.array([np.inf, 1.0, 3.0])) == [2.0, 3.0, None]


# Running -------------------------------------------------------------------------------------------------------------


def test_igd_plus_counts_what_of_the_front_is_missing():
    # true front (0, 1), (0.5, 0.5), (1, 0) in the box's scales; by hand
    box = SharpBox([(0.1, 30), (0.2, 20), (0.3, 10), (0.3, 30)])
    assert box.distance([(0.1, 30), (0.2, 20), (0.3, 10)]) == pytest.approx(0)
    assert box.distance([(0.1, 30), (0.3, 10)]) == pytest.approx(0.5 / 3)
    assert box.distance([(0.3, 30)]) == pytest.approx((1 + 0.5 * 2**0.5 + 1) / 3)


@pytest.mark.parametrize("method", methods_on("table"))
def test_a_run_pays_for_distinct_rows_within_its_budget(method):
    costs = {text: {"params": price(text)} for text in ROWS}
    errors = {text: by_wiring(text) for text in ROWS}
    paid = pay(costs, errors, table_config(method, 1, {}), 60)
    assert len(paid) == len(set(paid)) == 60
    assert paid == pay(costs, errors, table_config(method, 1, {}), 60)


def test_a_method_does_not_see_what_it_has_not_paid_for():
    """With all other errors changed, it asks for the same."""
    costs = {text: {"params": price(text)} for text in ROWS}
    errors = {text: by_wiring(text) for text in ROWS}
    config = table_config("lemonade", 1, {})
    paid = pay(costs, errors, config, 40)
    changed = {text: error if text in paid else 1e-3 for text, error in errors.items()}
    assert pay(costs, changed, config, 40) == paid


def test_a_small_table_is_exhausted_without_complaint():
    rows = architectures(nodes=2, operations=("none", "conv_3x3"))
    costs = {text: {"params": price(text)} for text in rows}
    for method in methods_on("table"):
        paid = pay(costs, {text: by_wiring(text) for text in rows}, table_config(method, 1, {}), 1000)
        assert len(paid) <= len(rows) == 8


@pytest.mark.parametrize("law", ["wiring", "interacting"])
def test_lemonade_finds_fronts_of_other_laws_sooner_than_chance(law, tmp_path):
    rows = architectures(operations=USUAL if law == "wiring" else tuple("pqrs"))
    prices = {"p": 10, "q": 300, "r": 40, "s": 150}
    path = tmp_path / "t.csv"
    if law == "wiring":
        write_table(path, rows)
    else:
        write_table(path, rows, interacting("pqrs", 6, seed=4), prices)
    table = read_table(path)
    costs = table.costs_in("params")
    box = SharpBox([(table.errors[text], costs[text]["params"]) for text in rows])

    def needed(method, seed):
        paid = pay(costs, table.errors, table_config(method, seed, {}), 60)
        shares = box.shares([(table.errors[text], costs[text]["params"]) for text in paid])
        return np.append(np.flatnonzero(shares >= 0.95), 60)[0]

    ours, chance = (np.median([needed(method, seed) for seed in (1, 2, 3)]) for method in ("lemonade", "random"))
    assert ours < 0.75 * chance


def test_the_command_prints_a_table_and_a_document(file, capsys):
    words = ["bench", "table", file, "--methods", "random,local", "--seeds", "2", "--evaluations", "200"]
    code, out, _ = run(words, capsys)
    assert code == 0
    assert "small.csv: 729 architectures · error from test_accuracy, cost params · 2 seeds, 200 evaluations each" in out
    code, out, _ = run([*words, "--json", "--cost", "macs"], capsys)
    assert code == 0
    rows = json.loads(out)["rows"]
    assert [row["method"] for row in rows] == ["random", "local"]
    for row in rows:
        assert (row["cost"], row["seeds"]) == ("macs", 2)
        assert list(row["to"]) == ["0.90", "0.95", "0.99", "0.999"]
        assert list(row["share_at"]) == list(row["igd_plus_at"]) == ["100", "200"]
        assert row["igd_plus_at"]["200"] <= row["igd_plus_at"]["100"]
