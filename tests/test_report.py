"""The report of a run as a file: what stands in it, and that nothing breaks out of it."""

import copy
import dataclasses
import json
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
import run_folders
import synthetic
from synthetic import FACTS, config_of, write_run

import lemonade
from lemonade import LemonadeError, Run, numbers
from lemonade.cli import main
from lemonade.reporting.webpage import children, sections
from lemonade.reporting.webpage.family import family_tree
from lemonade.reporting.webpage.markup import element, script_json
from lemonade.reporting.webpage.networks import blocks
from lemonade.reporting.webpage.operators import operator_records
from lemonade.reporting.webpage.writing import page, page_parts
from lemonade.retraining.records import Training, retrained_folder
from morphisms import NetworkGraph, Node, flops, params

ROOT = Path(__file__).parent.parent
HOSTILE = "</script><script>alert(1)</script><!--"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("report") / "run")


@pytest.fixture(scope="module")
def run(folder):
    return Run.load(folder)


@pytest.fixture(scope="module")
def text(run):
    return page(run)


class Reader(HTMLParser):
    """The elements of a page in order, and the text inside of scripts by their number."""

    VOID = ("meta", "link", "input", "br", "hr", "img")

    def __init__(self, text):
        super().__init__()
        self.tags, self.scripts, self.open = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts[-1] += data


def data_of(text):
    return json.loads(Reader(text).scripts[0], parse_constant=pytest.fail)


