"""`lemonade lineage`: how a network came about, and what each step cost."""

from __future__ import annotations

from rich.text import Text

from lemonade import numbers
from lemonade.cli import common, options
from lemonade.reporting import network, reading, screen, tables


def lineage(run: options.RunFolder, model: options.ModelId, as_json: options.AsJson = False) -> None:
    """Tell how a network came about: each ancestor, what was done to it, the error before and after, and the cost.

    Right after an exact operator a child computes what its parent did; after an approximate one it has lost something,
    which distillation and training bring back.
    """
    from lemonade.history import Run

    loaded = Run.load(run)
    member = loaded.member(model)
    chain = list(loaded.lineage(member.id))
    inherited = network.inherited_examples(chain)
    if as_json:
        steps = [
            {**network.record(ancestor), "examples_inherited": before}
            for ancestor, before in zip(chain, inherited, strict=True)
        ]
        common.print_json({"id": member.id, "lineage": steps})
        return
    console, shown = screen.console(), common.short_path(run)
    console.print(Text(tables.best_sentence(loaded, member)))
    resource = next(iter(reading.resource_names(loaded)), None)
    console.print(network.lineage_table(chain, resource, console.width))
    own, before = member.evaluation.examples, inherited[0]
    console.print(
        Text(
            f"{member.id} itself was trained on {numbers.count(own)} examples; its ancestors had seen"
            f" {numbers.count(before)} whose effect it inherited.",
            style="quiet",
        )
    )
    common.print_next(
        console, [(("show", shown, member.id), "what this network looks like"), (("front", shown), "all members")]
    )
