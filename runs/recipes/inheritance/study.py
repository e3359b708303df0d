"""Is inheriting worth it at equal cost?

``python runs/recipes/inheritance/study.py --out FOLDER`` holds our search against its rivals: the same search from
fresh weights with 1, 2, 4 and 8 times a child's examples (initial networks as any child), random search with as many,
and hand-made ladders of eight chains, plain and with their largest convolution separable, trained long on all the
examples that the searches had, or, without a search, on as many as `--examples` says. Members are chosen on the
validation images and judged on the test images, which only studies open.

An arm may change settings, as ``inherited:training.peak_rate=0.1,space.widths=[2,8]``: so constants are compared.

A line a run goes to `runs.csv`, medians and tests against the rivals to `summary.json`, pictures beside them. What was
judged is kept in `rows/`, and configs beside it. A search that was stopped is resumed: the same command goes on where
it ended.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from asked import add_box, add_out, add_settings, assigned, positive, run_main, settings_of
from figures import draw
from judging import Court
from outcome import write_table
from summary import NESTED, summarise

from lemonade.assembly import Assembly
from lemonade.budgets import ChildBudget
from lemonade.config import Config
from lemonade.data import load_test
from lemonade.errors import LemonadeError
from lemonade.files import write_whole
from lemonade.front import Axis
from lemonade.records import read_record
from lemonade.runfolder import CONFIG, ENVIRONMENT, WEIGHTS
from lemonade.settings import SECTIONS, dump_config, make_config, with_budget
from lemonade.trials import Planned, carry_out, check_plan

OURS = "inherited"
LADDER, SLIM_LADDER = "ladder", "ladder-separable"
LADDERS = (LADDER, SLIM_LADDER)
CONFIGS, ROWS = "config", "rows"
SAME = ("dataset", "data", "objectives", "limits", "boxes", "budget", "selection")
"""Settings that make a hypervolume comparable with another."""
ARMS = (OURS, "scratch-1", "scratch-2", "scratch-4", "scratch-8", "random-2", *LADDERS)


@dataclass(frozen=True)
class Study:
    """What all runs share: the settings, where run folders and outcome lie, and who judges."""

    config: Config
    settings: dict[str, Any]
    child_budget: ChildBudget
    runs: Path
    out: Path
    court: Court

    def planned(self, arm: str, seed: int) -> Planned:
        """The search of an arm and a seed; the weights of all its children are kept.

        Raises:
            LemonadeError: for wrong settings, and for those that would make it no rival of the others.
        """
        config = with_budget(make_config(None, self.of(arm, seed)))
        wanted = self.config.model_copy(update={"seed": seed, "keep": "all"})
        if key := _differing(_told(config), _told(wanted), (*SAME, "seed", "keep")):
            raise LemonadeError(f"--arms {arm}: {key} has to be the same for all arms.")
        return Planned(arm, config, self.runs / file_name(arm, seed))

    def check(self, arm: str, seed: int) -> None:
        """Say whatever is wrong with a search that is still to be made, gone on with or judged.

        Raises:
            LemonadeError: for wrong settings, and for a folder of a search with other ones or without its weights.
        """
        one = self.planned(arm, seed)
        if check_plan([one]):
            raise LemonadeError(f"{one.folder} had a smaller budget. Give the same settings, or another --runs.")
        if one.begun and not (one.folder / WEIGHTS).exists():
            raise LemonadeError(
                f"{one.folder}: its weights were deleted once it had been judged. Delete it, or give another --runs."
            )

    def check_rows(self, rows: Collection[tuple[str, int]]) -> None:
        """Refuse what was judged with other settings: all of them in an arm that is asked for, `SAME` in others.

        Raises:
            LemonadeError: naming the file and the setting.
        """
        ladders = {file_name(arm, seed): self.config for arm, seed in rows if arm in LADDERS}
        searches = {file_name(arm, seed): self.planned(arm, seed).config for arm, seed in rows if arm not in LADDERS}
        asked = ladders | searches
        for path in sorted((self.out / ROWS).glob("*.json")):
            told = self.out / CONFIGS / f"{path.stem}.yaml"
            if not told.exists():
                continue
            there, wanted = yaml.safe_load(told.read_text()), _told(asked.get(path.stem, self.config))
            sections = ("training",) if path.stem in ladders else ("search", "space", "training")
            if key := _differing(wanted, there, (*SAME, *sections) if path.stem in asked else SAME):
                was, now = _flat(there)[key], _flat(wanted)[key]
                raise LemonadeError(
                    f"{told} has {key}={was}, but {now} is asked for. Give the same settings, or another --out."
                )

    def row_of(self, arm: str, seed: int) -> Path:
        """Where the row of an arm and a seed lies, once it has been judged."""
        return self.out / ROWS / f"{file_name(arm, seed)}.json"

    def of(self, arm: str, seed: int) -> dict[str, Any]:
        """The settings of that search."""
        settings = self.settings | {"seed": seed, "keep": "all"}
        name, _, changes = arm.partition(":")
        if name != OURS:
            kind, factor = name.split("-")
            budget, times = self.child_budget, int(factor)
            settings |= {"search.inherit": False, "training.child_examples": times * budget.child}
            settings |= {"training.initial_factor": 1.0, "method": "random" if kind == "random" else "lemonade"}
        return settings | assigned(text for text in re.split(r",(?=[\w.]+=)", changes) if text)

    def judged(self, arm: str, seed: int) -> dict[str, Any]:
        """The row of an arm and a seed; a ladder sees as many images as the longest search of that seed.

        Where no search was asked for, it sees as many as the budget has.

        Raises:
            LemonadeError: if neither tells how many.
        """
        if arm in LADDERS:
            others = [_row(path)["examples"] for path in (self.out / ROWS).glob(f"*-{seed}.json")]
            examples = max(others, default=self.config.budget.examples)
            if examples is None:
                raise LemonadeError(
                    "--arms: the ladder sees as many images as a search did, or as --examples says. Give one of them."
                )
            networks = self.court.ladder(seed, examples, self.config.training, arm == SLIM_LADDER)
            (self.out / CONFIGS).mkdir(parents=True, exist_ok=True)
            (self.out / CONFIGS / f"{file_name(arm, seed)}.yaml").write_text(dump_config(self.config))
            spent, trace = {"examples": examples}, []
        else:
            (run,) = carry_out([self.planned(arm, seed)], ())
            by_name = self.court.networks_of(run)
            networks, trace = list(by_name.values()), self.court.trace(run, by_name)
            spent = {"examples": run.spent.examples, "seconds": run.spent.seconds, "children": run.spent.evaluations}
            spent["commit"] = run.environment["commit"]
            for name, kept in ((CONFIG, f"{CONFIGS}/{file_name(arm, seed)}.yaml"), (ENVIRONMENT, ENVIRONMENT)):
                (self.out / kept).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(run.folder / name, self.out / kept)
        front = [one.to_json() for one in self.court.chosen(networks)]
        return {"arm": arm, "seed": seed, **spent, **self.court.verdict(networks), "trace": trace, "front": front}


def _told(config: Config) -> dict[str, Any]:
    return config.model_dump(mode="json")


def _differing(one: Mapping[str, Any], other: Mapping[str, Any], names: Collection[str]) -> str:
    """The first of these settings that differs, "" if none does; those that one version alone has do not count."""
    mine, theirs = _flat(one), _flat(other)
    return next((key for key in mine if key.split(".")[0] in names and key in theirs and mine[key] != theirs[key]), "")


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted names and values of all settings."""
    sections = {name: told if name in SECTIONS else {"": told} for name, told in settings.items()}
    return {f"{name}.{key}".rstrip("."): value for name, told in sections.items() for key, value in told.items()}


