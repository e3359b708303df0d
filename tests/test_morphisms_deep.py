"""The property tests again, on larger networks and many more of them: `pytest -m slow tests/test_morphisms_deep.py`."""

from collections.abc import Callable

import pytest
import test_morphisms_costs as costs
import test_morphisms_exactness as exactness
import test_morphisms_hash as hashes
import test_morphisms_operators as operators
from graphs import graphs, seeds
from hypothesis import given, settings

from morphisms import OPERATORS

pytestmark = pytest.mark.slow
DEEP = settings(max_examples=300, derandomize=False)


def deeply(test: Callable[..., None], *before: object, seeded: bool = True) -> None:
    """Run the body of a property test on large networks."""
    body = test.hypothesis.inner_test  # type: ignore[attr-defined]

    @given(graphs(most=25), seeds())
    @DEEP
    def run(graph, seed):
        body(*before, graph, *([seed] if seeded else []))

    run()


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize(
    "test", [name for name, value in vars(operators.TestOperator).items() if hasattr(value, "hypothesis")]
)
def test_operator(name, test):
    deeply(getattr(operators.TestOperator, test), operators.TestOperator(), name)


@pytest.mark.parametrize(
    "test", [exactness.test_exact_chains, operators.test_long_chains_of_any_operators_stay_sound,
             hashes.test_names_and_order_do_not_count, hashes.test_equal_hash_means_isomorphic_among_children,
             costs.test_costs_of_children_are_fvcores_exactly]
)  # fmt: skip
def test_seeded(test):
    deeply(test)


@pytest.mark.parametrize(
    "test", [costs.test_costs_are_fvcores_exactly, costs.test_shapes_and_memory_are_the_built_modules]
)
def test_unseeded(test):
    deeply(test, seeded=False)
