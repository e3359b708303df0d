"""The report in a real browser: points, keys, axes, limits, both widths, dark and light, and a run that goes on."""

import io
import json
import shutil
from threading import Thread

import pytest
from PIL import Image
from synthetic import config_of, write_run

import lemonade
from lemonade import Run
from lemonade.references import Reference, write_reference
from lemonade.reporting.webpage.serving import make_server

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: apt-get install chromium")
ALLOWED = ("file:", "data:", "blob:", "http://127.0.0.1:")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = write_run(tmp_path_factory.mktemp("browser") / "run")
    lemonade.report(folder)
    return folder


@pytest.fixture(scope="module")
def run(folder):
    return Run.load(folder)


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        launched = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def troubles():
    """What pages complained of, and what they asked for that is not themselves."""
    return []


@pytest.fixture(autouse=True)
def no_trouble(troubles):
    troubles.clear()
    yield
    assert troubles == []


@pytest.fixture(scope="module")
def visit(browser, troubles):
    """Opens an address in a window of its own."""
    contexts = []

    def opened(address, width=1400, scheme="light"):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: troubles.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("request", lambda asked: None if asked.url.startswith(ALLOWED) else troubles.append(asked.url))
        page.goto(address)
        page.wait_for_selector("#front-plot .main-svg, #why-empty:not([hidden])")
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def opened(visit, folder):
    return visit((folder / "report.html").as_uri())


@pytest.fixture
def page(opened):
    """One page for many tests, as it was when it was opened."""
    opened.evaluate("scrollTo(0, 0)")
    for choice in ("x", "y"):
        opened.check(f"#axes input[name={choice}] >> nth=0")
        opened.check(f"#axes input[name={choice}Log]")
    opened.click("#axes [data-mark=knee]")
    return opened


def selected(page):
    return page.inner_text("#member-title")


def axes_of(page):
    return page.evaluate(
        "(() => { const l = document.getElementById('front-plot')._fullLayout;"
        " return [l.xaxis.title.text, l.xaxis.type, l.yaxis.title.text, l.yaxis.type]; })()"
    )


def place_of(page, name):
    """Where a child is drawn in the window, by plotly's own reckoning."""
    return page.evaluate(
        """name => {
          const plot = document.getElementById('front-plot'), { xaxis, yaxis } = plot._fullLayout;
          const box = plot.getBoundingClientRect();
          for (const trace of plot.data) {
            const at = trace.customdata.indexOf(name);
            const place = (axis, value) => axis._offset + axis.d2p(value);
            if (at >= 0) return [box.x + place(xaxis, trace.x[at]), box.y + place(yaxis, trace.y[at])];
          }
        }""",
        name,
    )


class TestSelecting:
    def test_it_begins_at_the_knee(self, page, run):
        assert selected(page) == run.front.knee.id
        assert f"lemonade export {run.folder} --models {run.front.knee.id}" in page.inner_text("#member .commands")

    def test_a_click_on_a_point_shows_its_network(self, page, run):
        # the outermost ones, which no other point covers
        for member in (run.front.members[0], run.front.members[-1]):
            x, y = place_of(page, member.id)
            page.mouse.move(x - 2, y, steps=2)
            page.wait_for_selector(f'#front-plot .hovertext:has-text("{member.id}")')
            page.mouse.click(x, y)
            page.wait_for_selector(f'#member-title:text-is("{member.id}")')
            told = page.inner_text("#member")
            assert f"{member.values['params']:,}" in told
            assert all(line in told for line in [one.id for one in run.lineage(member.id)])
            drawn = page.locator("#member .block").all_inner_texts()
            convolutions = [node for node in member.graph.nodes if node.op == "conv"]
            assert sum(text.startswith("conv") for text in drawn) == len(convolutions)
            assert page.evaluate("location.hash") == f"#{member.id}"

    def test_a_dominated_one_too(self, page, run):
        front = {one.id for one in run.front}
        ids = page.evaluate("document.getElementById('front-plot').data[0].customdata")
        assert set(ids) == {name for name, one in run.evaluations.items() if one.values and name not in front}
        click = "name => document.getElementById('front-plot').emit('plotly_click', {points: [{customdata: name}]})"
        page.evaluate(click, ids[0])
        assert selected(page) == ids[0]
        assert "not on the front" in page.inner_text("#member")

    def test_a_failed_one_says_why(self, page):
        page.click("[data-part=failures] button.id >> nth=0")
        assert "Ended as diverged: the loss is NaN" in page.inner_text("#member")

    def test_keys_move_and_enter_selects(self, page, run):
        order = [one.id for one in run.front]
        at = order.index(run.front.knee.id)
        page.focus("#axes [data-mark=smallest]")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") == "front-plot"
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
        page.keyboard.press("ArrowRight")
        assert page.inner_text("#said").startswith(order[at + 1])
        assert selected(page) == order[at]
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        assert selected(page) == order[at + 2]
        page.keyboard.press("End")
        page.keyboard.press("Enter")
        assert selected(page) == order[-1]

    def test_tab_reaches_the_table_where_arrows_move(self, page, run):
        order = [one.id for one in run.front]
        page.focus(f"[data-part=front] button[data-id={order[0]}]")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        assert selected(page) == order[1]
        assert page.evaluate("document.activeElement.dataset.id") == order[1]
        assert page.get_attribute("[data-part=front] button[aria-current]", "data-id") == order[1]

    def test_the_next_member_is_a_button_away(self, page, run):
        order = [one.id for one in run.front]
        page.click("#axes [data-mark=smallest]")
        page.click("button[title='Next larger member']")
        assert selected(page) == order[1]

    def test_a_command_can_be_copied(self, page, run):
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.click("[data-copy=export]")
        page.wait_for_selector('[data-copy=export]:text-is("Copied")')
        wanted = f"lemonade export {run.folder} --models {run.front.knee.id}"
        assert page.evaluate("navigator.clipboard.readText()") == wanted


