from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint
from typing import Any

import pytest
from run_folders import network

from lemonade import objectives
from lemonade.errors import LemonadeError
from lemonade.front import Axis
from lemonade.objectives import OBJECTIVES, Kind, Objective, check_limits, costs, objective, readings, resolve, vector
from morphisms import NetworkGraph, activation_bytes, flops, params


@pytest.fixture(autouse=True)
def registry() -> Iterator[None]:
    before = dict(OBJECTIVES)
    yield
    OBJECTIVES.clear()
    OBJECTIVES.update(before)


def layers(graph: NetworkGraph) -> float:
    """Number of nodes.

    And more.
    """
    return len(graph)


def test_built_in_boxes() -> None:
    found = {one.name: one.axis for one in resolve(list(OBJECTIVES), 10)}
    assert found == {
        "error": Axis(0, 0.9, False),
        "params": Axis(1e2, 1e8, True),
        "flops": Axis(1e3, 1e11, True),
        "latency_ms": Axis(1e-2, 1e3, True),
        "activation_bytes": Axis(1e3, 1e10, True),
    }
    assert resolve(("error", "params"), 4)[0].box == (0, 0.75)
    assert OBJECTIVES["latency_ms"].kind is Kind.MEASURED


def test_costs_are_the_cheap_ones_in_order() -> None:
    graph = network(6)
    found = costs(graph, resolve(("error", "flops", "latency_ms", "params", "activation_bytes"), 4))
    assert list(found.items()) == [
        ("flops", flops(graph)),
        ("params", params(graph)),
        ("activation_bytes", activation_bytes(graph)),
    ]
    assert type(found["params"]) is int


def test_error_on_another_data_set() -> None:
    _, _, other = resolve(("error", "params", "error@data/cats.v2"), 2)
    assert (other.name, other.dataset, other.kind, other.box) == (
        "error@data/cats.v2",
        "data/cats.v2",
        Kind.EXPENSIVE,
        (0, 0.5),
    )
    assert OBJECTIVES["error"].dataset is None
    with pytest.raises(LemonadeError, match="behind the @"):
        resolve(("error", "params", "error@"), 2)


@pytest.mark.parametrize("box", [5, (1,), "ab", (1, 2, 3), ("a", "b"), ("1", "100")])
def test_what_is_no_box_is_named(box: object) -> None:
    with pytest.raises(LemonadeError, match="objective 'mine': expected a box from low to high, such as .1, 100., got"):
        Objective("mine", "x", Kind.CHEAP, box)  # type: ignore[arg-type]


def test_boxes_of_the_config() -> None:
    _, one = resolve(("error", "params"), 4, {"params": (10, 1e4)})
    assert one.axis == Axis(10, 1e4, True)
    with pytest.raises(LemonadeError, match="boxes: 'flops' is not among the objectives error, params"):
        resolve(("error", "params"), 4, {"flops": (1, 2)})
    with pytest.raises(LemonadeError, match="'params': a box on a log scale starts above 0, got 0"):
        resolve(("error", "params"), 4, {"params": (0, 2)})
    with pytest.raises(LemonadeError, match="'params': expected a box from low to high, got 5 to 5"):
        resolve(("error", "params"), 4, {"params": (5, 5)})


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (("error", "parms"), r"unknown objective 'parms'. Did you mean 'params'\? Known: error, .*error@DATASET"),
        (("error", "params", "params"), "'params' is named twice"),
        (("params", "error"), "expected 'error' first, got 'params,error'. Use: error,params"),
        (("params",), "expected 'error' first"),
        ((), "expected 'error' first"),
        (("error",), "none that is known without training. Add one of: params, flops, activation_bytes"),
        (("error", "latency_ms"), "none that is known without training"),
    ],
)
def test_wrong_names(names: tuple[str, ...], text: str) -> None:
    with pytest.raises(LemonadeError, match=text):
        resolve(names, 10)


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        ({"flops": 1e6}, "limit on 'flops', which is not among the objectives error, params, latency_ms. Add it"),
        ({"parms": 1e6}, "unknown objective in a limit 'parms'. Did you mean 'params'"),
        ({"error": 0.1}, "limit on 'error': a limit has to be known before training.*--where \"error<=0.1\""),
        ({"params": -1.0}, "expected a positive number, got -1"),
        ({"params": float("nan")}, "expected a positive number, got nan"),
    ],
)
def test_wrong_limits(limits: dict[str, float], text: str) -> None:
    with pytest.raises(LemonadeError, match=text):
        check_limits(limits, resolve(("error", "params", "latency_ms"), 10))


def test_limits_on_what_is_known_before_training() -> None:
    check_limits({"params": 1e6, "latency_ms": 3}, resolve(("error", "params", "latency_ms"), 10))


