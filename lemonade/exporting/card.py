"""Model cards: Markdown with a YAML head, as model hubs read them."""

from __future__ import annotations

import json
from collections.abc import Sequence

import yaml

from lemonade.config import FIT_WORDS
from lemonade.exporting import FORMATS, Written
from lemonade.exporting.preparing import preparing_lines
from lemonade.history import Run
from lemonade.members import Member
from lemonade.numbers import count, duration, measured, quantity, short, wilson
from lemonade.retraining import START_KINDS, all_retrained, spread_text
from lemonade.subject import Subject
from lemonade.types import Status
from morphisms import activation_bytes, flops, params


def about(subject: Subject) -> str:
    """What a network is, in two sentences, no line longer than 80 characters."""
    run, member = subject.run, subject.member
    channels, height, width = run.facts.input_shape
    classes = run.facts.classes
    part, error = list(subject.errors.items())[-1]
    images = subject.images[part]
    return (
        f"Classifies {height}x{width}x{channels} images of {run.data_name} into {len(classes)} classes.\n\n"
        f"{count(params(member.graph))} parameters, {short(flops(member.graph))} multiply-adds an image;\n"
        f"error {measured('error', error, images)} on {images:,} {part} images. Found by lemonade as {member.id}."
    )


def card(subject: Subject, files: Sequence[Written], licence: str) -> str:
    """The card of one network, as `README.md` of its folder.

    Args:
        subject: The network and its weights.
        files: What was written, with how far each deviates.
        licence: An identifier as hubs know them, or ``"unknown"``.
    """
    run, member = subject.run, subject.member
    sections = {
        "How to load it": _loading(run, files),
        "Input and output": f"{member.input[0].upper()}{member.input[1:]}. Standardisation of the images is inside.",
        "From an image file to a class": _preparing(run),
        "Metrics": _metrics(subject),
        "Size": _size(member),
        "Files": _files(files),
        "Where it comes from": _lineage(run, member),
        "What the search cost": _cost(run),
        "Limits": _limits(run),
    }
    text = "".join(f"\n## {title}\n\n{body}\n" for title, body in sections.items())
    return f"---\n{_head(subject, licence)}---\n\n# {_title(run, member)}\n\n{about(subject)}\n{text}"


def _head(subject: Subject, licence: str) -> str:
    name = subject.run.data_name
    results = [
        {
            "task": {"type": "image-classification"},
            "dataset": {"name": name, "type": name, "split": part},
            "metrics": [
                {
                    "type": "accuracy",
                    "name": f"accuracy on {subject.images[part]} {part} images",
                    "value": round(1 - error, 5),
                }
            ],
        }
        for part, error in subject.errors.items()
    ]
    head = {
        "license": licence,
        "library_name": "pytorch",
        "pipeline_tag": "image-classification",
        "tags": ["image-classification", "neural-architecture-search", "lemonade"],
        "model-index": [{"name": _title(subject.run, subject.member), "results": results}],
    }
    return yaml.safe_dump(head, sort_keys=False, allow_unicode=True, width=100)


def _title(run: Run, member: Member) -> str:
    return f"{run.data_name}, {member.id}: {count(params(member.graph))} parameters"


def _loading(run: Run, files: Sequence[Written]) -> str:
    """Lines for each file, run in its folder."""
    shape = ", ".join(map(str, run.facts.input_shape))
    parts = []
    for one in files:
        kind = FORMATS[one.format]
        first, *rest = kind.loading
        lines = dict.fromkeys([first, "import torch", f"images = torch.rand(1, {shape})", *rest])
        parts.append("\n".join([f"`{one.file}`, with {kind.loaded_with}:", "", "```python", *lines, "```"]))
    return "\n\n".join(parts)


def _preparing(run: Run) -> str:
    """Lines from a file to `images`, as the run's own images were prepared, and from `logits` to a name."""
    return "\n".join(
        [
            "Upright, on white where transparent, of 8 bits a channel, brought to size, "
            f"{FIT_WORDS[run.config.data.fit]}, as the training images were:",
            "",
            "```python",
            *preparing_lines(run),
            "```",
            "",
            "These `images` go into the lines above; `logits[0].argmax()` is the position of the class in this list: "
            f"`{json.dumps(list(run.facts.classes), ensure_ascii=False)}`. For probabilities take the softmax.",
        ]
    )


