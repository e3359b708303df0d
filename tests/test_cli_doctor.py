import json
import warnings
from functools import partial

import pytest

from lemonade import doctor
from lemonade.doctor import Check, Outcome


@pytest.fixture
def lemonade(typed):
    return partial(typed, "doctor")


def test_this_machine_can_search(lemonade):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # fvcore's own, in whichever thread it comes
        code, out, err = lemonade("--json")
    found = json.loads(out)
    assert (code, err, found["ok"]) == (0, "", True)
    names = [check["name"] for check in found["checks"]]
    for name in ("python", "packages", "training step", "threads", "fvcore", "pymoo", "deap", "torchvision", "disk"):
        assert name in names
    assert all(check["remedy"] for check in found["checks"] if check["state"] != "ok")


def test_a_failure_is_named_with_a_remedy_and_ends_with_1(lemonade, monkeypatch):
    def examine():
        yield Check("python", Outcome.OK, "3.12")
        yield Check("pymoo", Outcome.FAIL, "ImportError: no pymoo", "Install it anew.")
        yield Check("disk", Outcome.WARN, "3 MB free", "Make room.")

    monkeypatch.setattr(doctor, "examine", examine)
    code, out, _ = lemonade()
    assert code == 1
    assert [line.split()[0] for line in out.splitlines()[:2]] == ["ok", "fail"]
    assert "Install it anew." in out
    assert "1 of 3 checks failed" in out
    assert json.loads(lemonade("--json")[1])["ok"] is False


def test_a_package_that_breaks_is_a_failure_not_a_crash():
    def broken():
        raise RuntimeError("no\nkernel image")

    check = doctor._guarded("cuda:0", broken, "mend the driver")
    assert check == Check("cuda:0", Outcome.FAIL, "RuntimeError: no kernel image", "mend the driver")


def test_a_full_disk_is_a_warning(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "LEAST_FREE_BYTES", 1e30)
    check = doctor._disk(tmp_path / "runs")
    assert check.state is Outcome.WARN
    assert check.remedy


def test_the_small_network_costs_what_fvcore_counts():
    assert doctor._fvcore().state is Outcome.OK
