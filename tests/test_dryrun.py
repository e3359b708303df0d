"""What a run would do, told beforehand."""

from fake_runs import config

from lemonade.dryrun import describe


def test_describe_trains_nothing():
    lines = describe(config(**{"search.cut_rounds": ["halfway", "separable", "halfway"]}))
    assert any("1,150 training, 287 validation and 360 test images" in line for line in lines)
    kinds = [line.partition(": chain")[0] for line in lines if ": chain" in line]
    assert kinds == ["start network"] * 2 + ["cut out of the next wider one"] * 3
    assert [line.partition(";")[0] for line in lines if line.startswith("then ")] == [
        "then cut out, halfway between those: at most 5 networks",
        "then made of those, with the largest convolution separable: at most 10 networks",
        "then cut out, halfway between those: at most 9 networks",
    ]
    assert any("sees 36,800 training images (the narrowest 18,400), a child 18,400" in line for line in lines)
    assert not any("box" in line for line in lines)
    box = describe(config(boxes={"params": (1e6, 1e7)}))
    assert box[-1].startswith("warning: all of these lie below where the box begins")
    single = describe(config(**{"space.widths": [2], "search.cut_rounds": ["halfway"]}))
    assert single[-1] == "then cut out, halfway between those: at most 1 network; params 326, flops 3,148"
    drawn = describe(config(method="random"))
    assert drawn[-1] == "initial networks are drawn at random, 4 in the first generation"
    limited = describe(config(limits={"params": 20_000}))
    assert "limit: params <= 20,000" in limited and not any(line.startswith("limit") for line in lines)
