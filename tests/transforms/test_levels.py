"""The grey of paper and of ink, and the contrast of a camera."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from digit_sequence.transforms.page.contrast import Contrast
from digit_sequence.transforms.page.levels import Levels
from rendering import make_identities, make_pages

STREAM = make_identities("1").stream("levels")


def test_coverage_becomes_grey() -> None:
    """No ink is the paper's grey, full ink the ink's, and half of it lies in the middle."""
    pages = make_pages(np.array([[[0, 51, 255]], [[0, 51, 255]]], np.uint8))
    drawn = {"paper": np.array([200, 0]), "ink": np.array([50, 0])}
    Levels(Levels.Settings(paper=(200, 200), ink=(0.25, 0.25))).apply(pages, drawn, STREAM)
    assert pages.pixels.tolist() == [[[200, 170, 50]], [[0, 51, 255]]]


def test_ink_is_a_share_of_its_paper() -> None:
    """Grey of ink is drawn as a share of that of its paper; both are label columns."""
    stream = make_identities(*map(str, range(500))).stream("levels")
    drawn = Levels(Levels.Settings(paper=(150, 250), ink=(0.2, 0.5))).draw(stream)
    share = drawn["ink"] / drawn["paper"]
    assert [drawn["paper"].min(), drawn["paper"].max()] == [150, 250]
    assert share.min() == pytest.approx(0.2, abs=0.01)
    assert share.max() == pytest.approx(0.5, abs=0.01)
    assert abs(np.corrcoef(share, drawn["paper"])[0, 1]) < 0.15


@pytest.mark.parametrize("bad", [{"paper": (95, 200)}, {"ink": (0.1, 0.76)}, {"ink": (0.3, 0.2)}])
def test_ink_like_its_paper_is_refused(bad: dict[str, tuple[float, float]]) -> None:
    """Ranges that make ink as bright as its paper are no settings."""
    with pytest.raises(ValidationError):
        Levels.Settings.model_validate({"paper": (150, 200), "ink": (0.1, 0.4)} | bad)


def test_contrast_is_about_the_middle_grey() -> None:
    """Levels are spread about 128, shifted and cut."""
    pages = make_pages(np.array([[[0, 100, 128, 250]]], np.uint8))
    drawn = {"contrast": np.array([1.5]), "contrast_offset": np.array([10])}
    Contrast(Contrast.Settings(gain=(1, 2))).apply(pages, drawn, STREAM)
    assert pages.pixels.tolist() == [[[0, 96, 138, 255]]]
