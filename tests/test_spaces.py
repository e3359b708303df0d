"""One conformance suite for every space."""

import numpy as np
import pytest

from lemonade.spaces import SPACES
from morphisms import OPERATORS, initial_weights, params, replay

SHAPES = [(1, 8, 8), (3, 32, 32), (3, 5, 64), (3, 130, 97)]


def make(name, shape=(1, 8, 8), most=3):
    return SPACES[name](shape, 7, [one for one in OPERATORS if one != "continue"], most)


@pytest.mark.parametrize("name", SPACES)
class TestConformance:
    @pytest.mark.parametrize("shape", SHAPES)
    def test_starts_fit_the_images_and_grow(self, name, shape):
        starts = make(name, shape).starts()
        sizes = [params(one.genotype) for one in starts]
        assert sizes == sorted(set(sizes))
        assert len(sizes) >= 3
        for one in starts:
            assert one.genotype.input_shape == shape
            assert one.genotype.shape(one.genotype.output) == (7,)
            assert one.origin

    @pytest.mark.parametrize("shape", SHAPES)
    def test_smaller_networks_are_smaller(self, name, shape):
        space = make(name, shape)
        sizes = [params(one.genotype) for one in space.smallest()]
        assert sizes == sorted(sizes, reverse=True)
        assert sizes[-1] < params(space.starts()[0].genotype)

    def test_a_child_follows_from_its_records(self, name):
        space, rng = make(name), np.random.default_rng(1)
        parent = space.starts()[1].genotype
        for _ in range(30):
            child, records = space.mutate(parent, rng)
            assert 1 <= len(records) <= 3
            assert replay(parent, initial_weights(parent, 0), records).graph == child
            assert child.shape(child.output) == (7,)

    def test_same_generator_same_child(self, name):
        space = make(name)
        parent = space.starts()[0].genotype
        first, again = (space.mutate(parent, np.random.default_rng(5)) for _ in range(2))
        assert first == again

    def test_random_networks_differ_and_fit(self, name):
        space, rng = make(name), np.random.default_rng(2)
        drawn = [space.random(rng) for _ in range(30)]
        assert len({space.key(graph) for graph in drawn}) > 20
        assert all(graph.shape(graph.output) == (7,) for graph in drawn)

    def test_the_key_is_free_of_names(self, name):
        space = make(name)
        graph = space.starts()[0].genotype
        renamed = graph.with_nodes(
            [
                type(node)(
                    f"x_{node.name}", node.op, tuple(i if i == "input" else f"x_{i}" for i in node.inputs), node.attrs
                )
                for node in graph.nodes
            ],
            f"x_{graph.output}",
        )
        assert space.key(renamed) == space.key(graph)
        assert space.key(graph) != space.key(space.starts()[1].genotype)