def file_name(arm: str, seed: int) -> str:
    """A name for files of that arm and seed."""
    return f"{re.sub(r'[^A-Za-z0-9_.=-]+', '_', arm)}-{seed}"


def main() -> None:
    """Run what is missing, judge it, write everything down."""
    arguments = _arguments()
    study = _study(arguments)
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    wanted = [(arm, seed) for seed in seeds for arm in arguments.arms]
    study.check_rows(wanted)  # before anything is trained
    for arm, seed in wanted:
        if arm not in LADDERS and not study.row_of(arm, seed).exists():
            study.check(arm, seed)
    (arguments.out / ROWS).mkdir(parents=True, exist_ok=True)
    for arm, seed in wanted:
        path = study.row_of(arm, seed)
        if not path.exists():
            write_whole(path, json.dumps(study.judged(arm, seed)), "Make room, and give the same command again")
            if arm not in LADDERS:  # what was judged is not needed any more, and weights take most room
                shutil.rmtree(study.planned(arm, seed).folder / WEIGHTS, ignore_errors=True)
        row = _row(path)
        print(f"{arm}, seed {seed}: test {row['test']:.4f} of {row['possible']:.4f} possible", flush=True)
    rows = [_row(path) for path in sorted((arguments.out / ROWS).glob("*.json"))]
    write_table(rows, arguments.out / "runs.csv", without=NESTED)
    (arguments.out / "summary.json").write_text(json.dumps(summarise(rows, OURS), indent=1) + "\n")
    draw(rows, OURS, arguments.out)


