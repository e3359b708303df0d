"""All settings of a run in one model: what the YAML file, `--set`, the command line and `lemonade.search` share.

A setting is defined here once, with its default and its reason. An unknown one is refused with the nearest known name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticKnownError

from lemonade.numbers import parsed

DEFAULT_SECONDS = 600.0


def parse_seconds(value: object) -> object:
    """Turn ``"90"``, ``"90s"``, ``"10m"``, ``"1.5h"`` or a number into seconds; anything else is refused.

    Raises:
        ValueError: if the text is no duration.
    """
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"\s*(-?\d+(?:\.\d+)?)\s*(s|m|h|d|)\s*", value)
    if match is None:
        raise ValueError(f"expected a duration such as 90s, 10m or 1.5h, got '{value}'")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]]


def parse_count(value: object) -> object:
    """Turn ``"1e6"``, ``"2_000"`` and ``"3M"`` into whole numbers: YAML and the command line hand them over as text."""
    if not isinstance(value, str):
        return value
    try:
        number = parsed(value)
    except ValueError:
        return value
    return int(number) if number.is_integer() else value


Count = Annotated[int, BeforeValidator(parse_count)]
Seconds = Annotated[float, BeforeValidator(parse_seconds)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Fit = Literal["crop", "pad", "stretch"]
FIT_WORDS: dict[Fit, str] = {
    "crop": "the centre cut out",
    "pad": "whole, with black around",
    "stretch": "stretched where they are not square",
}
"""How images were brought to size, after "brought to 8x8, "."""


class Settings(BaseModel):
    """Base of all sections: frozen, and no unknown names."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, value: object, info: ValidationInfo) -> object:
        """Refuse true and false for numbers, of which pydantic would make 1 and 0."""
        if not _holds_truth(value):
            return value
        kind = str(cls.model_fields[str(info.field_name)].annotation)
        number = re.search(r"\b(int|float)\b", kind)
        if number is not None and "bool" not in kind:
            raise PydanticKnownError("int_type" if number[1] == "int" else "float_type")
        return value


def _holds_truth(value: object) -> bool:
    """Whether a value, or one inside a list or a mapping, is true or false."""
    if isinstance(value, Mapping):
        return any(map(_holds_truth, value.values()))
    return any(map(_holds_truth, value)) if isinstance(value, list | tuple) else isinstance(value, bool)


class BudgetSettings(Settings):
    """When to stop asking for children: whichever is reached first. With none given, ten minutes."""

    evaluations: Count | None = Field(
        None, gt=0, description="children trained, initial networks and failures included"
    )
    examples: Count | None = Field(None, gt=0, description="training images seen, distillation included")
    time: Seconds | None = Field(None, gt=0, description="active wall time in seconds, or 90s, 10m, 1.5h")


class SpaceSettings(Settings):
    """What networks may look like. Sizes are read by the spaces that have them; each space has its own defaults."""

    name: str = "network"
    cells: int | None = Field(None, ge=1, le=20, description="cell, nasbench201: copies in each stage; default: 1, 5")
    channels: int | None = Field(
        None, ge=1, le=512, description="cell, nasbench201: of the first stage; default: 16 (cell: the widest start)"
    )
    nodes: int | None = Field(None, ge=2, le=6, description="cell: sums in a cell; default: 3")
    widths: tuple[Annotated[int, Field(ge=1, le=1024)], ...] | None = Field(
        None, min_length=1, description="network: channels of the first block of each start network; default: 2 to 32"
    )


def named_space(value: object) -> object:
    """``"cell"`` for a space stands for ``{"name": "cell"}``."""
    return {"name": value} if isinstance(value, str) else value


class DataSettings(Settings):
    """How images become splits. The seed of the split is its own, so that runs of other seeds see the same images."""

    image_size: int | None = Field(None, ge=4, le=512, description="side in pixels; default: the median, at most 64")
    fit: Fit = Field("crop", description="how images get there: crop their centre, pad with black, or stretch them")
    validation_share: Fraction = 0.2
    validation_most: int = Field(10_000, gt=0, description="validation images at most")
    train_most: Count | None = Field(None, gt=0, description="training images at most, for quick trials; default: all")
    test_share: Fraction = 0.2
    split_seed: int = Field(0, ge=0)
    flip: bool | None = Field(None, description="horizontal flips; default: only for sets known to allow them")
    skip_unreadable: bool = Field(False, description="leave out images that cannot be read instead of stopping")