def _metrics(subject: Subject) -> str:
    """Errors of these weights; then those of all trainings, since one seed says little."""
    remarks = {"validation": "which also chose these weights", "test": "opened after these trainings, never to choose"}
    lines = [
        f"The weights are {subject.words}.",
        "",
        "| reading | value | 95 % interval | images |",
        "|---|---|---|---|",
    ]
    for part, error in subject.errors.items():
        images = subject.images[part]
        low, high = wilson(error, images)
        reading = f"error on {part} images, {remarks[part]}"
        lines.append(f"| {reading} | {error:.4f} | {low:.4f} to {high:.4f} | {images:,} |")
    if subject.group is None:
        others = [(name, value) for name, value in subject.member.values.items() if name.startswith("error@")]
        lines += [f"| {name} | {value:.4f} | | |" for name, value in others]
    if "test" not in subject.errors:
        return "\n".join([*lines, "", "The best of many networks is partly luck: expect more errors on new images."])
    return "\n".join([*lines, "", *_trainings(subject)])


def _trainings(subject: Subject) -> list[str]:
    """Mean and spread over seeds, from either start and of each length."""
    groups = all_retrained(subject.run, subject.member.id)
    lines = ["| all long trainings | images seen | validation error | test error | seeds |", "|---|---|---|---|---|"]
    for group in groups:
        told = group.to_json()
        for start, words in START_KINDS.items():
            if start in told:
                cells = [count(group.examples), *[spread_text(told[start][part]) for part in ("error", "test")]]
                lines.append(f"| from {words} | {' | '.join(cells)} | {told[start]['error']['seeds']} |")
    found = subject.member.values["error"]
    spread = "Mean ± standard deviation. " if any(group.has_spread for group in groups) else ""
    return [*lines, "", f"{spread}The search itself left it at validation error {found:.4f}."]


def _size(member: Member) -> str:
    graph = member.graph
    lines = [
        f"- {count(params(graph))} parameters",
        f"- {short(flops(graph))} flops an image (one multiply-add counts as one, as fvcore counts)",
        f"- {measured('activation_bytes', activation_bytes(graph))} of activations at most, batch of one",
    ]
    if "latency_ms" in member.values:
        latency = measured("latency_ms", member.values["latency_ms"])
        protocol = member.latency_protocol
        lines.append(f"- {latency} a forward pass{f' ({protocol})' if protocol else ''}")
    return "\n".join(lines)


def _files(files: Sequence[Written]) -> str:
    rows = ["| file | size | largest deviation of the logits, relative | checked on |", "|---|---|---|---|"]
    for one in files:
        rows.append(f"| {one.file} | {one.size:,} bytes | {one.deviation:.1e} | {one.checked_on} |")
    notes = ["", "Each file was read back after it was written, and run beside the original."]
    if any(one.format == "pt2" for one in files):
        notes.append(
            "`model.pt2` holds, as every archive of torch.export, a pickled sample input: where files travel, use "
            "safetensors or ONNX."
        )
    return "\n".join([*rows, *notes])


def _lineage(run: Run, member: Member) -> str:
    rows = ["| network | what was done | error after | examples |", "|---|---|---|---|"]
    lineage = run.lineage(member.id)
    fresh = [one.id for one in lineage if one.parent is not None and one.evaluation.is_fresh]
    if len(fresh) == len(lineage) - 1:
        said = "each was trained from fresh weights."
    else:
        said = "each started with the weights of the one below it"
        said += f", but {' and '.join(fresh)} from fresh ones." if fresh else "."
    for ancestor in lineage:
        error = measured("error", ancestor.values["error"], run.facts.validation)
        rows.append(f"| {ancestor.id} | {ancestor.summary} | {error} | {count(ancestor.evaluation.examples)} |")
    return "\n".join([f"Newest first; {said}", "", *rows])


def _cost(run: Run) -> str:
    devices = sorted({one.device for one in run.evaluations.values() if one.status is Status.OK})
    trained, spent = quantity(run.spent.evaluations, "network"), run.spent
    return (
        f"{trained} trained on {count(spent.examples)} images in {duration(spent.seconds)} on {', '.join(devices)} "
        f"({run.environment.get('processor', 'unknown processor')}), by the method `{run.config.method}`, "
        f"seed {run.config.seed}."
    )


def _limits(run: Run) -> str:
    channels, height, width = run.facts.input_shape
    return (
        f"- Knows these classes and no other; it has no answer for an image that shows none of them.\n"
        f"- Made for images of {height}x{width} pixels{', grey' if channels == 1 else ''}, prepared as the training "
        f"images were; trained on {run.facts.train:,} of them.\n"
        f"- Neither fairness nor robustness to shifted images was examined."
    )
