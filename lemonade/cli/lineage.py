"""`lemonade lineage`: how a network came about, and what each step cost."""

from __future__ import annotations

from rich.text import Text

from lemonade.cli import common, options
from lemonade.reporting import network, reading, screen, tables


def lineage(run: options.RunFolder, model: options.ModelId, as_json: options.AsJson = False) -> None:
    """Tell how a network came about: each ancestor, what was done to it, the error before and after, and the cost.

    Right after an exact operator a child computes what its parent did; after an approximate one it has lost something,
    which distillation and training bring back. Examples and seconds of its ancestors, whose weights it started from,
    are what inheritance saved.
    """
    from lemonade.history import Run

    loaded = Run.load(run)
    member = loaded.member(model)
    chain = list(loaded.lineage(member.id))
    if as_json:
        given = zip(chain, network.inherited_examples(chain), network.inherited_seconds(chain), strict=True)
        steps = [
            {**network.record(ancestor), "examples_inherited": examples, "seconds_inherited": seconds}
            for ancestor, examples, seconds in given
        ]
        common.print_json({"id": member.id, "lineage": steps})
        return
    console, shown = screen.console(), common.short_path(run)
    if failure := network.failure(member):
        console.print(Text(f"{member.id}: {failure}", style="warn"))
    else:
        console.print(Text(tables.best_sentence(loaded, member)))
    resource = reading.resource_of(loaded)
    console.print(network.lineage_table(chain, resource, console.width))
    chance = 1 - 1 / len(loaded.facts.classes)
    console.print(tables.paragraph(network.inheritance_sentences(chain, chance)))
    common.print_next(
        console, [(("show", shown, member.id), "what this network looks like"), (("front", shown), "all members")]
    )
