"""The explorer in a real browser: seen, used by keys alone, and checked for those who need help."""

from __future__ import annotations

import re
import shutil
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright, of the extra dev")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe, likewise")

from visitors import ENDLESS, running, visit  # noqa: E402 - it needs these

pytestmark = pytest.mark.slow
expect = playwright.expect
expect.set_options(timeout=60_000)
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
HOSTILE = "</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def browser():
    """Run Debian's Chromium, or what stands for it; skip where there is none."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("needs chromium: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield found
        found.close()


@contextmanager
def visiting(browser, address, size="desktop", scheme="light"):
    """Open the explorer; whatever the browser complains of fails the test."""
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
    )
    context.set_default_timeout(120_000)
    page = context.new_page()
    told = []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("dialog", lambda dialog: told.append(f"dialog: {dialog.message}"))
    page.goto(address)
    page.wait_for_selector(".tile")
    yield page
    context.close()
    assert [it for it in told if "status of 400" not in it] == []


def check_use(page):
    """Check that axe finds nothing serious, and that nothing sticks out at the side."""
    found = axe.Axe().run(page).response["violations"]
    serious = [it for it in found if it["impact"] in ("serious", "critical")]
    assert [(it["id"], it["nodes"][0]["html"][:200]) for it in serious] == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def open_first(page):
    """Open the first sample and wait for its recipe."""
    page.locator(".tile").first.click()
    page.wait_for_selector("#groups .group")


@pytest.mark.parametrize(("size", "scheme"), [("desktop", "light"), ("phone", "dark")])
def test_all_can_use_it(browser, address, size, scheme):
    """Samples, a sample, one drawn anew, a table, an error and help pass axe at both widths."""
    with visiting(browser, address, size, scheme) as page:
        for layer in ("boxes", "masks", "polygons"):
            page.check(f"#{layer}")
        page.wait_for_selector(".tile .mask", state="attached")
        check_use(page)
        page.click("#help-button")
        check_use(page)
        page.keyboard.press("Escape")
        open_first(page)
        page.locator("#groups details summary").first.click()
        slider = page.locator("#groups input[type=range]:visible").first
        slider.focus()
        slider.press("ArrowRight")
        page.wait_for_selector("text=Drawn anew")
        check_use(page)
        page.keyboard.press("Escape")
        page.locator("#filters").evaluate("element => { element.open = true; }")
        page.locator("#filters details").evaluate_all("all => all.map((it) => { it.open = true; })")
        page.click("#add-condition")
        page.fill("#where", "SELECT look, count(*) FROM labels GROUP BY 1")
        page.click("text=Ask")
        page.wait_for_selector("#error:not(:empty)")
        check_use(page)
        page.fill("#where", "SELECT n_digits, count(*) FROM labels GROUP BY 1")
        page.click("text=Ask")
        page.wait_for_selector(".answer table")
        check_use(page)


def test_keys(browser, address, visitor):
    """All can be done by keys alone."""
    n_found = visitor.page(where="n_digits = 1")["total"]
    with visiting(browser, address) as page:
        focused = "document.activeElement.dataset.place ?? document.activeElement.id"
        page.locator(".tile").first.focus()
        for key, place in (
            ("ArrowRight", "1"),
            ("ArrowDown", "4"),
            ("ArrowLeft", "3"),
            ("ArrowUp", "0"),
        ):
            page.keyboard.press(key)
            assert page.evaluate(focused) == place
        page.keyboard.press("b")
        assert page.is_checked("#boxes")
        before = page.evaluate("Number(document.getElementById('zoom').value)")
        page.keyboard.press("+")
        assert page.evaluate("Number(document.getElementById('zoom').value)") > before
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        page.wait_for_selector("#groups .group")
        assert "train-000000001" in page.inner_text("#sample-title")
        page.keyboard.press("ArrowRight")
        expect(page.locator("#sample-title")).to_contain_text("000002")
        page.keyboard.press("Escape")
        expect(page.locator(".tile[data-place='2']")).to_be_focused()
        page.keyboard.press("/")
        assert page.evaluate(focused) == "where"
        page.keyboard.type("n_digits = 1")
        page.keyboard.press("Control+Enter")
        expect(page.locator(".count")).to_contain_text(f"of {n_found} samples")
        page.keyboard.press("Tab")
        page.keyboard.press("?")
        assert page.is_visible("#help")


def test_sliders(browser, address):
    """A slider draws the sample anew; as it was, it is again."""
    with visiting(browser, address) as page:
        page.fill("#where", "blur_sigma > 0.1")
        page.click("text=Ask")
        expect(page.locator(".busy")).to_have_count(0)
        open_first(page)
        image = page.get_attribute("#stage svg image", "href")
        page.fill("#find", "line.blur")
        slider = page.get_by_label("blur_sigma", exact=True)
        slider.fill("2")
        page.wait_for_selector("text=Drawn anew")
        drawn = page.locator("#stage svg image:not(.mask)")
        assert drawn.nth(0).get_attribute("href") == image
        expect(drawn.nth(1)).not_to_have_attribute("href", image)
        assert "sigma" in page.text_content("#fragment")
        page.click("#reset")
        assert drawn.count() == 1
        page.fill("#draw-number", "12x")
        page.keyboard.press("Enter")
        page.wait_for_selector("#draw-error:has-text('expected 1 to 64 digits and signs')")
        page.fill("#draw-number", "90")
        page.keyboard.press("Enter")
        page.wait_for_selector("svg[aria-label^='Drawn anew: 90']")


def test_cancel(browser, address):
    """A question without end can be cancelled, or another asked; none waits for it."""
    with visiting(browser, address) as page:
        assert not page.is_visible("#cancel")
        page.fill("#where", ENDLESS)
        page.click("text=Ask")
        page.wait_for_selector("#cancel:visible")
        check_use(page)
        page.click("#cancel")
        page.wait_for_selector("#error:has-text('the query was cancelled')")
        assert not page.is_visible("#cancel")
        page.click("text=Ask")
        page.wait_for_selector("#cancel:visible")
        page.fill("#where", "n_digits > 0")
        page.click("text=Ask")
        expect(page.locator("#error")).to_be_empty()
        expect(page.locator(".busy")).to_have_count(0)
        assert page.locator(".tile").count()


def test_two_pages(browser, address):
    """A page's questions end with it, or when it asks another; those of other pages go on."""
    with visiting(browser, address) as page, visiting(browser, address) as other:
        for it in (page, other):
            it.fill("#where", ENDLESS)
            it.click("text=Ask")
            it.wait_for_selector("#cancel:visible")
        page.fill("#where", "n_digits = 1")
        page.click("text=Ask")
        other.wait_for_timeout(1000)
        assert other.is_visible("#cancel")
        assert other.text_content("#error") == ""
        other.close()
        expect(page.locator(".busy")).to_have_count(0, timeout=20_000)
        expect(page.locator("#error")).to_be_empty()


