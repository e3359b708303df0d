from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from run_folders import CONFIG, FACTS, Report, candidate, evaluation, generation, small_run, trained

from lemonade.config import Config, SelectionSettings
from lemonade.errors import LemonadeError
from lemonade.front import hypervolume
from lemonade.history import Run, _order
from lemonade.store import RunStore
from lemonade.types import Spent, Status
from morphisms import build_module

PLAIN = Config(dataset="toy", selection=SelectionSettings(smoothed=False))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("runs") / "toy"
    small_run(made)
    return made


@pytest.fixture
def run(folder: Path) -> Run:
    return Run.load(folder)


def with_lines(folder: Path, copy: Path, change: Any) -> Path:
    """A copy of a run folder with its journal's lines changed."""
    shutil.copytree(folder, copy)
    lines = [json.loads(line) for line in (copy / "journal.jsonl").read_text().splitlines()]
    change(lines)
    (copy / "journal.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return copy


# The run -------------------------------------------------------------------------------------------------------------


def test_what_was_written_is_read(run: Run) -> None:
    assert (run.config, run.facts, run.objective_names) == (CONFIG, FACTS, ("error", "params", "flops"))
    assert run.objectives[0].box == (0, 0.75)
    assert list(run.candidates) == list(run.evaluations) == ["c0000", "c0001", "c0002", "c0003"]
    assert run.candidates["c0003"] == candidate(3, 8, parent=1, generation=1)
    assert run.evaluations["c0003"].stages["trained"].examples == 100
    assert (run.spent.evaluations, run.spent.examples) == (4, 400)
    assert (run.finished, run.ended, run.smoothed, run.under_way) == (True, "budget", True, set())
    assert run.environment["python"]
    assert [(one.number, one.proposed, one.front) for one in run.generations] == [
        (0, 9, ("c0000", "c0001")),
        (1, 9, ("c0000", "c0001", "c0003")),
    ]
    assert run.proposals[0]["widen"]["proposed"] == 5
    assert run.generations[1].spent == Spent(2, 100, 1.0)
    assert repr(run) == "<Run toy: 4 networks, 3 on the front, budget>"


def test_graphs_are_read_when_they_are_asked_for(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "toy")
    shutil.rmtree(tmp_path / "toy" / "graphs")
    run = Run.load(tmp_path / "toy")
    assert len(run.candidates) == 4
    assert run.candidates.record("c0002")["costs"]["params"] == 82
    with pytest.raises(LemonadeError, match=r"graphs/\w+.json: the graph cannot be read .* candidate c0000 cannot be"):
        run.front  # noqa: B018


def test_a_run_under_way(tmp_path: Path) -> None:
    with RunStore.create(tmp_path / "toy", PLAIN, FACTS) as store:
        empty = Run.load(tmp_path / "toy")
        assert str(empty.front) == "The front is empty: no child has been trained without failure yet."
        assert empty.front.knee is None
        assert empty.front.hypervolume == 0
        assert empty.front.to_json()["members"] == []
        assert empty.front.to_csv() == "id,parent,generation,operators,error,params,flops\n"
        for name in ("best", "knee"):
            with pytest.raises(LemonadeError, match="the front is empty"):
                empty.member(name)
        with pytest.raises(LemonadeError, match=r"toy has no network 'c0000'\. The front is empty: no child has"):
            empty.member("c0000")
        store.append_batch([candidate(0), candidate(1, 6)], Report(0))
        trained(store, candidate(0))
        run = Run.load(tmp_path / "toy")
    assert run.under_way == {"c0000", "c0001"}
    assert list(run.evaluations) == ["c0000"]
    assert [one.id for one in run.front] == ["c0000"]
    assert (run.finished, run.ended, run.generations) == (False, "", ())
    with pytest.raises(LemonadeError, match="c0001 has not been evaluated yet. Go on with: lemonade resume"):
        run.member("c0001")


def test_lines_and_fields_of_a_later_version_are_passed_over(folder: Path, tmp_path: Path) -> None:
    def change(lines: list[dict[str, Any]]) -> None:
        for line in lines:
            line["later"] = [1]
            for record in line.get("candidates", []):
                record["later"] = 2
            if "spent" in line:
                line["spent"]["joules"] = 3
        lines.insert(3, {"v": 1, "t": 0, "s": 0, "type": "weather", "rain": True})

    run = Run.load(with_lines(folder, tmp_path / "toy", change))
    assert [one.id for one in run.front] == ["c0000", "c0001", "c0003"]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda lines: lines[4].update(v=2), r"journal.jsonl line 5: written by a newer lemonade \(journal version 2"),
        (lambda lines: lines[2].pop("status"), "line 3: damaged, 'status' is missing"),
        (lambda lines: lines[2].update(status="odd"), "damaged, status: input should be 'ok', .*, got odd"),
        (lambda lines: lines.pop(1), "damaged, it lacks the candidate c0000"),
        (lambda lines: lines[1]["candidates"].pop(0), "damaged, it lacks the candidate c0000"),
        (
            lambda lines: lines[1]["candidates"][1].update(parent="c0077"),
            "line 2: damaged, c0001 names c0077, which is not there",
        ),
        (
            lambda lines: lines[1]["candidates"][1].update(teacher="c0001"),
            "damaged, c0001 names c0001, which is not there",
        ),
        (lambda lines: lines.pop(0), "line 1: expected a line of type 'run', got 'candidates'"),
        (
            lambda lines: lines[0]["config"].update(colour="red"),
            "'colour' of its config means nothing to this lemonade",
        ),
        (lambda lines: lines[4].update(v="1"), "line 5: damaged .its version 'v' is no whole number"),
    ],
)
def test_journals_that_cannot_be_read(folder: Path, tmp_path: Path, change: Any, text: str) -> None:
    with pytest.raises(LemonadeError, match=text):
        Run.load(with_lines(folder, tmp_path / "toy", change))


