"""Runs compared: courses, statistics, what is said of them, and what is written."""

import json
import os
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from run_folders import FACTS, Report, candidate, evaluation, run_of_errors
from scipy.stats import mannwhitneyu

from lemonade.comparing.comparison import Comparison
from lemonade.comparing.course import Course
from lemonade.comparing.grouping import grouped
from lemonade.comparing.rows import error_rows, run_rows
from lemonade.comparing.statistics import attained, holm, larger, least_p, mann_whitney
from lemonade.comparing.words import words
from lemonade.comparing.writing import write_comparison
from lemonade.config import BudgetSettings
from lemonade.errors import LemonadeError
from lemonade.files import locked
from lemonade.history import Run
from lemonade.store import RunStore
from lemonade.trials import compare, planned

VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=8)


def many(folder, method, level, seeds=5, **settings):
    """Runs whose errors lie around a level, all different."""
    return [
        run_of_errors(folder / f"{method}-{level}-{seed}", method, seed, [level + 0.001 * seed, level / 2], **settings)
        for seed in range(1, seeds + 1)
    ]


# Statistics ----------------------------------------------------------------------------------------------------------


def test_the_effect_size_counts_pairs():
    assert larger([3, 4], [1, 2]) == 1
    assert larger([1, 2], [1, 2]) == 0.5
    assert larger([1, 3], [2, 2]) == 0.5
    assert larger([2, 3], [1, 2]) == (1 + 0.5 + 1 + 1) / 4
    with pytest.raises(ValueError, match="at least one value of each"):
        larger([], [1.0])


@given(VALUES, VALUES)
def test_effect_sizes_of_both_sides_sum_to_one(first, second):
    assert larger(first, second) + larger(second, first) == pytest.approx(1)


@pytest.mark.parametrize("sizes", [(2, 2), (3, 3), (5, 5), (3, 6), (9, 9), (10, 20)])
def test_the_least_p_is_that_of_samples_apart(sizes):
    apart = [np.arange(sizes[0]) + 100.0, np.arange(sizes[1]) * 1.0]
    assert mann_whitney(*apart) == pytest.approx(least_p(*sizes))


def test_ties_make_nothing_more_certain():
    assert mann_whitney([0.9] * 3, [0.8] * 3) == pytest.approx(least_p(3, 3))
    assert mann_whitney([0.9, 0.8, 0.7], [0.9, 0.8, 0.7]) == 1
    wide = [*range(12), 5], [*range(20, 30), 5]  # too many ways to deal these out
    assert mann_whitney(*wide) == pytest.approx(mannwhitneyu(*wide, method="asymptotic").pvalue)


def test_one_run_is_not_tested():
    assert mann_whitney([0.9], [0.1, 0.2, 0.3]) is None


def test_holm_corrects_step_by_step():
    # by hand: .01 x 3, .02 x 2, and .03 may not fall below what came before
    assert holm({"a": 0.02, "b": 0.01, "c": 0.03}) == pytest.approx({"a": 0.04, "b": 0.03, "c": 0.04})
    assert holm({"a": 0.9, "b": 0.8}) == {"a": 1.0, "b": 1.0}


def test_attained_is_an_order_statistic():
    levels = [[3.0, np.inf], [1.0, 5.0], [2.0, np.inf]]
    assert attained(levels, 1 / 3).tolist() == [1.0, 5.0]
    assert attained(levels, 0.5).tolist() == [2.0, np.inf]
    assert attained(levels, 1.0).tolist() == [3.0, np.inf]


# Courses -------------------------------------------------------------------------------------------------------------


def test_a_course_ends_where_the_run_ends(tmp_path):
    run = run_of_errors(tmp_path / "a", errors=(0.5, 0.6, 0.3, 0.2))
    course = Course.of(run)
    assert course.examples.tolist() == [100, 200, 300, 400]
    assert course.volumes[-1] == pytest.approx(run.front.hypervolume)
    assert set(course.fronts[-1]) == {one.id for one in run.front}
    assert course.fronts[1] == ("c0000",)  # a larger network with a larger error
    assert (np.diff(course.volumes) >= 0).all()
    assert course.volume("examples", 99) == 0
    assert course.volume("examples", 250) == course.volumes[1]


def test_errors_within_a_size_are_those_one_would_choose(tmp_path):
    run = run_of_errors(tmp_path / "a", errors=(0.5, 0.4))
    sizes = sorted(run.values(name)["params"] for name in run.evaluations)
    course = Course.of(run)
    found = course.errors_within(course.fronts[-1], "params", [sizes[0] - 1, sizes[0], sizes[1]])
    assert found.tolist() == [np.inf, 0.5, 0.4]