class SearchSettings(Settings):
    """The search method's own settings; where the LEMONADE paper is open, the choice is here and kept with the run."""

    proposals: int = Field(100, gt=0, le=100_000, description="n_pc: children proposed a generation")
    children: int = Field(8, gt=0, le=10_000, description="n_ac: children accepted and trained a generation")
    children_share: float = Field(
        0.0, ge=0, lt=1, description="lemonade: a generation has at least this share of as many as were evaluated"
    )
    operators: tuple[str, ...] | None = Field(None, min_length=1, description="names of operators to use; default: all")
    operators_most: int = Field(3, ge=1, le=20, description="a child gets one to this many operators")
    sampling: Literal["density", "uniform"] = Field("density", description="how parents and children are drawn")
    accept: Literal["gain", "density"] = Field("gain", description="how children are accepted")
    gain_per: Literal["second", "child"] = Field(
        "second", description="gains are divided by the time that training is likely to take, or not"
    )
    gain_box: Literal["run", "front"] = Field(
        "run", description="gains are told in the run's box, or in one around the front, which moves with it"
    )
    predict: Literal["change", "error"] = Field(
        "change", description="the forecast learns how errors differ from the parent's, or errors by themselves"
    )
    forecast_from: int = Field(12, ge=2, description="children to learn from before any gain is forecast")
    explore_share: float = Field(0.25, ge=0, le=1, description="share of the children drawn by density all the same")
    stop_chance: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="a child less likely than this to reach the front is stopped after 30 % of its images; 0: none is",
    )
    density_of: Literal["population", "proposals"] = Field(
        "population", description="what the density that accepts children is fitted to"
    )
    density_floor: float = Field(0.05, ge=0, le=1, description="densities below this share of the largest are raised")
    population: int = Field(50, gt=1, description="aging, nsga2: members of the population; 100 in Real et al. (2019)")
    sample: int = Field(10, gt=0, description="aging: members of which the best becomes a parent; 25 in the paper")
    resource_weight: float = Field(
        0.0, ge=0, description="aging: what the mean log10 of the cheap objectives adds to the error; 0: error alone"
    )
    size_limits: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        (), description="aging: a population for each of these limits on the first cheap objective, with equal shares"
    )
    continue_share: float = Field(0.1, ge=0, le=1, description="share of proposals that only train a member further")
    inherit: bool = Field(True, description="children start from their parent's weights; false trains from scratch")
    cut_starts: bool = Field(
        True, description="lemonade: start networks are cut out of the next wider one by prune, or each is trained long"
    )
    cut_rounds: tuple[Literal["halfway", "separable"], ...] = Field(
        ("halfway", "separable", "halfway"),
        description="lemonade: what is then made of those on the front, round by round: networks halfway between, by "
        "prune, or each with its largest convolution separable",
    )


class SelectionSettings(Settings):
    """Which reading of the error decides what is better."""

    smoothed: bool | None = Field(
        None, description="decide by 1 - mean probability of the true class; default: below `smoothed_below` images"
    )
    smoothed_below: int = Field(1_000, ge=0, description="validation images below which the smoothed error decides")

    def is_smoothed(self, validation_images: int) -> bool:
        """Whether the smoothed error decides, for a validation split of so many images."""
        return self.smoothed if self.smoothed is not None else validation_images < self.smoothed_below