def test_question_is_in_the_address(browser, address):
    """A page that is loaded again shows what was asked."""
    with visiting(browser, address) as page:
        page.select_option("#split", "test")
        page.fill("#least", "2")
        page.select_option("#sort", "number")
        page.click("#direction")
        expect(page.locator(".busy")).to_have_count(0)
        assert page.inner_text("#error") == ""
        keys = page.locator(".tile .key").all_inner_texts()
        assert keys
        page.reload()
        page.wait_for_selector(".tile")
        assert page.locator(".tile .key").all_inner_texts() == keys
        assert page.input_value("#least") == "2"
        assert page.input_value("#sort") == "number"


def test_hostile_texts(browser, folder, tmp_path):
    """Markup of a dataset is text on the page, and no part of it runs."""
    copy = shutil.copytree(folder, tmp_path / "out")
    for path in (copy / "labels").rglob("*.parquet"):
        rows = pq.read_table(path)
        texts = pa.array([HOSTILE] * len(rows))
        own = rows.append_column("look", texts).append_column(HOSTILE, texts)
        own = own.set_column(own.column_names.index("number"), "number", texts)
        pq.write_table(own.replace_schema_metadata(rows.schema.metadata), path)
    with running(visit(copy).explorer) as address, visiting(browser, address) as page:
        assert HOSTILE in page.inner_text(".tile .label")
        page.select_option("#sort", HOSTILE)
        page.wait_for_selector(".tile .value")
        assert HOSTILE in page.inner_text(".tile .value")
        page.locator(".tile").first.click()
        page.wait_for_selector("#row th")
        assert HOSTILE in page.inner_text("#row")
        assert page.locator("img").count() == 0
        assert page.locator("script").count() == 1


def test_two_beside_each_other(browser, folder, visitor):
    """Two datasets answer the same question, each in its column."""
    with running(visitor.explorer, visit(folder).explorer) as address:
        for size in SIZES:
            with visiting(browser, address, size) as page:
                expect(page.locator(".pane .tile")).to_have_count(34)
                check_use(page)
                boxes = [pane.bounding_box() for pane in page.locator(".pane").all()]
                assert boxes[0]["x"] + boxes[0]["width"] <= boxes[1]["x"]
                counts = page.locator(".count").all_inner_texts()
                assert all(re.fullmatch("1.17 of 17 samples", it) for it in counts)
