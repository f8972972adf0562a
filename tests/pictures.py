"""The picture of a report: ``make screenshots`` writes it with Chromium."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
COLORS = 96
"""Colours of a picture: it stays below 200 kB."""


def draw_report(path: Path) -> None:
    """Write the beginning of the report of 5,000 samples of configs/default.yaml, as a PNG."""
    samples = {"train": 4000, "val": 500, "test": 500}
    given = [f"--set=splits.{split}.samples={count}" for split, count in samples.items()]
    program = [sys.executable, "-m", "digit_sequence"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build = [*program, "build", ROOT / "configs/default.yaml", "-o", folder / "data/default"]
        subprocess.run([*build, "--scheduler=synchronous", *given], check=True)
        page = folder / "report.html"
        subprocess.run([*program, "report", folder / "data/default", "-o", page], check=True)
        text = page.read_text(encoding="utf-8").replace(f"{folder}/", "")  # as of the first page
        page.write_text(text, encoding="utf-8")
        take_screenshot(page, folder / "page.png", folder / "profile")
        with Image.open(folder / "page.png") as picture:
            picture.convert("RGB").quantize(COLORS).save(path, optimize=True)


def take_screenshot(page: Path, picture: Path, profile: Path, size: str = "1100,1250") -> None:
    """Have Chromium show a page in a window of columns,rows, and write what is seen as a PNG."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if not browser:
        sys.exit("error: expected chromium on the PATH, got none")
    calm = ("disable-gpu", "disable-background-networking", "disable-sync", "no-first-run")
    options = [*calm, "headless", "hide-scrollbars", *["no-sandbox"] * (os.geteuid() == 0)]
    command = [browser, *(f"--{option}" for option in options), f"--user-data-dir={profile}"]
    subprocess.run(
        [*command, f"--window-size={size}", f"--screenshot={picture}", page.as_uri()],
        check=True,
        stderr=subprocess.DEVNULL,  # it looks for a desktop
    )


if __name__ == "__main__":
    draw_report(Path(sys.argv[1]))