class TestPage:
    def test_it_is_whole_html_with_one_library(self, text):
        found = Reader(text)
        assert found.open == []
        assert len(found.scripts) == 3  # the data, plotly, ours
        assert text.count("plotly.js v") == 1
        assert "<h1" in text
        ids = [attrs["id"] for _, attrs in found.tags if "id" in attrs]
        assert len(ids) == len(set(ids))

    def test_nothing_in_it_is_fetched(self, text):
        tags = Reader(text).tags
        assert not [attrs for _, attrs in tags if attrs.get("src") or attrs.get("href", "#")[0] not in "#d"]
        (policy,) = [a["content"] for _, a in tags if a.get("http-equiv") == "Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "connect-src 'none'" in policy

    def test_the_sentence_tells_the_result(self, run, text):
        members = run.front.members
        assert sections.sentence(run) == (
            f"{len(members)} networks from {members[0].values['params']:,.0f} to {members[-1].values['params']:,.0f} "
            f"parameters; error {max(m.values['error'] for m in members):.3f} to "
            f"{min(m.values['error'] for m in members):.3f}; 53 children in "
            f"{numbers.duration(run.spent.seconds)} on "
            f"{run.environment['usable_cores']} cores."
        ).replace("on 1 cores", "on 1 core")
        assert sections.sentence(run) in text

    def test_a_card_is_named(self, run):
        trained = {name: dataclasses.replace(one, device="cuda") for name, one in run.evaluations.items()}
        around = {**run.environment, "accelerators": ["NVIDIA H100"]}
        elsewhere = copy.copy(run)
        elsewhere.evaluations, elsewhere.environment = trained, around
        assert sections.sentence(elsewhere).endswith(" on one NVIDIA H100.")

    def test_all_children_have_values_texts_and_a_story(self, run, text):
        data = data_of(text)
        assert data["children"].keys() == run.evaluations.keys()
        assert data["front"] == [one.id for one in run.front]
        names = [one["name"] for one in data["columns"]]
        assert names == ["error", "error_smoothed", "params", "flops"]
        knee = data["children"][data["marks"]["knee"]]
        values = run.front.knee.values
        assert knee["values"] == pytest.approx([values[name] for name in names], rel=1e-4)
        assert knee["texts"][2] == f"{values['params']:,}"
        assert knee["parent"] == run.front.knee.parent
        assert names[data["decides"]] == "error_smoothed"
        assert data["children"]["c0010"]["status"] == "diverged"

    def test_every_table_is_there_with_its_figures(self, run, text):
        assert all(f'data-id="{one.id}"' in text for one in run.front)
        assert "the loss is NaN after 1,200 examples" in text
        assert "All settings" in text
        assert "training.peak_rate" in text
        assert run.environment["packages"]["torch"] in text

    def test_a_page_stays_small_however_many_children(self, run, monkeypatch):
        monkeypatch.setattr(children, "NETWORKS_AT_MOST", 30)
        data = children.page_data(run, Path("run"))
        assert len(data["networks"]) <= 30 < len(run.evaluations)
        assert all(data["graphs"][name] in data["networks"] for name in data["front"])
        # plotly apart, a child costs about a kilobyte
        assert len(script_json(data)) < 1_000 * len(run.evaluations) + 20_000

    def test_the_picture_of_a_network_has_its_costs(self, run):
        graph = run.front.knee.graph
        found = blocks(graph)
        assert found[0]["from"] == []
        assert all(max(one["from"]) < at for at, one in enumerate(found) if at)
        assert sum(int(one["params"].replace(",", "") or 0) for one in found[1:]) == params(graph)
        assert sum(one["share"] for one in found[1:]) == pytest.approx(100, abs=0.05 * len(found))
        assert flops(graph) > 0

    def test_a_branch_is_a_block_of_its_own(self):
        nodes = (
            Node("conv1", "conv", ("input",), {"channels": 4, "kernel": 3}),
            Node("bn1", "batch_norm", ("conv1",)),
            Node("relu1", "relu", ("bn1",)),
            Node("conv2", "conv", ("relu1",), {"channels": 4, "kernel": 3}),
            Node("add1", "add", ("relu1", "conv2")),
            Node("relu2", "relu", ("add1",)),
        )
        found = blocks(NetworkGraph((1, 8, 8), nodes, "relu2"))
        assert [one["name"] for one in found] == ["input", "conv1", "conv2", "add1"]
        assert [one["from"] for one in found] == [[], [0], [1], [1, 2]]
        assert found[1]["more"] == "batch norm, ReLU"


class TestEscaping:
    def test_names_cannot_break_out(self, tmp_path, monkeypatch):
        hostile = replace(FACTS, name=f"data/{HOSTILE}", classes=(HOSTILE, *map(str, range(9))))
        monkeypatch.setattr(synthetic, "FACTS", hostile)
        text = page(Run.load(write_run(tmp_path / "a'b<i>", count=1)))
        assert len(Reader(text).scripts) == 3
        assert HOSTILE not in text
        assert "<!--" not in text
        data = data_of(text)
        assert "a'\"'\"'b<i>" in data["commands"]["show"]

    def test_numbers_that_are_none_become_null(self):
        assert script_json({"a": [float("nan"), (1.5, float("inf"))]}) == '{"a":[null,[1.5,null]]}'

    def test_elements_escape_text_and_attributes(self):
        assert element("p", "<&", element("b", "x"), title='"<', hidden=None) == (
            '<p title="&quot;&lt;">&lt;&amp;<b>x</b></p>'
        )


class TestEmptyStates:
    @pytest.mark.parametrize(
        ("count", "end", "said"),
        [(-1, "interrupted", "no child had been trained when"), (-1, "", "no child had been trained when")],
    )
    def test_a_run_without_a_front_says_why(self, tmp_path, count, end, said):
        run = Run.load(write_run(tmp_path / "run", count=count, end=end))
        parts = page_parts(run)
        assert said in parts["front"]
        assert parts["sentence"].startswith("No network yet; 0 children in")
        assert "no generation of children has come to its end" in parts["operators"]
        assert "None: of 0 children evaluated" in parts["failures"]
        data = data_of(page(run))
        assert (data["front"], data["volume"], data["family"]["nodes"]) == ([], [], [])

    def test_a_run_whose_children_all_failed_says_so(self, tmp_path):
        first = [run_folders.candidate(0, 4), run_folders.candidate(1, 6)]
        with run_folders.RunStore.create(tmp_path / "run", run_folders.CONFIG, run_folders.FACTS) as store:
            store.append_batch(first, run_folders.Report(0))
            for one in first:
                lost = run_folders.evaluation(
                    one, values={}, stages={}, status=run_folders.Status.FAILED, message="<b>"
                )
                store.record(lost)
        parts = page_parts(Run.load(tmp_path / "run"))
        assert "all 2 children failed; see below why" in parts["front"]
        assert "&lt;b&gt;" in parts["failures"]

    def test_nobody_failed(self, tmp_path):
        run_folders.small_run(tmp_path / "run")
        assert "all were trained to their end" in page_parts(Run.load(tmp_path / "run"))["failures"]


class TestStatistics:
    def test_the_course_goes_to_the_end_of_a_run(self, tmp_path):
        run_folders.small_run(tmp_path / "run")  # four evaluations, of which its last generation tells two
        run = Run.load(tmp_path / "run")
        course = data_of(page(run))["volume"]
        assert [point[0] for point in course] == [0, 1, 2]
        assert course[-1][1:] == [run.spent.examples, round(run.spent.seconds, 1), round(run.front.hypervolume, 7)]

    def test_operators_by_hand(self, tmp_path):
        run_folders.small_run(tmp_path / "run")
        (widen,) = operator_records(Run.load(tmp_path / "run"))
        # 5 of each of two generations proposed; both children of the second are widened, one of them on the front
        assert (widen.name, widen.proposed, widen.accepted, widen.trained, widen.front) == ("widen", 10, 2, 2, 1)
        assert widen.rewrite is None  # they began with fresh weights

    def test_what_stages_change_adds_up(self, run):
        for name in ("widen", "prune"):
            (one,) = [one for one in operator_records(run) if one.name == name]
            made = [m for m in map(run.member, run.evaluations) if name in m.operators and m.evaluation.values]
            assert one.trained == len(made)
            assert one.front == sum(m.id in {f.id for f in run.front} for m in made)
        by_name = {one.name: one for one in operator_records(run)}
        assert by_name["prune"].rewrite > by_name["widen"].rewrite
        assert by_name["prune"].distilled < 0

    def test_the_family_is_laid_out_without_overlap(self, run):
        names = {one.id for member in run.front for one in run.lineage(member.id)}
        found = family_tree(run, sorted(names))
        nodes = {node[0]: node for node in found["nodes"]}
        assert nodes.keys() == names
        places = [(generation, line) for _, generation, line, _ in found["nodes"]]
        assert len(set(places)) == len(places)
        parents = {run.candidates[name].parent for name in names}
        assert found["rows"] == len(names - parents)
        for name in names & parents:
            lines = [nodes[one][2] for one in names if run.candidates[one].parent == name]
            assert min(lines) <= nodes[name][2] <= max(lines)


class TestMade:
    def test_trainings_and_exports_are_listed(self, tmp_path):
        run_folders.small_run(tmp_path / "run")
        home = retrained_folder(tmp_path / "run", "c0003")
        home.mkdir(parents=True)
        for seed, error in ((1, 0.25), (2, 0.35)):
            Training("inherited", seed, 500, 1.0, "cpu", 0.3, 0.4, test=error).save(home)
        Training("scratch", 1, 500, 1.0, "cpu", 0.3, 0.4).save(home)
        record = {
            "weights": "as the search left them",
            "files": [{"file": "model.onnx", "size": 12_300, "deviation": 2e-7}],
        }
        (home.parent / "export.json").write_text(json.dumps(record))
        made = children.page_data(Run.load(tmp_path / "run"), Path("run"))["made"]
        assert made == {
            "c0003": {
                "retrained": [
                    "from the search's weights: test error 0.3000 ± 0.0707 (2 seeds, 50 test images)",
                    "from fresh weights: the test images have not been opened yet, or all trainings failed",
                ],
                "exported": ["weights as the search left them", "model.onnx, 12 kB, off by 2e-07"],
            }
        }

    def test_a_damaged_record_is_named(self, tmp_path):
        run_folders.small_run(tmp_path / "run")
        path = tmp_path / "run/models/c0003/export.json"
        path.parent.mkdir(parents=True)
        path.write_text("{")
        assert re.search(
            r"export\.json: cannot be read .* export c0003 again", lemonade.report(tmp_path / "run").read_text()
        )


class TestWriting:
    def test_python_returns_the_file(self, folder, tmp_path):
        assert lemonade.report(folder) == folder / "report.html"
        out = tmp_path / "other.html"
        assert lemonade.report(Run.load(folder), out) == out
        assert out.stat().st_size < 6_000_000
        assert list(tmp_path.iterdir()) == [out]

    @pytest.mark.parametrize(
        ("out", "said"), [(".", "is a folder. Give a file"), ("no/such.html", "there is no folder .*no")]
    )
    def test_where_it_cannot_go(self, folder, tmp_path, out, said):
        with pytest.raises(LemonadeError, match=said):
            lemonade.report(folder, tmp_path / out)

    def test_a_folder_that_is_no_run(self, tmp_path):
        with pytest.raises(LemonadeError, match="is not a run folder: it holds no journal"):
            lemonade.report(tmp_path)

    def test_the_command(self, folder, capsys, monkeypatch):
        monkeypatch.chdir(folder.parent)
        assert call(["report", "run"]) == 0
        said = capsys.readouterr().out
        assert re.match(r"Written: run/report\.html \(\d\.\d MB, opens in any browser, no network\)\n", said)
        assert "Next:  lemonade serve run" in said
        assert call(["report", "run", "--json"]) == 0
        document = json.loads(capsys.readouterr().out)
        assert (document["file"], document["children"]) == ("run/report.html", 53)
        assert document["bytes"] == (folder / "report.html").stat().st_size

    def test_reports_of_other_objectives(self, tmp_path):
        for objectives in (["error", "params"], ["error", "params", "flops", "activation_bytes"]):
            folder = write_run(tmp_path / objectives[-1], config_of(objectives=objectives), count=2)
            names = [one["name"] for one in data_of(page(Run.load(folder)))["columns"]]
            assert names == ["error", "error_smoothed", *objectives[1:]]

    def test_it_does_not_wait_for_torch(self, folder):
        code = (
            "import sys, lemonade\nlemonade.report(sys.argv[1])\n"
            "assert not {'torch', 'matplotlib'} & sys.modules.keys(), 'slow imports'"
        )
        made = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, timeout=60)
        assert (made.returncode, made.stderr) == (0, b"")


def call(words):
    with pytest.raises(SystemExit) as ended:
        main(words)
    return ended.value.code or 0


def test_a_wheel_holds_what_the_page_is_made_of(tmp_path):
    pytest.importorskip("setuptools", reason="setuptools is not installed: pip install setuptools")
    source = tmp_path / "source"
    for package in ("lemonade", "morphisms"):
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copyfile(ROOT / name, source / name)
    code = "import sys\nfrom setuptools.build_meta import build_wheel\nbuild_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", code, tmp_path], cwd=source, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as held:
        names = {name.rpartition("/")[2] for name in held.namelist() if "webpage/assets/" in name}
    assert names == {path.name for path in (ROOT / "lemonade/reporting/webpage/assets").iterdir()} != set()