def test_an_own_objective() -> None:
    decorated = objective(name="layers", kind="cheap", unit="layers", box=(1, 100))(layers)
    assert decorated is layers
    found = resolve(("error", "layers"), 10)
    assert found[1].description == "Number of nodes."
    assert costs(network(4), found) == {"layers": 5}
    objective(name="layers", kind="cheap", unit="layers", box=(1, 200))(layers)  # a notebook's cell runs again
    assert OBJECTIVES["layers"].box == (1, 200)


def test_what_an_own_objective_may_not_be() -> None:
    with pytest.raises(LemonadeError, match="'params' is there already"):
        objective(name="params", kind="cheap", unit="", box=(1, 2))(layers)
    with pytest.raises(LemonadeError, match="expected a name of lower-case letters"):
        objective(name="My-Name", kind="cheap", unit="", box=(1, 2))
    with pytest.raises(LemonadeError, match="not ending in _smoothed"):
        objective(name="loss_smoothed", kind="cheap", unit="", box=(1, 2))
    with pytest.raises(LemonadeError, match=r"unknown kind of objective 'chep'. Did you mean 'cheap'\?"):
        objective(name="mine", kind="chep", unit="", box=(1, 2))


def failing(graph: NetworkGraph) -> float:
    raise RuntimeError("no licence")


@pytest.mark.parametrize(
    ("measure", "text"),
    [
        (failing, "objective 'mine' failed: RuntimeError: no licence"),
        (lambda graph: float("nan"), "objective 'mine' returned nan for a network; expected a finite number"),
        (lambda graph: None, "objective 'mine' failed: TypeError"),
    ],
)
def test_an_own_objective_that_fails(measure: Any, text: str) -> None:
    with pytest.raises(LemonadeError, match=text):
        costs(network(4), [Objective("mine", "", Kind.CHEAP, (1, 2), measure=measure)])


def test_objectives_of_installed_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    class Point(EntryPoint):
        def load(self) -> Any:
            if self.name == "broken":
                raise ImportError("no module named 'nowhere'")
            return Objective("layers", "layers", Kind.CHEAP, (1, 100), measure=layers)

    asked = []

    def entry_points(group: str) -> list[Point]:
        asked.append(group)
        return [Point(name, "package:thing", group) for name in names]

    monkeypatch.setattr("importlib.metadata.entry_points", entry_points)
    names = ["depth"]
    resolve(("error", "params"), 10)
    assert asked == []  # nothing is imported for names that are known
    assert costs(network(4), resolve(("error", "depth"), 10)) == {"depth": 5}
    assert asked == ["lemonade.objectives"]
    names = ["broken"]
    with pytest.raises(LemonadeError, match=r"entry point 'broken' .*package:thing\) fails: ImportError"):
        resolve(("error", "nothing"), 10)


def test_vector_takes_smoothed_readings_where_there_are_any() -> None:
    found = resolve(("error", "params", "error@x"), 10)
    values = {"error": 0.1, "error_smoothed": 0.15, "params": 7, "error@x": 0.2}
    assert vector(values, found, smoothed=False) == (0.1, 7, 0.2)
    assert vector(values, found, smoothed=True) == (0.15, 7, 0.2)
    with pytest.raises(KeyError, match="params"):
        vector({"error": 0.1}, found, smoothed=False)


@pytest.mark.parametrize("name", list(OBJECTIVES))
def test_json_there_and_back(name: str) -> None:
    one = OBJECTIVES[name]
    back = Objective.from_json(one.to_json())
    assert back.axis == one.axis
    assert back.to_json() == one.to_json()
    assert back.measure is None


def test_what_was_read_from_a_run_cannot_measure() -> None:
    one = Objective.from_json(OBJECTIVES["params"].to_json())
    with pytest.raises(ValueError, match="cannot measure"):
        costs(network(4), [one])


def test_every_built_in_says_what_it_is() -> None:
    assert OBJECTIVES
    for one in objectives.OBJECTIVES.values():
        assert one.unit
        assert one.description


def test_a_plug_in_says_only_its_own_value() -> None:
    mine = Objective("mine", "1", Kind.EXPENSIVE, (1, 2))
    assert readings(mine, 1) == {"mine": 1.0}
    assert readings(mine, {"mine": 1, "mine_smoothed": 2}) == {"mine": 1.0, "mine_smoothed": 2.0}
    for result, text in [
        ({"mine": 1.0, "error": 0.0}, "returned 'error' as well; it may only say mine"),
        ({"other": 1.0}, "its own name is missing"),
        (float("inf"), "returned inf; expected a finite number"),
        ("much", "returned 'much'; expected a number"),
        (10**400, "expected a number"),
    ]:
        with pytest.raises(ValueError, match=text):
            readings(mine, result)
