"""Verbs that read a run folder: what they print, as text and as JSON."""

import json
import re

import pytest
from synthetic import write_run

from lemonade.history import Run
from lemonade.reporting.network import how
from lemonade.retraining import Training
from lemonade.retraining.records import retrained_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("cli") / "run")


@pytest.fixture(scope="module")
def run(folder):
    return Run.load(folder)


def members(run):
    return [run.member(name) for name in run.evaluations]


@pytest.fixture
def lemonade(typed, monkeypatch, folder):
    """`typed` in the folder beside the run."""
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.chdir(folder.parent)
    return typed


@pytest.fixture
def document(lemonade):
    """Runs a command line with --json; returns the document."""

    def call(*arguments):
        code, out, err = lemonade(*arguments, "--json")
        assert (code, err) == (0, "")
        return json.loads(out)

    return call


class TestFront:
    def test_text_has_the_members_their_meaning_and_what_to_do_next(self, lemonade, run):
        code, out, err = lemonade("front", "run")
        assert (code, err) == (0, "")
        assert out.startswith(
            f"Front of run: {len(run.front.members)} members · hypervolume {run.front.hypervolume:.3f}"
        )
        assert all(member.id in out for member in run.front.members)
        assert "287 images" in out
        assert f"Next:  lemonade show run {run.front.knee.id}" in out

    def test_json_is_what_the_issue_asks_for(self, document, run):
        found = document("front", "run")
        assert found["objectives"] == ["error", "params", "flops"]
        assert found["hypervolume"] == pytest.approx(run.front.hypervolume)
        assert [member["id"] for member in found["members"]] == [member.id for member in run.front.members]
        first = found["members"][0]
        assert {"id", "parent", "generation", "operators", "values"} <= first.keys()
        assert {"error", "error_smoothed", "params", "flops"} <= first["values"].keys()

    def test_where_leaves_out_the_others(self, document, run):
        found = document("front", "run", "--where", "params<5000 and flops<=20000")
        wanted = [one.id for one in run.front.members if one.values["params"] < 5000 and one.values["flops"] <= 20_000]
        assert [member["id"] for member in found["members"]] == wanted
        assert 0 < len(wanted) < len(run.front.members)

    def test_best_is_the_least_ranked_error_within_the_conditions(self, document, run):
        (best,) = document("front", "run", "--best", "params<=5k")["members"]
        within = [one for one in run.front.members if one.values["params"] <= 5_000]
        assert best["id"] == min(within, key=lambda one: one.values["error_smoothed"]).id

    def test_knee_is_one_member(self, document, run):
        (knee,) = document("front", "run", "--knee")["members"]
        assert knee["id"] == run.front.knee.id

    def test_weights_choose_one_member_and_say_why(self, lemonade, document, run):
        found = document("front", "run", "--weights", "error=0.7,params=0.3")
        assert [member["id"] for member in found["members"]] == [run.front.weighted({"error": 7, "params": 3}).id]
        assert found["weights"]["wanted"] == pytest.approx({"error": 0.7, "params": 0.3})
        assert sum(found["weights"]["found"].values()) == pytest.approx(1)
        code, out, err = lemonade("front", "run", "--weights", "error=0.7,params=0.3")
        assert (code, err) == (0, "")
        assert "Weights error 70 %, params 30 %: how a member's lead over the worst should be divided" in out
        assert f"{found['members'][0]['id']} has error" in out
        assert "Without a weight, and so not looked at: flops." in out

    def test_weights_choose_among_those_that_fulfil_the_conditions(self, lemonade, document, run):
        (one,) = document("front", "run", "--where", "params<5000", "--weights", "error=1")["members"]
        (best,) = document("front", "run", "--best", "params<5000")["members"]
        assert one["id"] == best["id"]
        smallest = run.front[0]
        _, out, _ = lemonade("front", "run", "--where", f"params<={smallest.values['params']}", "--weights", "error=1")
        assert f"decide nothing: {smallest.id} is the only member." in out

    def test_tradeoff_lists_those_that_stand_out(self, document, lemonade, run):
        found = document("front", "run", "--tradeoff")["members"]
        assert [member["id"] for member in found] == [member.id for member in run.front.tradeoffs]
        assert 0 < len(found) < len(run.front)
        assert "High trade-off: going from such a member" in lemonade("front", "run", "--tradeoff")[1]

    def test_csv_is_written_beside_the_rest(self, lemonade, run, tmp_path):
        path = tmp_path / "front.csv"
        code, out, _ = lemonade("front", "run", "--csv", path, "--where", "params<5000")
        rows = path.read_text().splitlines()
        assert code == 0
        assert f"Written: {path}" in out
        assert rows[0].startswith("id,parent,generation,operators,error,")
        assert len(rows) == 1 + sum(one.values["params"] < 5_000 for one in run.front.members)

    def test_csv_leaves_standard_output_to_json(self, lemonade, tmp_path):
        code, out, err = lemonade("front", "run", "--csv", tmp_path / "front.csv", "--json")
        assert (code, err) == (0, f"Written: {tmp_path / 'front.csv'}\n")
        json.loads(out)

    def test_an_empty_front_says_so(self, lemonade, tmp_path):
        empty = write_run(tmp_path / "empty", count=-1, end="interrupted")
        code, out, _ = lemonade("front", empty)
        assert code == 0
        assert "the front is empty: no child has been trained" in " ".join(out.split())
        for asked in ("--best params<=5", "--where params<=5 --json", "--knee", "--weights error=1"):
            code, _, err = lemonade("front", empty, *asked.split())
            assert (code, err.count("\n")) == (1, 1)
            assert "empty: the front is empty: no child has been trained" in err


