"""The picture of the explorer: ``python -m tests.screenshots FILE``, in Debian's Chromium."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

SIZE = {"width": 1280, "height": 800}
COLORS = 256
COMMAND = ("digit_sequence", "browse", "configs/default.yaml", "--no-open", "-n", "200")


def take_picture(address: str) -> bytes:
    """Return a picture of a sample that is drawn anew, as PNG."""
    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE, color_scheme="light", reduced_motion="reduce")
        page.goto(address)
        page.wait_for_selector(".tile")
        page.fill("#where", "look = 'cheque' AND n_digits = 5 AND pattern > 0.3")
        page.click("text=Ask")
        page.locator(".busy").wait_for(state="detached")
        page.check("#boxes")
        page.locator(".tile").first.click()
        page.get_by_label("slant_degrees", exact=True).fill("30")
        page.wait_for_selector("text=Drawn anew")
        picture = page.screenshot()
        browser.close()
    return picture


def main() -> None:
    """Write it, in few colours, so that it is small."""
    process = subprocess.Popen([sys.executable, "-m", *COMMAND], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        picture = take_picture(process.stdout.readline().strip())
    finally:
        process.terminate()
        process.wait()
    with Image.open(io.BytesIO(picture)) as image:
        reduced = image.convert("RGB").quantize(COLORS, dither=Image.Dither.NONE)
    reduced.save(Path(sys.argv[1]), optimize=True)


if __name__ == "__main__":
    main()
