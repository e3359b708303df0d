"""Hand-designed networks beside a front: adapted to small images, trained once, kept apart from the members."""

import pytest
import torch
from run_folders import small_run
from torch import nn

import lemonade
from lemonade.errors import LemonadeError
from lemonade.references import NAMES, read_references
from lemonade.references.training import adapted, train_references
from morphisms.reference import module_costs


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("shape", "halvings"), [((1, 8, 8), 3), ((3, 32, 32), 3), ((3, 64, 64), 4), ((3, 128, 128), 5)]
)
def test_small_images_are_halved_less_often(name, shape, halvings):
    network = adapted(name, shape, 7, seed=1).eval()
    maps = []
    for part in network.modules():
        if isinstance(part, nn.Conv2d):
            part.register_forward_hook(lambda _, inputs, output: maps.append(output.shape[-1]))
    with torch.no_grad():
        assert network(torch.rand(2, *shape)).shape == (2, 7)
    # the last convolutions of some are 1x1 on a pooled map
    assert max(1, shape[-1] // 2**halvings) in maps
    assert max(1, shape[-1] // 2 ** (halvings + 1)) not in set(maps) - {1}


def test_fresh_weights_derive_from_the_seed_and_leave_the_global_generator_alone():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    one, other = (adapted(NAMES[0], (1, 8, 8), 3, seed=2).state_dict() for _ in range(2))
    assert torch.rand(1) == expected
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_parameters_are_torchvisions_but_for_first_and_last_layer():
    parameters, _ = module_costs(adapted("resnet18", (3, 64, 64), 1000, seed=1).eval(), (3, 64, 64))
    assert parameters == 11_689_512  # as torchvision lists it


def test_one_is_trained_once_and_is_no_member(tmp_path):
    run = lemonade.search(dataset="digits", evaluations=4, child_examples=400, workers=1, out=tmp_path / "r")
    told = []
    found = train_references(run, ["shufflenet_v2_x0_5"], on_reference=told.append)
    assert found == told == read_references(run.folder)
    best = run.front.best()
    assert found[0].examples == sum(one.evaluation.examples for one in run.lineage(best.id)) // 50 * 50
    assert 0 <= found[0].error <= 1 and found[0].params > 300_000
    again = train_references(run.folder, ["shufflenet_v2_x0_5"], on_reference=told.append)
    assert again == found and len(told) == 1
    assert [one.id for one in lemonade.Run.load(run.folder).front] == [one.id for one in run.front]


def test_unknown_names_damage_and_lost_images_are_named(tmp_path):
    small_run(tmp_path / "r")
    with pytest.raises(LemonadeError, match="unknown reference network 'resnet19'. Did you mean 'resnet18'"):
        train_references(tmp_path / "r", ["resnet19"])
    with pytest.raises(LemonadeError, match="read its images from 'toy', and there is none here"):
        train_references(tmp_path / "r", ["resnet18"])
    (tmp_path / "r/references").mkdir(exist_ok=True)
    (tmp_path / "r/references/resnet18.json").write_text("{}")
    with pytest.raises(LemonadeError, match=r"resnet18.json: cannot be read .*it is trained again"):
        read_references(tmp_path / "r")