class TestStatus:
    def test_text(self, lemonade, run):
        code, out, err = lemonade("status", "run")
        assert (code, err) == (0, "")
        assert out.startswith("run: finished\n")
        for part in ("3 min", "53 evaluations", "diverged", "best", "knee", "the loss is NaN"):
            assert part in out
        assert "Next:  lemonade front run" in out

    def test_json(self, document, run):
        found = document("status", "run")
        assert (found["state"], found["finished"]) == ("finished", True)
        assert found["spent"]["evaluations"] == len(run.evaluations)
        assert sum(found["evaluations"].values()) == len(run.evaluations)
        front = found["front"]
        assert (front["members"], front["hypervolume"]) == (len(run.front), pytest.approx(run.front.hypervolume))
        assert front["knee"]["id"] == run.front.knee.id
        assert front["best"] == {"id": run.front.best().id, "values": dict(run.front.best().values)}
        assert front["smallest"]["values"]["params"] == min(one.values["params"] for one in run.front)

    @pytest.mark.parametrize(
        ("end", "said"), [("interrupted", "stopped early; it can go on"), ("", "stopped by force; it can go on")]
    )
    def test_a_run_that_can_go_on_says_how(self, lemonade, tmp_path, end, said):
        other = write_run(tmp_path / "other", count=1, end=end)
        _, out, _ = lemonade("status", other)
        assert said in out
        assert f"lemonade resume {other}" in out


@pytest.mark.parametrize("verb", ["front", "status", "report"])
def test_a_folders_name_gives_a_terminal_no_orders(lemonade, tmp_path, verb):
    folder = write_run(tmp_path / "run\x1b[31m\x9b", count=1)
    for words in ([verb, folder], [verb, folder / "nowhere"]):
        _, out, err = lemonade(*words)
        assert r"run\x1b[31m\x9b" in out + err
        assert not set(out + err) & set("\x1b\x9b")


class TestTestErrors:
    @pytest.fixture
    def retrained(self, tmp_path):
        """A run of which two networks were trained long, and a third whose trainings have not read the test images."""
        other = write_run(tmp_path / "other", count=1)
        for number, (test, error) in enumerate(((0.05, 0.02), (0.01, 0.03), (None, 0.01))):
            home = retrained_folder(other, f"c000{number}")
            home.mkdir(parents=True)
            Training("scratch", 1, 500, 1.0, "cpu", error, error, test).save(home)
        return other

    def test_status_tells_that_of_the_best_on_validation_images(self, lemonade, document, retrained):
        _, out, _ = lemonade("status", retrained)
        told = r"test error +c0000: 0\.050 on 360 test images, retrained from fresh weights, seed 1; best on validation"
        assert re.search(told, out)
        assert document("status", retrained)["test_errors"] == {"c0000": 0.05, "c0001": 0.01}

    def test_show_tells_that_of_its_network(self, lemonade, document, retrained):
        _, out, _ = lemonade("show", retrained, "c0001")
        assert "\nretrained from fresh weights: test error 0.0100 (1 seed, 360 test images)\n" in out
        assert document("show", retrained, "c0001")["retrained"]["scratch"]["test"]["mean"] == 0.01

    def test_show_names_a_damaged_record_and_shows_the_network(self, lemonade, retrained):
        (record,) = retrained_folder(retrained, "c0001").glob("*.json")
        record.write_text("{")
        line = rf"warning: {record}: cannot be read \(.*\)\. Delete it, and that training is done again\.\n"
        code, out, err = lemonade("show", retrained, "c0001")
        assert (code, bool(re.fullmatch(line, err))) == (0, True)
        assert "Next:" in out and "retrained from" not in out
        code, out, err = lemonade("show", retrained, "c0001", "--json")
        assert (code, bool(re.fullmatch(line, err)), json.loads(out)["retrained"]) == (0, True, None)

    def test_status_names_a_damaged_record_and_tells_the_others(self, lemonade, retrained):
        (record,) = retrained_folder(retrained, "c0000").glob("*.json")
        record.write_text("{")
        code, out, err = lemonade("status", retrained)
        assert (code, err.startswith(f"warning: {record}: cannot be read")) == (0, True)
        assert re.search(r"test error +c0001: 0\.010 on 360 test images", out)

    def test_nothing_is_said_where_there_is_none(self, lemonade, document):
        assert "test error" not in lemonade("status", "run")[1]
        assert "test error" not in lemonade("show", "run", "best")[1]
        assert document("show", "run", "best")["retrained"] is None