def test_damage_before_the_last_line_is_named(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "toy")
    journal = tmp_path / "toy" / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([*lines[:3], b"rubbish\n", *lines[3:]]))
    with pytest.raises(LemonadeError, match=r"journal.jsonl line 4: damaged .*Lines before it are sound"):
        Run.load(tmp_path / "toy")


def test_what_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(LemonadeError, match="none: there is no such run folder"):
        Run.load(tmp_path / "none")
    with pytest.raises(LemonadeError, match="is not a run folder: it holds no journal.jsonl"):
        Run.load(tmp_path)


@given(st.lists(st.integers(0, 200_000), unique=True, max_size=20))
def test_ids_are_ordered_by_number_also_beyond_four_digits(numbers: list[int]) -> None:
    ids = [f"c{number:04d}" for number in numbers]
    assert sorted(ids, key=_order) == [f"c{number:04d}" for number in sorted(numbers)]


# The front -----------------------------------------------------------------------------------------------------------


def test_front_is_by_dominance_of_what_went_well_within_the_limits(tmp_path: Path) -> None:
    networks = [candidate(number, channels) for number, channels in enumerate((10, 4, 6, 8, 12, 6))]
    config = Config(dataset="toy", limits={"params": 150.0})
    nan = {"error": float("nan"), "error_smoothed": float("nan")}
    with RunStore.create(tmp_path / "toy", config, FACTS) as store:
        store.append_batch(networks, Report(0))
        store.record(evaluation(networks[0], 0.1))
        store.record(evaluation(networks[1], 0.3))
        store.record(evaluation(networks[2], 0.2, status=Status.FAILED))
        store.record(evaluation(networks[3], values=nan))
        store.record(evaluation(networks[4], 0.0))  # 160 parameters
        store.record(evaluation(networks[5], 0.3))  # dominated by c0001
    front = Run.load(tmp_path / "toy").front
    assert [one.id for one in front] == ["c0001", "c0000"]  # the cheapest first
    assert front[0].values["params"] < front[1].values["params"]
    assert front[:1] == front.members[:1]
    with pytest.raises(LemonadeError, match="c0002 has no weights: its evaluation ended as: failed"):
        Run.load(tmp_path / "toy").member("c0002").weights()


