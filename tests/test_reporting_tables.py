import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from run_folders import FACTS, Report, candidate, evaluation
from synthetic import config_of, write_run

from lemonade.history import Run
from lemonade.reporting import network, picture, tables
from lemonade.reporting.layout import Column, fitted
from lemonade.reporting.screen import console
from lemonade.store import RunStore
from morphisms import NetworkGraph, Node


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return Run.load(write_run(tmp_path_factory.mktemp("tables") / "run"))


def text_of(renderable, width=120):
    made = console(file=io.StringIO(), width=width)
    made.print(renderable)
    return [line.rstrip() for line in made.file.getvalue().splitlines()]


def front_lines(run, width, **more):
    made = console(file=io.StringIO(), width=width)
    return text_of(tables.front_table(run, run.front.members, made, **more), width)


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_numbers_and_ids_are_never_cut(run, width):
    lines = front_lines(run, width)
    assert all(cell_len(line) <= width for line in lines)
    assert len(lines) == 1 + len(run.front.members)
    for member, line in zip(run.front.members, lines[1:], strict=True):
        assert member.id in line
        assert f"{member.values['params']:,}" in line


def test_columns_come_as_there_is_room(run):
    heads = {width: front_lines(run, width)[0] for width in (60, 80, 100, 140)}
    assert all("smoothed" in head for head in heads.values()), "members are ranked by it"
    assert "from" not in heads[60]
    assert "from" in heads[80]
    assert "95 %" not in heads[100]
    assert "95 % interval" in heads[140]


def test_the_knee_is_marked_once(run):
    marked = [line for line in front_lines(run, 100, knee=run.front.knee) if line.startswith("●")]
    assert len(marked) == 1
    assert run.front.knee.id in marked[0]


def test_a_part_of_the_front_keeps_its_ends_and_the_knee(run):
    members = list(run.front.members)
    for most in range(3, len(members) + 2):
        for keep in members:
            shown = [member.id for member in tables.spread(members, most, {keep.id})]
            assert len(shown) <= most
            assert {members[0].id, members[-1].id, keep.id} <= set(shown)
            assert shown == sorted(shown, key=[member.id for member in members].index)


def test_a_part_of_the_front_shows_knee_and_best(run):
    members, knee, best = list(run.front.members), run.front.knee, run.front.best()
    for most in range(4, len(members) + 2):
        shown = [member.id for member in tables.spread(members, most, {knee.id, best.id})]
        assert len(shown) <= most
        assert {members[0].id, members[-1].id, knee.id, best.id} <= set(shown)
    assert any(best.id in line for line in front_lines(run, 100, most=4, knee=knee))


def test_notes_say_images_interval_ranking_and_what_a_flop_is(run):
    notes = " ".join(tables.front_notes(run, run.front.members, run.front.knee))
    assert "287 validation images" in notes
    assert "(95 %, 287 images)" in notes
    assert "ranked by the smoothed error (1 - mean probability of the true class)" in notes
    assert notes.count("one multiply-add counts as one, as fvcore counts") == 1


def test_nothing_is_said_of_smoothing_or_flops_where_there_are_none(tmp_path):
    config = config_of(objectives=("error", "params"), **{"selection.smoothed": False})
    run = Run.load(write_run(tmp_path / "run", config, count=1))
    notes = " ".join(tables.front_notes(run, run.front.members, None))
    assert "smoothed" not in notes
    assert "multiply-add" not in notes


@pytest.mark.parametrize(
    ("latencies", "spread", "said"),
    [
        ((1.0, 1.04, 1.5), 0.05, "1 of 3 members differs from the next faster one by less than their timings scatter"),
        ((1.0, 1.04, 1.5), 0.6, "2 of 3 members differ from the next faster one by less than their timings scatter"),
        ((1.0, 1.04, 1.5), 0.03, ""),
    ],
)
def test_latencies_that_timing_cannot_tell_apart_are_owned_to(tmp_path, latencies, spread, said):
    config = config_of(objectives=("error", "params", "latency_ms"))
    made = [candidate(number, channels) for number, channels in enumerate((4, 6, 8))]
    with RunStore.create(tmp_path / "run", config, FACTS) as store:
        store.append_batch(made, Report(0))
        for one, latency, error in zip(made, latencies, (0.4, 0.3, 0.2), strict=True):
            values = {"error": error, "error_smoothed": error, "latency_ms": latency}
            store.record(evaluation(one, values=values, payload={"latency": {"spread_ms": spread}}))
    run = Run.load(tmp_path / "run")
    notes = [note for note in tables.front_notes(run, run.front.members, None) if note.startswith("latency_ms: ")]
    assert [said in note for note in notes] == [True] * bool(said)