class TestOneNetwork:
    def test_show_draws_it_and_its_place(self, lemonade, run):
        member = run.front.members[len(run.front.members) // 2]
        code, out, err = lemonade("show", "run", member.id)
        assert (code, err) == (0, "")
        assert "on the front" in out
        assert f"{member.values['params']:,} params" in out
        assert all(node.name in out for node in member.graph.nodes)
        assert "next smaller on the front: c" in out
        assert "chain of 3 blocks" in out  # where its history ends
        assert out.count("one multiply-add counts as one") == 1

    def test_a_failed_one_says_why(self, lemonade):
        _, out, _ = lemonade("show", "run", "c0010")
        assert "not on the front" in out
        assert "ended as diverged: the loss is NaN" in out
        code, out, _ = lemonade("lineage", "run", "c0010")
        assert code == 0 and out.startswith("c0010: Its training ended as diverged: the loss is NaN")

    def test_show_as_json(self, document, run):
        member = run.front.knee
        found = document("show", "run", member.id)
        assert found["values"]["params"] == sum(node["params"] for node in found["nodes"])
        assert sum(node["share_of_flops"] for node in found["nodes"]) == pytest.approx(1)
        assert found["lineage"] == [one.id for one in run.lineage(member.id)]
        assert found["on_front"] is True

    def test_lineage_tells_errors_and_costs(self, lemonade, document, run):
        member = max(run.front.members, key=lambda one: one.generation)
        code, out, err = lemonade("lineage", "run", member.id)
        assert (code, err) == (0, "")
        found = document("lineage", "run", member.id)
        youngest, *ancestors = found["lineage"]
        examples, seconds = (sum(one[key] for one in ancestors) for key in ("examples", "seconds"))
        assert (youngest["examples_inherited"], youngest["seconds_inherited"]) == (examples, pytest.approx(seconds))
        share = 100 * examples / (examples + youngest["examples"])
        told = " ".join(out.split())
        assert f"Inherited, and so saved: {examples:,} examples and" in told
        assert f"in its ancestors, {share:.0f} % of the {examples + youngest['examples']:,} examples" in told
        before = youngest["stages"]["inherited"]["error"]
        assert f"Before any training of its own its error was {before:.3f}; guessing has 0.900." in told
        assert re.search(r"error +error +error", out)
        assert re.search(r"before +distilled +trained", out)
        assert [step["id"] for step in found["lineage"]] == [one.id for one in run.lineage(member.id)]
        assert found["lineage"][-1]["examples_inherited"] == 0
        assert found["lineage"][0]["stages"]["trained"]["images"] == 287

    def test_a_start_network_inherited_nothing(self, lemonade):
        _, out, _ = lemonade("lineage", "run", "c0001")
        assert "from fresh weights: nothing was inherited, and nothing saved." in " ".join(out.split())

    def test_each_operator_says_whether_it_kept_the_function(self, run):
        both = [{"exact", "approximate"} <= set(re.findall(r"\((\w+)\)", how(one))) for one in members(run)]
        assert any(both)
        for one in members(run):
            marks = re.findall(r"\((exact|approximate)\)", how(one))
            assert len(marks) in (0, 1, len(one.operators))
