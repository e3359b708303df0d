"""Arguments and options, each defined once with its help text.

Numbers arrive as text and are checked by `lemonade.settings`, so that the command line, the config file and Python
refuse a wrong one with the same words.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from lemonade.settings import parse_assignment, parse_limits
from lemonade.settings_text import names_in

_WHAT, _BUDGET, _HOW = "What to search", "Budget (whichever is reached first)", "How"
_IMAGES, _OUTPUT = "Images", "Output"


def _option(panel: str, names: str, metavar: str | None, text: str) -> Any:
    # a blank metavar: newer typers write <bool> behind a switch
    return typer.Option(*names.split(), metavar=metavar or " ", help=text, rich_help_panel=panel, show_default=False)


def _argument(metavar: str, text: str) -> Any:
    return typer.Argument(metavar=metavar, help=text, show_default=False)


Text = str | None
Texts = list[str] | None
Switch = bool | None


ConfigFile = Annotated[Path | None, _argument("CONFIG", "YAML file of settings; options override it.")]
RunFolder = Annotated[Path, _argument("RUN", "Folder of the run, such as runs/demo.")]
ModelId = Annotated[
    str, _argument("MODEL", "Id of a candidate, such as c0131 (a unique beginning is enough), best or knee.")
]
Models = Annotated[
    str,
    typer.Option("--models", metavar="A,B,..", help="front, knee, best, or ids with commas between."),
]
WeightsKind = Annotated[
    str,
    typer.Option(
        "--weights",
        metavar="KIND",
        help="search: as the search left them; retrained: the best of `lemonade retrain`; auto: those if they are no "
        "worse on the validation images, by the reading that ranks members (smoothed error below 1,000 images).",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", metavar=" ", help="Print one JSON document instead of text.")]

Dataset = Annotated[
    Text,
    _option(
        _WHAT, "--dataset", "DATA", "A known set, a folder of images per class, or an .npz file \\[default: digits]."
    ),
]
Space = Annotated[Text, _option(_WHAT, "--space", "NAME", "network, cell or nasbench201 \\[default: network].")]
Method = Annotated[Text, _option(_WHAT, "--method", "NAME", "How to search \\[default: lemonade].")]
Objectives = Annotated[
    Text,
    _option(
        _WHAT,
        "--objectives",
        "A,B,..",
        "What to make small; also latency_ms, activation_bytes and error@DATASET \\[default: error,params,flops].",
    ),
]
Limit = Annotated[
    Texts, _option(_WHAT, "--limit", "A<=N", 'Most of an objective, as in "params<=2e6"; can be repeated.')
]

Evaluations = Annotated[
    Text, _option(_BUDGET, "--evaluations", "N", "Children trained, initial networks and failures included.")
]
Examples = Annotated[
    Text, _option(_BUDGET, "--examples", "N", "Training images seen, distillation included, as 5M or 5e6.")
]
Time = Annotated[
    Text, _option(_BUDGET, "--time", "TIME", "Active time: 90s, 10m, 1.5h; a search without any budget takes 10m.")
]

ChildExamples = Annotated[
    Text,
    _option(
        _HOW, "--child-examples", "N", "Training images a child sees \\[default: the set 16 times, 8,000 to 96,000]."
    ),
]
Inherit = Annotated[
    Switch,
    _option(_HOW, "--inherit/--no-inherit", None, "Start children from their parent's weights \\[default], or afresh."),
]
Seed = Annotated[Text, _option(_HOW, "--seed", "N", "Decides everything random \\[default: 1].")]
Device = Annotated[Text, _option(_HOW, "--device", "NAME", "auto, cpu, cuda, cuda:1 or mps \\[default: auto].")]
Workers = Annotated[Text, _option(_HOW, "--workers", "N", "Children trained side by side \\[default: as fits].")]
Assignments = Annotated[
    Texts, _option(_HOW, "--set", "KEY=VALUE", "Any other setting, such as search.children=4; can be repeated.")
]
Plugins = Annotated[
    Texts, _option(_HOW, "--plugin", "FILE", "Python file that registers an objective or the like; can be repeated.")
]

ImageSize = Annotated[
    Text, _option(_IMAGES, "--image-size", "N", "Side in pixels \\[default: the median, at most 64].")
]
Flip = Annotated[
    Switch,
    _option(_IMAGES, "--flip/--no-flip", None, "Mirror training images \\[default: only where known to be right]."),
]
SkipUnreadable = Annotated[
    bool, _option(_IMAGES, "--skip-unreadable", None, "Leave out images that cannot be read instead of stopping.")
]

Out = Annotated[Path | None, _option(_OUTPUT, "--out", "RUN", "Folder for the run \\[default: runs/DATASET-METHOD-N].")]
TensorBoard = Annotated[
    Switch,
    _option(
        _OUTPUT,
        "--tensorboard/--no-tensorboard",
        None,
        "Write scalars for TensorBoard to RUN/tensorboard \\[default: no].",
    ),
]
DryRun = Annotated[bool, _option(_OUTPUT, "--dry-run", None, "Say what would be run, and stop.")]
Quiet = Annotated[bool, _option(_OUTPUT, "--quiet -q", None, "Print nothing but errors.")]


def settings(
    assignments: Texts, limit: Texts, objectives: Text, plugin: Texts, **given: Text | Switch
) -> dict[str, Any]:
    """Settings by name, of those options that were given; `make_config` checks their values.

    Raises:
        LemonadeError: for a limit or an assignment that is none.
    """
    found: dict[str, Any] = dict(parse_assignment(text) for text in assignments or [])
    limits = [part for text in limit or () for part in text.split(",")]
    found |= {f"limits.{name}": value for name, value in parse_limits(limits, "--limit").items()}
    more = {
        "objectives": tuple(names_in(objectives)) if objectives is not None else None,
        "plugins": tuple(plugin) if plugin else None,
        **given,
    }
    return found | {name: value for name, value in more.items() if value is not None}