class TrainingSettings(Settings):
    """How a child is trained: one rule for every method and every child, but that `lemonade` alone has teachers."""

    child_examples: Count | None = Field(
        None,
        gt=0,
        description="training images a child sees; default: 16 epochs, at least 8,000, at most 96,000, "
        "and no more than an initial network",
    )
    child_time: Seconds | None = Field(
        None,
        gt=0,
        description="a child that takes longer is given up as timed out; one that sees more images has as many times "
        "more; default: no limit",
    )
    initial_factor: float | None = Field(
        None,
        gt=0,
        le=1_000,
        description="initial networks see this many times child_examples; default: 2 to 16, towards 32 epochs, within "
        "four fifths of the budget (4 at most, if it is told in evaluations alone)",
    )
    batch_size: int | None = Field(
        None, gt=1, description="default: 50 below 5,000 training images, else 64 (CPU, 24 pixels and more) or 128"
    )
    # Error at 0.1, 0.2, 0.3, 0.5 on digits (9,200 examples, mean of 4 chains of 1,000 to 40,000 parameters, 3 splits):
    # .020, .015, .014, .017 fresh and .014, .013, .012, .013 after three trainings, each of them with the whole peak.
    # At 0.1, 0.2, 0.4 on CIFAR-10 (20,000 images, a chain of 24,000 parameters, 2 x 45,000 examples): .399, .378, .365.
    peak_rate: float = Field(0.3, gt=0, description="peak learning rate at a batch of 50; grows with its square root")
    # A chain of 95,000 parameters on CIFAR-10 (16x16, 40,000 images) after 192,000 images and one to four trainings
    # more, of 96,000 each; smoothed error at 0.3: .436, .425, .417, .405, at 0.1: .426, .417, .409, .399, at 0.03:
    # .427, .417, .410, .402; a fresh one after as many images in one go .377 (runs/results/inheritance/cycles-cifar10).
    # The chains of `teacher_share` below, widened and taught, at 0.03, 0.1, 0.2: of 1,774 parameters .457, .446, .439;
    # of 6,418 .352, .346, .344; of 24,346 .271, .269, .271; of 94,762 .221, .225, .231.
    inherited_rate: float = Field(
        0.1, gt=0, description="the same for children that inherit weights, at 10,000 parameters; finer for larger ones"
    )
    schedule: Literal["cosine", "linear"] = "cosine"
    warmup: float = Field(0.1, ge=0, lt=1, description="share of the steps in which the rate rises")
    momentum: float = Field(0.9, ge=0, lt=1)
    # digits do not tell 0 from 5e-3; CIFAR-10, as at `crop`: .317 with 5e-4, .357 with 2e-3
    weight_decay: float = Field(5e-4, ge=0, description="none on norms, biases and scales")
    # digits, as at `peak_rate`, 0, 0.05, 0.1: .019, .015, .015 fresh, .016, .013, .014 after three trainings
    label_smoothing: float = Field(0.05, ge=0, lt=1)
    clip_norm: float = Field(5.0, gt=0, description="gradients are scaled down to this norm")
    # Digits with a pixel of padding and without, chains of 1,000 and 3,800 parameters: .102, .043 and .036, .020.
    # CIFAR-10 with 0, 0.0625, 0.125 (the chain above, after 4 x 45,000 examples): .322, .317, .337.
    crop: float | None = Field(
        None, ge=0, le=0.5, description="random crop's padding as a share of the side; default: 1/16 from 16 pixels on"
    )
    cutout: float = Field(0.0, ge=0, le=0.75, description="side of the cutout square as a share of the image's")
    # CIFAR-10 (16x16), chains of 1,774, 6,418 and 24,346 parameters trained on for 96,000 images, taught by one of
    # 94,762: at 0 .464, .360, .279, at 0.7 .458, .357, .273, at 1 .460, .355, .274; widened at 0 .452, .351, .277, at
    # 0.7 .446, .346, .269, at 1 .443, .346, .269 (runs/results/inheritance/teaching-cifar10).
    teacher_share: float = Field(
        0.7,
        ge=0,
        le=1,
        description="lemonade, with inherit: of a child's targets, what is the best member's opinion; the rest: labels",
    )
    distill_share: float = Field(0.0, ge=0, lt=1, description="share of an approximate child's examples")
    distill_rate: float = Field(0.05, gt=0, description="peak learning rate while distilling, at a batch of 50")
    restart: bool = Field(
        True, description="train from fresh weights what distillation leaves nearer to guessing than to its parent"
    )
    bfloat16: bool | None = Field(None, description="train in bfloat16; default: where the processor is faster so")
    cuda_graphs: bool = Field(True, description="on CUDA, launch each training step as one piece")


class LatencySettings(Settings):
    """How ``latency_ms`` is measured: the median of timed forward passes, kept with each network."""

    runtime: Literal["torch", "onnxruntime"] = Field(
        "torch",
        description="what runs the networks; onnxruntime: on the CPU, with about two seconds to export each",
    )
    device: str | None = Field(None, description="where; default: where the run trains")
    batch: int = Field(1, ge=1, description="images a pass")
    threads: int = Field(1, ge=1, description="on the CPU")
    dtype: Literal["float32", "bfloat16", "float16"] = Field("float32", description="of weights and images")
    warm_up: int = Field(10, ge=1, description="passes before those that count, at least")
    repeats: int = Field(50, ge=10, description="passes that count, at least; more of both if over within 0.05 s")


def path_text(value: object) -> object:
    """The text of a path, for a setting that takes names and paths."""
    return str(value) if isinstance(value, PurePath) else value


def named_limits(value: object) -> object:
    """Refuse limits that are no mapping, with the form that they have: people try that of ``--limit``."""
    if not isinstance(value, Mapping):
        raise ValueError('expected names and values, as in limits={"params": 20000}')
    return value


class Config(Settings):
    """Everything that decides a run's outcome; stored as `config.yaml` in the run folder."""

    dataset: Annotated[str, BeforeValidator(path_text)] = "digits"
    space: Annotated[SpaceSettings, BeforeValidator(named_space)] = SpaceSettings()
    method: str = "lemonade"
    objectives: tuple[str, ...] = ("error", "params", "flops")
    limits: Annotated[dict[str, float], BeforeValidator(named_limits)] = Field(
        default_factory=dict, description="largest allowed value by objective"
    )
    boxes: dict[str, tuple[float, float]] = Field(
        default_factory=dict,
        description="hypervolume box by objective, in place of its own; no network beyond it is proposed",
    )
    seed: int = Field(1, ge=0)
    device: str = "auto"
    workers: int | None = Field(
        None, ge=1, le=1024, description="children side by side; default: physical cores, up to 4 on a GPU"
    )
    plugins: tuple[str, ...] = Field((), description="Python files that register objectives and the like")
    tensorboard: bool = Field(False, description="write scalars for TensorBoard into the run folder")
    keep: Literal["front", "all"] = Field("front", description="whose weights are kept: the front's members', or all")
    budget: BudgetSettings = BudgetSettings()
    data: DataSettings = DataSettings()
    search: SearchSettings = SearchSettings()
    selection: SelectionSettings = SelectionSettings()
    training: TrainingSettings = TrainingSettings()
    latency: LatencySettings = LatencySettings()