class TestPlot:
    def test_axes_can_be_chosen(self, page):
        assert axes_of(page) == ["params", "log", "error on the validation images", "log"]
        causes = "on the front for another objective{}."
        assert causes.format(" or for their smoothed error") in page.inner_text("#front-notes")
        page.check("#axes input[name=x] >> nth=1")
        page.check("#axes input[name=y] >> nth=1")
        page.uncheck("#axes input[name=xLog]")
        assert axes_of(page) == [
            "flops (multiply-adds)", "linear", "smoothed error on the validation images", "log",
        ]  # fmt: skip
        assert causes.format("") in page.inner_text("#front-notes")

    def test_zooming_keeps_labels_and_stays_when_another_is_selected(self, page):
        box = page.locator("#front-plot .nsewdrag").first.bounding_box()
        page.mouse.move(box["x"] + 200, box["y"] + 100)
        page.mouse.down()
        page.mouse.move(box["x"] + 300, box["y"] + 250, steps=4)
        page.mouse.up()
        shown = "(axis => [axis.range, axis.autorange])(document.getElementById('front-plot')._fullLayout.xaxis)"
        zoomed = page.evaluate(shown)
        assert zoomed[1] is False
        assert page.locator("#front-plot .xtick").count() >= 2
        page.click("#axes [data-mark=best]")
        assert page.evaluate(shown) == zoomed
        page.click("#front-plot [data-title='Reset axes']")
        assert page.evaluate(shown)[1] is True

    def test_front_members_have_a_shape_of_their_own(self, page):
        shapes = page.evaluate("document.getElementById('front-plot').data.map(one => one.marker?.symbol)")
        assert len({shape for shape in shapes if shape}) == len([shape for shape in shapes if shape]) - 1
        assert shapes[0] != shapes[4] != shapes[5]

    def test_limits_grey_members_out_and_name_the_best_within(self, page, run):
        values = sorted({one.values["params"] for one in run.front})
        page.locator("input[data-limit=params]").fill(str(len(values) // 2))
        limit = values[len(values) // 2]
        within = [one for one in run.front if one.values["params"] <= limit]
        assert f"{len(within)} of {len(run.front)} members are within" in page.inner_text("#within")
        best = min(within, key=lambda one: one.values["error_smoothed"])
        assert page.inner_text("#within button") == best.id
        outside = page.evaluate("document.getElementById('front-plot').data[3].customdata")
        assert set(outside) == {one.id for one in run.front} - {one.id for one in within}
        page.click("#clear")
        assert page.evaluate("document.getElementById('front-plot').data[3].customdata.length") == 0


class TestLooks:
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    @pytest.mark.parametrize("width", [400, 1400])
    def test_it_fits_and_can_be_read(self, visit, folder, width, scheme):
        page = visit((folder / "report.html").as_uri(), width, scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for selector in (
            "h1",
            ".quiet",
            "button.id",
            ".block b",
            ".block small",
            "code",
            "th",
            "#axes label",
            ".badge",
        ):
            assert page.evaluate(CONTRAST, selector) >= 4.5, selector
        columns = page.evaluate("getComputedStyle(document.querySelector('.first')).gridTemplateColumns").split()
        assert len(columns) == (1 if width == 400 else 2)
        below = page.evaluate("document.getElementById('front-plot').getBoundingClientRect().bottom")
        assert width == 400 or below < 900

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_a_table_that_is_cut_shows_on_which_side(self, visit, folder, scheme):
        page = visit((folder / "report.html").as_uri(), 400, scheme)
        page.add_style_tag(content=".scroll * { color: transparent !important; border-color: transparent !important }")
        table = page.locator("[data-part=front] .scroll")

        def edges():
            """How far the pixels at either edge are from the card's colour, below the table's head."""
            picture = Image.open(io.BytesIO(table.screenshot())).convert("RGB")
            at = [picture.getpixel((x, picture.height * 3 // 4)) for x in (1, picture.width // 2, picture.width - 2)]
            return [max(abs(one - two) for one, two in zip(side, at[1], strict=True)) for side in (at[0], at[2])]

        left, right = edges()
        assert right > 40 and left < 8
        table.focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(300)
        assert table.evaluate("one => one.scrollLeft") > 0
        table.evaluate("one => one.scrollTo({left: one.scrollWidth, behavior: 'instant'})")
        assert edges()[1] < 8
        wide = visit((folder / "report.html").as_uri(), 1400, scheme).locator("[data-part=front] .scroll")
        assert wide.evaluate("one => one.scrollWidth <= one.clientWidth")

    def test_what_scrolls_is_reached_by_keys_and_has_a_name(self, page):
        found = page.evaluate("[...document.querySelectorAll('.scroll')].map(o => [o.tabIndex, o.role, o.ariaLabel])")
        assert len(found) >= 3
        assert all(index == 0 and role == "region" and label for index, role, label in found)

    def test_what_can_be_pressed_has_a_name(self, page):
        named = "one => one.textContent.trim() || one.ariaLabel || one.title || one.dataset.title || one.labels?.length"
        unnamed = (
            f"[...document.querySelectorAll('button, input')].filter(one => !({named})(one)).map(o => o.outerHTML)"
        )
        assert page.evaluate(unnamed) == []


# the contrast of an element's text with what is behind it, by the formula of WCAG 2
CONTRAST = """selector => {
  const element = document.querySelector(selector);
  const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
  let behind = element;
  while (behind && (numbers(getComputedStyle(behind).backgroundColor)[3] ?? 1) === 0) behind = behind.parentElement;
  const light = (color) => {
    const linear = (c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = numbers(color).map((c) => linear(c / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const pair = [getComputedStyle(element).color, getComputedStyle(behind ?? document.body).backgroundColor].map(light);
  return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
}"""


class TestEmpty:
    @pytest.mark.parametrize("width", [400, 1400])
    def test_a_run_that_has_nothing_yet(self, visit, tmp_path, width):
        folder = write_run(tmp_path / "run", count=-1, end="interrupted")
        page = visit(lemonade.report(folder).as_uri(), width)
        assert "no child had been trained" in page.inner_text("#why-empty")
        assert selected(page) == "No network selected"
        assert "nothing to draw" in page.inner_text("#volume-empty")
        assert not page.is_visible("#front-plot")
        assert page.evaluate("document.documentElement.scrollWidth") <= width

    def test_a_run_with_one_resource(self, visit, tmp_path):
        folder = write_run(tmp_path / "run", config_of(objectives=["error", "params"]), count=1)
        page = visit(lemonade.report(folder).as_uri())
        assert page.locator("#axes input[name=x]").count() == 1
        assert page.locator("#limits input").count() == 2


def test_hand_designed_networks_stand_beside_the_front(visit, tmp_path):
    folder = write_run(tmp_path / "run")
    write_reference(folder, Reference("resnet18", 11_175_370, 34_886_144, 55_200, 0.007, 0.05, 60.0, "cpu"))
    page = visit(lemonade.report(folder).as_uri())
    assert "★ hand-designed (1)" in page.inner_text("#legend")
    assert "resnet18; each trained from fresh weights on 55,200 images" in page.inner_text("#front-notes")
    traces = page.evaluate("document.getElementById('front-plot').data.map(one => [one.marker?.symbol, one.x, one.y])")
    assert [[x, y] for symbol, x, y in traces if symbol == "star"] == [[[11_175_370], [0.007]]]


def test_a_served_page_follows_its_run(visit, tmp_path):
    whole = write_run(tmp_path / "whole", count=4)
    lines = (whole / "journal.jsonl").read_text().splitlines(keepends=True)
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    begun = next(at for at, line in enumerate(lines) if json.loads(line).get("generation") == 2)
    (folder / "journal.jsonl").write_text("".join(lines[:begun]))
    with make_server(folder, 0) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            page = visit(f"http://127.0.0.1:{server.server_port}/")
            page.check("#axes input[name=x] >> nth=1")
            page.click("#axes [data-mark=smallest]")
            before, sentence = selected(page), page.inner_text("h1")
            page.focus("input[data-limit=params]", timeout=5_000)
            page.evaluate("scrollTo(0, 300); window.same = document.getElementById('front-plot')")
            page.wait_for_selector('#news:has-text("follows")')
            (folder / "journal.jsonl").write_text("".join(lines))
            page.wait_for_selector('#news:text-is("The run has ended.")')
            assert page.inner_text("h1") != sentence
            assert page.inner_text("[data-part=standing]").count("finished") == 1
            assert (selected(page), axes_of(page)[0]) == (before, "flops (multiply-adds)")
            assert page.evaluate("window.same === document.getElementById('front-plot')")
            assert page.evaluate("document.activeElement.dataset.limit") == "params"
            # what is looked at stays where it is, though a sentence above it may now take a line more or less
            assert abs(page.evaluate("scrollY") - 300) < 60
            asked = []
            page.on("request", lambda request: asked.append(request.url))
            page.wait_for_timeout(3_500)
            assert asked == []  # a run that has ended is not asked for again
        finally:
            server.shutdown()
            thread.join()