def test_a_network_is_a_table_of_its_nodes():
    nodes = (
        Node("conv1", "conv", ("input",), {"channels": 4, "kernel": 3, "stride": 2}),
        Node("relu1", "relu", ("conv1",)),
        Node("conv2", "conv", ("relu1",), {"channels": 4, "kernel": 1}),
        Node("add1", "add", ("conv2", "relu1")),
        Node("pool1", "global_avg_pool", ("add1",)),
        Node("flatten1", "flatten", ("pool1",)),
        Node("linear1", "linear", ("flatten1",), {"features": 10}),
    )
    lines = text_of(network.node_table(NetworkGraph((1, 8, 8), nodes, "linear1"), 100))
    assert lines[0].split() == ["node", "operation", "reads", "output", "params", "share", "of", "flops"]
    assert "images, normalised" in lines[1]
    assert "conv 3x3, stride 2" in lines[2]
    assert "4x4x4" in lines[2]
    assert "█" in lines[2]
    assert "conv2, relu1" in lines[5]
    assert "global average pool" in lines[6]


def test_a_chain_needs_no_column_of_inputs(run):
    start = run.member("c0000")
    assert "reads" not in text_of(network.node_table(start.graph, 100))[0]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_lineage_tells_each_step_with_its_cost(run, width):
    chain = run.lineage(run.front.members[-1].id)
    lines = text_of(network.lineage_table(chain, "params", width), width)
    assert all(cell_len(line) <= width for line in lines)
    text = "\n".join(lines)
    for member in chain:
        assert member.id in text
    assert "27,600" in text
    assert ("inherited" in text) == (width >= 76)


def test_inherited_examples_sum_over_ancestors(run):
    chain = run.lineage(max(run.front.members, key=lambda member: member.generation).id)
    own = [member.evaluation.examples for member in chain]
    assert network.inherited_examples(chain) == [sum(own[k + 1 :]) for k in range(len(own))]


def test_neighbours_are_the_next_on_the_front(run):
    members = list(run.front.members)
    first, middle = members[0], members[len(members) // 2]
    assert network.neighbours(run, first)["smaller"] is None
    beside = network.neighbours(run, middle)
    assert beside["smaller"].values["params"] < middle.values["params"]
    assert beside["more accurate"].values["error"] < middle.values["error"]
    best = min(members, key=lambda member: (member.values["error"], member.values["params"]))
    assert network.neighbours(run, best)["more accurate"] is None


def test_words_fold_or_end_in_dots_but_markup_of_people_is_only_text():
    columns = [Column("id"), Column("how", gives_way=True)]
    lines = text_of(fitted(columns, [["c1", "[red]widen[/red] " + "x" * 50]], 30), 30)
    assert lines[1].startswith("c1  [red]widen[/red] x")
    assert lines[1].endswith("…")


@given(st.integers(30, 120), st.lists(st.tuples(st.integers(1, 20), st.booleans()), min_size=1, max_size=8))
def test_numbers_are_whole_or_left_out_with_a_word(width, numbers):
    columns = [Column("method", gives_way=True, folds=True)]
    columns += [Column(f"n{k}", right=True, may_go=may_go) for k, (_, may_go) in enumerate(numbers)]
    row = ["long name of a method", *["7" * digits for digits, _ in numbers]]
    needed = 12 + sum(max(digits, 2) + 2 for digits, may_go in numbers if not may_go)
    lines = text_of(fitted(columns, [row], max(width, needed)), max(width, needed))
    said = " ".join(lines)
    for k, (digits, may_go) in enumerate(numbers):
        gone = re.search(rf"No room for: .*\bn{k}\b", said) is not None
        assert may_go or not gone
        assert gone or re.search(rf"(?<!7)7{{{digits}}}(?!7)", said)
    assert "…" not in said


class TestPicture:
    def test_it_is_a_png_of_both_resources(self, run, tmp_path):
        path = tmp_path / "front.png"
        assert picture.save_picture(run, path)
        assert path.read_bytes().startswith(b"\x89PNG")
        assert list(tmp_path.iterdir()) == [path]

    def test_dominated_ones_are_those_trained_and_not_on_the_front(self, run):
        trained = [one for one in run.evaluations.values() if one.status.value == "ok"]
        assert len(picture.dominated(run)) == len(trained) - len(run.front.members)

    @pytest.mark.parametrize(
        ("objectives", "smoothed", "causes"),
        [
            (("error", "params", "flops"), True, "for another objective or for their smoothed error."),
            (("error", "params", "flops"), False, "for another objective."),
            (("error", "params"), True, "for their smoothed error."),
            (("error", "params"), False, ""),
        ],
    )
    def test_its_note_says_why_members_are_off_the_line(self, tmp_path, objectives, smoothed, causes):
        config = config_of(objectives=objectives, **{"selection.smoothed": smoothed})
        note = picture._note(Run.load(write_run(tmp_path / "run", config, count=1)))
        assert ("Members off the line" in note) == bool(causes)
        assert causes in note

    def test_the_line_joins_what_is_best_in_both_coordinates(self):
        points = [(3.0, 1.0), (1.0, 3.0), (2.0, 3.5), (2.0, 2.0), (2.5, 2.0)]
        assert picture.lower_envelope(points) == [(1.0, 3.0), (2.0, 2.0), (3.0, 1.0)]