@pytest.mark.parametrize(("config", "winner"), [(CONFIG, "c0001"), (PLAIN, "c0000")])
def test_which_reading_of_the_error_decides(tmp_path: Path, config: Config, winner: str) -> None:
    with RunStore.create(tmp_path / "toy", config, FACTS) as store:
        store.append_batch([candidate(0), candidate(1)], Report(0))
        store.record(evaluation(candidate(0), values={"error": 0.1, "error_smoothed": 0.3}))
        store.record(evaluation(candidate(1), values={"error": 0.25, "error_smoothed": 0.2}))
    run = Run.load(tmp_path / "toy")
    assert [one.id for one in run.front] == [winner]
    assert run.front.best().id == winner
    # the hypervolume is always that of the error a person reads
    values = run.front[0].values
    point = [values["error"], values["params"], values["flops"]]
    assert run.front.hypervolume == pytest.approx(hypervolume([point], [one.axis for one in run.objectives]))
    assert ("ranked by error_smoothed" in str(run.front)) == run.smoothed


def test_best_and_where(run: Run) -> None:
    assert run.front.best().id == "c0003"
    assert run.front.best({"params": 82}).id == "c0001"
    assert [one.id for one in run.front.where({"params": 82, "flops": 3_000})] == ["c0000"]
    assert len(run.front.where({"params": 1})) == 0
    with pytest.raises(LemonadeError, match="no member of the front has params <= 10. The least there is: params 56"):
        run.front.best({"params": 10})
    with pytest.raises(LemonadeError, match="members have no value of 'parms'. Known: error, error_smoothed, params"):
        run.front.where({"parms": 10})


def test_front_as_text_html_json_and_csv(run: Run, tmp_path: Path) -> None:
    text = str(run.front)
    assert re.search(r"^●? +c0003 +0\.392 +0\.392 +108 +5\.2 k +c0001 +widen conv1 6 to 8$", text, re.M)
    assert re.search(r"c0000 .* start +chain of 1 block", text)
    assert "95 %, 100 validation images" in text
    assert text.count("●") == 2  # the knee, and what the mark means
    html = run.front._repr_html_()
    assert html.count("<tr>") == 4
    assert "widen conv1 6 to 8" in html
    document = run.front.to_json()
    assert (document["knee"], document["best"]) == (run.front.knee.id, run.front.best().id)
    assert (document["smoothed"], document["validation_images"]) == (run.smoothed, 100)
    assert document["members"][2] == {
        "id": "c0003",
        "parent": "c0001",
        "generation": 1,
        "operators": ["widen"],
        "summary": "widen conv1 6 to 8",
        "values": {"error": 0.392, "error_smoothed": 0.392, "params": 108, "flops": 5152},
    }
    json.dumps(document, allow_nan=False)
    table = run.front.to_csv(tmp_path / "front.csv")
    assert table == (tmp_path / "front.csv").read_text() == (run.folder / "front.csv").read_text()
    assert table.splitlines()[3] == "c0003,c0001,1,widen,0.392,0.392,108,5152"
    with pytest.raises(LemonadeError, match=r"no/front.csv: cannot be written \(No such file"):
        run.front.to_csv(tmp_path / "no" / "front.csv")


def test_pandas_is_asked_for_only_when_it_is_needed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(LemonadeError, match="pandas is not installed. Use to_csv or to_json"):
        run.front.to_pandas()


def test_text_from_a_run_cannot_put_markup_into_a_notebook(tmp_path: Path) -> None:
    odd = type(candidate(0))(**{**vars(candidate(0)), "origin": "<script>"})
    with RunStore.create(tmp_path / "toy", CONFIG, FACTS) as store:
        generation(store, [odd], ["c0000"])
    assert "<script>" not in Run.load(tmp_path / "toy").front._repr_html_()


# Members -------------------------------------------------------------------------------------------------------------


def test_a_unique_beginning_is_enough(folder: Path, tmp_path: Path) -> None:
    run = Run.load(folder)
    assert run.member("c0003").id == "c0003"
    with pytest.raises(LemonadeError, match="'c000' is the beginning of c0000, c0001, c0002, c0003. Type more"):
        run.member("c000")
    with pytest.raises(
        LemonadeError, match=r"has no network 'c0033'. Nearest: c0003.* The front's: c0000, c0001, c0003"
    ):
        run.member("c0033")
    with pytest.raises(LemonadeError, match="has no network ''"):
        run.member("")
    with RunStore.create(tmp_path / "toy", CONFIG, FACTS) as store:
        generation(store, [candidate(number, 4 + number) for number in range(11)], ["c0007", "c0010"])
    assert Run.load(tmp_path / "toy").member("c001").id == "c0010"