# Groups --------------------------------------------------------------------------------------------------------------


def test_runs_are_grouped_by_method_and_settings(tmp_path):
    runs = [
        run_of_errors(tmp_path / "a"),
        run_of_errors(tmp_path / "b", seed=2),
        run_of_errors(tmp_path / "c", inherit=False),
        run_of_errors(tmp_path / "d", method="aging"),
    ]
    groups = grouped(runs)
    assert [(group.name, group.seeds) for group in groups] == [
        ("lemonade", [1, 2]),
        ("lemonade inherit=false", [1]),
        ("aging", [1]),
    ]


OTHERS = {
    "split": ({"facts": replace(FACTS, split_hash="other")}, "split (5eed against other)"),
    "data": ({"facts": replace(FACTS, train=300)}, "400 training and 100 validation images of 1x8x8 against toy, 300"),
    "objectives": ({"objectives": ("error", "params")}, "objectives (error, params, flops against error, params)"),
    "boxes": ({"boxes": {"params": [10, 1e6]}}, "params 10 to 1e+06"),
    "limits": ({"limits": {"params": 5000}}, "limits (none against params <= 5000)"),
    "choice": ({"selection.smoothed": False}, "choice (by smoothed error against by plain error)"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_what_cannot_be_compared_is_listed(case, tmp_path):
    settings, told = OTHERS[case]
    runs = [run_of_errors(tmp_path / "a"), run_of_errors(tmp_path / "b", method="random", **settings)]
    with pytest.raises(LemonadeError, match="a and .*b can't be compared: they differ in ") as raised:
        grouped(runs)
    assert told in str(raised.value)


def test_the_same_seed_twice_is_refused(tmp_path):
    with pytest.raises(LemonadeError, match=r"same method with the same seed \(1\)"):
        grouped([run_of_errors(tmp_path / "a"), run_of_errors(tmp_path / "b")])


def test_a_run_without_a_network_is_refused(tmp_path):
    with pytest.raises(LemonadeError, match="no network has been evaluated yet"):
        grouped([run_of_errors(tmp_path / "a", errors=(None,))])
    with pytest.raises(LemonadeError, match="expects run folders, or --methods"):
        grouped([])


# Comparisons ---------------------------------------------------------------------------------------------------------


def test_a_planted_difference_is_found_and_said(tmp_path):
    comparison = Comparison([*many(tmp_path, "lemonade", 0.2), *many(tmp_path, "random", 0.4)])
    (contest,) = comparison.contests
    assert contest.larger == 1
    assert contest.p == contest.corrected == pytest.approx(least_p(5, 5))
    assert contest.difference > 0.05
    told = " ".join(words(comparison))
    assert "lemonade against random: median hypervolume higher by" in told
    assert "That is significant (Mann-Whitney U test, p = 0.00794)." in told
    assert "All runs had a budget of 100 evaluations and are compared at their ends." in told
    theirs, ours = contest.needed["examples"]
    assert (theirs, ours) == (200, 100)


def test_chance_is_called_chance(tmp_path):
    first = [run_of_errors(tmp_path / f"a{seed}", "lemonade", seed, [0.3 + 0.01 * (seed % 3)]) for seed in range(1, 6)]
    second = [run_of_errors(tmp_path / f"b{seed}", "random", seed, [0.3 + 0.011 * (seed % 3)]) for seed in range(1, 6)]
    assert "it may be chance" in " ".join(words(Comparison([*first, *second])))


def test_too_few_runs_are_called_so(tmp_path):
    comparison = Comparison([*many(tmp_path, "lemonade", 0.2, 3), *many(tmp_path, "random", 0.4, 3)])
    assert "it could not be, however large the difference: run more seeds." in " ".join(words(comparison))


def test_one_seed_is_shown_without_a_test(tmp_path):
    comparison = Comparison([run_of_errors(tmp_path / "a"), run_of_errors(tmp_path / "b", "random", errors=(0.6,))])
    assert comparison.contests[0].p is None
    assert "No test was made: a single run says nothing of how much runs differ" in " ".join(words(comparison))


def test_the_winner_of_each_size_is_named_whoever_it_is(tmp_path):
    ours = many(tmp_path, "lemonade", 0.4, 2)
    theirs = many(tmp_path, "aging", 0.2, 2)
    told = " ".join(words(Comparison([*ours, *theirs], within=["params<=5000"])))
    assert "Least median smoothed error within a size: params <= 5,000: aging (0.100)." in told
    assert "lemonade does not reach the final median of aging." in told


def test_unequal_budgets_are_compared_where_all_have_been(tmp_path):
    short = run_of_errors(tmp_path / "a", errors=(0.5, 0.4))
    long = run_of_errors(tmp_path / "b", "random", errors=(0.5, 0.4, 0.1), evaluations=200)
    comparison = Comparison([short, long])
    assert (comparison.basis.by, comparison.basis.at) == ("examples", 200)
    assert comparison.volumes(comparison.groups[0]) == comparison.volumes(comparison.groups[1])
    assert "Runs are compared where each had spent 200 training images" in words(comparison)[0]


def test_an_unfinished_run_is_named(tmp_path):
    comparison = Comparison([run_of_errors(tmp_path / "a"), run_of_errors(tmp_path / "b", "random", finished=False)])
    assert any(line.startswith("Not finished") and "/b" in line for line in words(comparison))


def test_a_run_without_children_is_named(tmp_path):
    begun = run_of_errors(tmp_path / "b", "random", begins=True)
    lines = words(Comparison([run_of_errors(tmp_path / "a"), begun]))
    told = [line for line in lines if "used up the budget, no child was trained" in line]
    assert len(told) == 1
    assert told[0].endswith("/b.")


def test_sizes_must_be_of_an_objective(tmp_path):
    with pytest.raises(LemonadeError, match=r"within: expected one of params, flops, got 'depth'"):
        Comparison([run_of_errors(tmp_path / "a")], within=["depth<=3"])
    with pytest.raises(LemonadeError, match="by: expected examples or seconds, got 'evaluations'"):
        Comparison([run_of_errors(tmp_path / "b")], by="evaluations")
    with pytest.raises(LemonadeError, match="^within expects NAME<=NUMBER, got 'params=5'"):
        Comparison([run_of_errors(tmp_path / "c")], within=["params=5"])


def test_an_error_on_another_set_is_no_cost(tmp_path):
    run_of_errors(tmp_path / "a", objectives=("error", "params"))
    path = tmp_path / "a" / "journal.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        if line["type"] == "run":
            line["objectives"].append({**line["objectives"][0], "name": "error@some/set"})
        if line["type"] == "evaluation":
            line["values"]["error@some/set"] = 0.5
    path.write_text("".join([json.dumps(line) + "\n" for line in lines]))
    run = Run.load(tmp_path / "a")
    assert run.objective_names == ("error", "params", "error@some/set")
    comparison = Comparison([run])
    assert comparison.resources == ["params"]
    names = [path.name for path in write_comparison(comparison, tmp_path / "out")]
    assert "attainment-params.png" in names
    assert len([name for name in names if name.startswith("attainment")]) == 1


# Writing -------------------------------------------------------------------------------------------------------------


def test_all_is_written_and_agrees(tmp_path):
    comparison = Comparison([*many(tmp_path, "lemonade", 0.2, 2), *many(tmp_path, "random", 0.4, 2)])
    files = {path.name: path for path in write_comparison(comparison, tmp_path / "out")}
    assert set(files) == {
        "hypervolume-examples.png", "hypervolume-seconds.png", "attainment-params.png", "attainment-flops.png",
        "runs.csv", "curves.csv", "summary.json", "comparison.html",
    }  # fmt: skip
    assert len(files["runs.csv"].read_text().splitlines()) == 5
    summary = json.loads(files["summary.json"].read_text())
    assert summary["methods"][1]["settings"] == {"dataset": "toy", "method": "random", "budget.evaluations": "100"}
    assert summary["methods"][0]["hypervolume"]["values"] == comparison.volumes(comparison.groups[0])
    page = files["comparison.html"].read_text()
    assert "http" not in page.replace("http-equiv", "")
    assert page.count("<img ") == 4
    last = [line.split(",") for line in files["curves.csv"].read_text().splitlines() if line.startswith("random,exam")]
    assert float(last[-1][4]) == pytest.approx(np.median(comparison.volumes(comparison.groups[1])), abs=1e-5)


def test_names_are_escaped_on_the_page(tmp_path):
    run = run_of_errors(tmp_path / "<b>bold")
    write_comparison(Comparison([run]), tmp_path / "out")
    page = (tmp_path / "out" / "comparison.html").read_text()
    assert "<b>bold" not in page
    assert "&lt;b&gt;bold" in page


def test_nothing_within_a_size_is_shown_as_nothing(tmp_path):
    comparison = Comparison([run_of_errors(tmp_path / "a")], within=["params<=1", "params<=1000"])
    assert error_rows(comparison)[1] == ["lemonade", "-", "0.300"]
    assert run_rows(comparison)[1][-2:] == ["", "0.30000"]


# Running what is missing ---------------------------------------------------------------------------------------------


def test_runs_are_planned_seed_by_seed(tmp_path):
    plan = planned("lemonade, lemonade:search.inherit=false:search.children=4", 2, tmp_path, {"evaluations": 9})
    assert [(one.method.partition(":")[0], one.config.seed) for one in plan] == [("lemonade", 1)] * 2 + [
        ("lemonade", 2)
    ] * 2
    assert plan[1].config.search.children == 4
    assert not plan[1].config.search.inherit
    assert plan[1].folder.name == "lemonade_search.inherit=false_search.children=4-1"
    assert plan[0].config.budget == BudgetSettings(evaluations=9)
    assert planned("aging", 1, tmp_path, {})[0].config.budget == BudgetSettings(time=600)
    lists = planned("aging:search.size_limits=[1000, 5000],random", 1, tmp_path, {})
    assert [one.method for one in lists] == ["aging:search.size_limits=[1000, 5000]", "random"]
    assert lists[0].config.search.size_limits == (1000, 5000)


BAD = {
    "twice": ({"methods": "aging,aging"}, "expected different names with commas between"),
    "empty": ({"methods": "aging,,random"}, "expected different names with commas between"),
    "seeds": ({"methods": "aging", "seeds": 0}, "seeds: expected a whole number from 1 to 10,000, got 0"),
    "setting": ({"methods": "aging:search.childs=2"}, "'search.childs' is not a setting"),
    "no value": ({"methods": "aging:search.children"}, "expects key=value"),
    "no folder": ({"methods": "aging", "out": None}, "give out=FOLDER"),
    "no methods": ({"time": "5s"}, "time: settings are for runs to be made; name methods to run"),
    "own split": ({"methods": "aging:data.split_seed=3"}, "all methods of a comparison have the same data.split_seed"),
    "own budget": ({"methods": "aging:time=9s"}, "all methods of a comparison have the same time"),
    "own choice": ({"methods": "aging:selection.smoothed=false"}, "have the same selection.smoothed"),
    "basis": ({"methods": "aging", "by": "epochs"}, "by: expected examples or seconds, got 'epochs'"),
    "size": ({"methods": "aging", "within": ["depth<=3"]}, "within: expected one of params, flops, got 'depth'"),
    "method": ({"methods": "random,agin"}, "unknown method 'agin'"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_plans_are_refused(case, tmp_path):
    arguments, message = BAD[case]
    with pytest.raises(LemonadeError, match=message):
        compare(**{"out": tmp_path / "out", **arguments})
    assert not (tmp_path / "out").exists()


def test_methods_are_run_once_and_taken_up_again(tmp_path):
    settings = {"dataset": "digits", "evaluations": 6, "child_examples": 200, "workers": 1}
    never = tmp_path / "runs/random-1/journal.jsonl"  # a run that was killed before its first line
    never.parent.mkdir(parents=True)
    never.write_text('{"v":1,"t":17')
    first = compare(methods="lemonade,random", seeds=1, out=tmp_path, **settings)
    assert {group.name for group in first.groups} == {"lemonade", "random"}
    journals = {path: path.read_bytes() for path in tmp_path.glob("runs/*/journal.jsonl")}
    assert len(journals) == 2
    again = compare(methods="lemonade,random", seeds=1, out=tmp_path, **settings)
    assert again.to_json() == first.to_json()
    assert {path: path.read_bytes() for path in journals} == journals
    more = compare(methods="lemonade,random", seeds=1, out=tmp_path, **{**settings, "evaluations": 8})
    assert [run.spent.evaluations for run in more.runs] == [8, 8]
    with pytest.raises(LemonadeError, match=r"holds a run with training.child_examples=200, but 300 is asked for"):
        compare(methods="lemonade", seeds=1, out=tmp_path, **{**settings, "child_examples": 300})
    with pytest.raises(LemonadeError, match="had a budget of evaluations 8, but 6 is asked for"):
        compare(methods="lemonade", seeds=1, out=tmp_path, **settings)


def test_the_front_decides_by_what_ranks_members(tmp_path):
    run = run_of_errors(tmp_path / "a", errors=(0.5,))
    lucky = candidate(1, 4 + 2)
    with RunStore.open(tmp_path / "a") as store:
        store.append_batch([replace(lucky, generation=1)], Report(1))
        store.record(evaluation(lucky, values={"error": 0.1, "error_smoothed": 0.6}))
    assert run.smoothed
    course = Course.of(Run.load(tmp_path / "a"))
    assert course.fronts[-1] == ("c0000",)  # dominated by the smoothed error, however low the plain one


def test_a_comparison_under_way_is_not_begun_again(tmp_path):
    with (
        locked(tmp_path / "out", ""),
        pytest.raises(LemonadeError, match=f"out is in use by process {os.getpid()}. Wait for it"),
    ):
        compare(methods="random", seeds=1, out=tmp_path / "out", dataset="digits", evaluations=1)
