import io

import pytest
from rich.cells import cell_len

from lemonade.config import BudgetSettings
from lemonade.reporting.panel import Lines, Panel, Silent, flow, listener
from lemonade.reporting.screen import console
from lemonade.types import Progress, Spent, Standing

BEST = Standing("c0166", {"error": 0.0083, "error_smoothed": 0.02, "params": 41_210, "flops": 1.9e6})
SMALLEST = Standing("c0007", {"error": 0.183, "params": 212, "flops": 9_100})


def progress(kind="generation", **changes):
    usual = {
        "generation": 14,
        "trained": 171,
        "stopped": 0,
        "failed": 2,
        "proposed": 2_310,
        "spent": Spent(173, 1_600_000, 52.0),
        "budget": BudgetSettings(time=60),
        "front_size": 13,
        "hypervolume": 0.812,
        "hypervolume_change": 0.004,
        "best": BEST,
        "smallest": SMALLEST,
    }
    return Progress(kind=kind, **{**usual, **changes})


def screen(width):
    made = console(file=io.StringIO(), width=width)
    return made, made.file


def drawn(width, *events, at=0.0):
    now = [0.0]
    made, file = screen(width)
    panel = Panel(made, now=lambda: now[0])
    for event in events:
        panel(event)
    now[0] = at
    file.truncate(0)
    file.seek(0)
    made.print(panel.draw(width))
    return [line.rstrip() for line in file.getvalue().splitlines()]


@pytest.mark.parametrize("width", [60, 100, 140])
def test_the_panel_fits_and_says_everything(width):
    lines = drawn(width, *[progress(generation=k, hypervolume=0.5 + 0.03 * k) for k in range(11)])
    assert all(cell_len(line) <= width for line in lines)
    text = "\n".join(lines)
    for part in (
        "generation 10",
        "171 children trained, 2 failed, 2,310 proposed",
        "52 s of 60 s",
        "front 13 members",
        "hypervolume 0.800 (+0.004)",
        "▁",
        "█",
        "best error 0.0083 (41,210 params)",
        "smallest 212 params (error 0.183)",
        "0:00:08 left",
        "━",
    ):
        assert part in text


def test_a_wide_panel_is_four_lines():
    assert len(drawn(100, progress())) == 4


def test_the_clock_goes_on_between_events():
    assert "0:00:03 left" in drawn(100, progress(), at=5.0)[-1]


def test_nothing_is_claimed_before_there_is_a_front():
    text = "\n".join(drawn(100, progress("start", best=None, smallest=None, failed=0, trained=0, front_size=0)))
    assert "best" not in text
    assert "failed" not in text


@pytest.mark.parametrize(
    ("budget", "left"),
    [
        (BudgetSettings(evaluations=200), "27 evaluations left"),
        (BudgetSettings(evaluations=174), "1 evaluation left"),
        (BudgetSettings(examples=2_000_000, time=600), "400 k examples left"),
        (BudgetSettings(examples=20_000_000, time=60), "0:00:08 left"),
        (BudgetSettings(evaluations=100), "0 evaluations left"),
    ],
)
def test_the_bar_follows_the_budget_that_is_nearest_its_end(budget, left):
    assert drawn(100, progress(budget=budget))[-1].endswith(left)


def test_stopping_is_said_and_stays():
    message = "finishing the running children; press again to stop now"
    lines = drawn(100, progress(), progress("stopping", message=message), progress("evaluated"))
    assert lines[-1].strip() == message


def test_loading_is_said_until_the_search_starts():
    made, _ = screen(80)
    panel = Panel(made)
    panel.waiting("loading torch ...")
    assert "loading" in str(panel.draw(80).renderables[0])
    panel(progress("start"))
    assert "loading" not in "".join(map(str, panel.draw(80).renderables))


def test_elsewhere_a_generation_is_one_line_whatever_its_width():
    made, file = screen(40)
    with listener(made) as lines:
        assert isinstance(lines, Lines)
        lines(progress("start", message="digits: 1,797 images"))
        lines(progress("evaluated"))
        lines(progress())
        lines(progress("end"))
    assert file.getvalue().splitlines() == [
        "digits: 1,797 images",
        "generation 14: 171 children trained, 2 failed, front 13 members, hypervolume 0.812 (+0.004), "
        "best error 0.0083 (41,210 params), 0:00:08 left",
    ]


def test_what_listens_suits_the_console(monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    terminal = console(file=io.StringIO(), width=80, terminal=True)
    assert isinstance(listener(terminal), Panel)
    assert isinstance(listener(terminal, quiet=True), Silent)
    monkeypatch.setenv("CI", "true")
    assert isinstance(listener(terminal), Lines)


def test_a_live_panel_stays_in_place_and_leaves_nothing_behind(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    file = io.StringIO()
    terminal = console(file=file, width=80, terminal=True)
    with Panel(terminal) as panel:
        panel(progress("start", message="the data are there"))
        panel(progress())
    text = file.getvalue()
    assert text.count("the data are there") == 1
    assert text.endswith("\x1b[2K")  # the last thing it does is to clear its own lines


def test_parts_flow_onto_as_few_lines_as_they_fit_on():
    assert flow(["aaaa", "bbbb", "cccc"], 20) == ["aaaa · bbbb · cccc"]
    assert flow(["aaaa", "bbbb", "cccc"], 12) == ["aaaa · bbbb", "cccc"]