def test_lineage_leads_to_the_start_network(run: Run) -> None:
    assert [one.id for one in run.lineage("c0003")] == ["c0003", "c0001"]
    start = run.lineage("c0003")[-1]
    assert (start.parent, start.operators, start.summary, start.generation) == (None, (), "chain of 1 block", 0)


def test_params_and_flops_are_known_also_if_they_are_no_objectives(tmp_path: Path) -> None:
    config = Config(dataset="toy", objectives=("error", "activation_bytes"))
    one = candidate(0)
    one = type(one)(**{**vars(one), "costs": {"activation_bytes": 1280}})
    with RunStore.create(tmp_path / "toy", config, FACTS) as store:
        generation(store, [one], ["c0000"], errors=lambda one: 0.4)
    member = Run.load(tmp_path / "toy").front[0]
    assert dict(member.values) == {
        "error": 0.4,
        "error_smoothed": 0.4,
        "activation_bytes": 1280,
        "params": 56,
        "flops": 2576,
    }
    assert repr(member).startswith("<Member c0000: error 0.4")


def test_module_takes_plain_images(run: Run) -> None:
    member = run.member("c0003")
    module = member.module()
    assert not module.training
    assert member.input == "float32 images (N, 1, 8, 8) in [0, 1]; returns logits (N, 4) of the classes a, b, c, d"
    images = torch.linspace(0, 1, 3 * 64).view(3, 1, 8, 8)
    network = build_module(member.graph, member.weights()).eval()
    torch.testing.assert_close(module(images), network((images - 0.3) / 0.2))
    assert module(images).shape == (3, 4)


def test_weights_that_are_gone_or_damaged_are_named(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "toy")
    run = Run.load(tmp_path / "toy")
    with pytest.raises(LemonadeError, match=r"weights/c0002.safetensors: there is no such file. Weights are kept for"):
        run.member("c0002").weights()
    path = tmp_path / "toy" / "weights" / "c0000.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(LemonadeError, match=r"weights/c0000.safetensors: the weights cannot be read"):
        run.member("c0000").module()
    shutil.copy(tmp_path / "toy" / "weights" / "c0003.safetensors", path)
    with pytest.raises(LemonadeError, match=r"c0000.safetensors: the weights are not those that were written"):
        run.member("c0000").module()
    shape = r"c0000.safetensors: weights: 'conv1.weight' has shape \(8, 1, 3, 3\), exp"
    older = with_lines(folder, tmp_path / "older", lambda lines: [line.pop("sha256", None) for line in lines])
    shutil.copy(older / "weights" / "c0003.safetensors", older / "weights" / "c0000.safetensors")
    with pytest.raises(LemonadeError, match=shape):  # a run of an earlier version wrote no SHA-256
        Run.load(older).member("c0000").module()


def test_reading_a_front_waits_for_nothing_heavy(folder: Path) -> None:
    heavy = ("torch", "pymoo", "scipy", "matplotlib")
    code = (
        "import sys; from lemonade.history import Run; print(len(Run.load(sys.argv[1]).front), "
        f"[name for name in {heavy} if name in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code, str(folder)], text=True) == "3 []\n"


def test_a_size_that_is_no_number_is_damage(tmp_path):
    small_run(tmp_path / "r")
    path = tmp_path / "r" / "journal.jsonl"
    path.write_text(path.read_text().replace('"params":', f'"params":{"1" * 400},"was":', 1))
    with pytest.raises(LemonadeError, match=r"journal.jsonl line 2: damaged, it lacks something"):
        Run.load(tmp_path / "r")


def test_a_network_whose_plain_error_is_none_is_not_on_the_front(tmp_path):
    small_run(tmp_path / "r")
    path = tmp_path / "r" / "journal.jsonl"
    path.write_text(path.read_text().replace('"values":{"error":', '"values":{"error":NaN,"was":'))
    assert len(Run.load(tmp_path / "r").front) == 0


def test_an_evaluation_that_is_missing_from_a_finished_run_is_damage(tmp_path):
    small_run(tmp_path / "r")
    path = tmp_path / "r" / "journal.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    kept = [line for line in lines if not ('"evaluation"' in line and '"c0002"' in line)]
    assert len(kept) == len(lines) - 1
    path.write_text("".join(kept))
    with pytest.raises(LemonadeError, match="damaged, it lacks the evaluation of c0002"):
        Run.load(tmp_path / "r").member("c0002")