def _study(arguments: argparse.Namespace) -> Study:
    settings = {"objectives": ("error", "params")}
    settings |= {"boxes": {"error": arguments.error, "params": arguments.params}}
    settings |= {"budget.time": arguments.time, "budget.examples": arguments.examples}
    settings |= {"training.child_examples": arguments.child_examples}
    settings |= settings_of(arguments)
    config = with_budget(make_config(None, settings))
    with Assembly(config, start=False) as parts:
        box = (Axis(*config.boxes["error"], False), Axis(*config.boxes["params"], True))
        test = load_test(config.dataset, config.data)
        court = Court(parts.dataset, test, box, parts.smoothed, arguments.limits)
        return Study(config, settings, parts.child_budget, arguments.runs, arguments.out, court)


def _row(path: Path) -> dict[str, Any]:
    return read_record(path, _whole_row, "what it tells is searched for and judged again, with another --runs")


def _whole_row(told: dict[str, Any]) -> dict[str, Any]:
    for name in ("arm", "seed", "examples", "test", "possible", "trace", "front"):
        told[name]  # a KeyError if it is not there
    return told


def _arm(text: str) -> str:
    if text.partition(":")[0] not in ARMS or text.startswith((f"{LADDER}:", f"{SLIM_LADDER}:")):
        raise argparse.ArgumentTypeError(f"expected one of {', '.join(ARMS)}, perhaps with :KEY=VALUE, got '{text}'")
    return text


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_settings(parser)
    parser.add_argument("--time", help="of each search, such as 60s")
    parser.add_argument("--examples", help="training images of each search, in place of or beside --time")
    parser.add_argument("--child-examples", type=positive, help="training images a child sees; default: as in a search")
    add_box(parser)
    parser.add_argument("--limits", type=positive, nargs="+", default=(1_000, 5_000), help="sizes to tell the error at")
    parser.add_argument("--seeds", type=positive, default=3)
    parser.add_argument("--first-seed", type=positive, default=1)
    parser.add_argument("--arms", nargs="+", default=ARMS, type=_arm, help="default: %(default)s")
    parser.add_argument("--runs", type=Path, default=Path("runs/inheritance-study"), help="where the run folders go")
    add_out(parser)
    return parser.parse_args()


if __name__ == "__main__":
    run_main(main)
