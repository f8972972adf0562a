"""What single panels compute: perceptual hashes, distances of samples, the page in a browser."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest

pytest.importorskip("altair", reason="needs the extra report")

from digit_sequence.report.page import Section, write_page
from digit_sequence.report.panel import Fact, Note, Table
from digit_sequence.report.panels.duplicates import NEAR_BITS, find_near, hash_gradients
from digit_sequence.report.panels.measured import measure_distance
from digit_sequence.report.report import make_report
from digit_sequence.report.subject import BuiltSubject
from digit_sequence.store.storage import Storage


def count_bits(first, second):
    """Return in how many bits two hashes differ."""
    return int(np.bitwise_count(first ^ second).sum())


def test_difference_hash():
    """Bits are set where an area is darker than the next; of 128 areas."""
    ramp = np.tile(np.arange(17, dtype=np.uint8), (8, 1))
    assert np.bitwise_count(hash_gradients(ramp)).sum() == 128
    assert np.bitwise_count(hash_gradients(ramp[:, ::-1].copy())).sum() == 0
    ramp[0] = 0
    assert np.bitwise_count(hash_gradients(ramp)).sum() == 128 - 16


def test_near_duplicates_are_near():
    """An image with other noise is near to itself, and far from another."""
    generator = np.random.default_rng(0)
    images = [np.kron(generator.integers(0, 256, (8, 17)), np.ones((4, 8))) for _ in range(2)]
    noisy = images[0] + generator.normal(0, 4, images[0].shape)
    hashes = [hash_gradients(it.clip(0, 255).astype(np.uint8)) for it in (*images, noisy)]
    assert count_bits(hashes[0], hashes[2]) <= NEAR_BITS < count_bits(hashes[0], hashes[1])
    first, second, bits = find_near(np.stack(hashes), count=1)
    assert (first.tolist(), second.tolist()) == ([0], [2])
    assert bits.tolist() == [count_bits(hashes[0], hashes[2])]


def test_nearest_pairs_are_all_compared():
    """The nearest pairs are those of comparing each with each."""
    hashes = np.random.default_rng(1).integers(0, 2**63, (60, 2)).astype(np.uint64)
    expected = sorted(
        (count_bits(hashes[i], hashes[j]), i, j) for i in range(60) for j in range(i + 1, 60)
    )
    first, second, bits = find_near(hashes, count=20)
    assert bits.tolist() == [pair[0] for pair in expected[:20]]
    pairs = zip(first, second, bits, strict=True)
    assert all(count_bits(hashes[i], hashes[j]) == bit for i, j, bit in pairs)


def test_distance_of_samples():
    """0 for equal samples, 1 for samples apart; the most that their shares differ between."""
    values = np.arange(10.0)
    assert measure_distance(values, values[::-1]) == 0
    assert measure_distance(values, values + 100) == 1
    assert measure_distance(np.array([0.0, 0, 0, 1]), np.array([0.0, 1, 1, 1])) == 0.5


def test_page_without_anything_odd():
    """Text of panels is escaped, figures have their thousands apart."""
    table = Table("<i>", ["what", "count"], [["a & b", 1234567]])
    section = Section("one", "<One>", "A lead.", [Note("x < y"), table])
    page = write_page("<name>", [Fact("1", "<fact>")], [section])
    for expected in (
        "&lt;name&gt;",
        "&lt;One&gt;",
        "x &lt; y",
        "a &amp; b",
        "1,234,567",
        "&lt;i&gt;",
    ):
        assert expected in page


@pytest.mark.slow
def test_page_in_a_browser(built, tmp_path):
    """A real browser draws the page and has nothing to complain of, such as its policy."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("needs chromium: apt-get install chromium")
    page = tmp_path / "page.html"
    page.write_text(make_report(BuiltSubject(Storage(str(built())))), encoding="utf-8")
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]
    shot = tmp_path / "shot.png"
    drawn = subprocess.run(
        [browser, *options, f"--screenshot={shot}", "--window-size=390,1500", page.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "CONSOLE" not in drawn.stderr, drawn.stderr
    assert shot.stat().st_size > 20_000
