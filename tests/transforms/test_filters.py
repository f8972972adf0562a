"""Defocus and motion: filters of small windows."""

from __future__ import annotations

import numpy as np
import pytest

from digit_sequence.transforms.page.defocus import Defocus, weigh_disc
from digit_sequence.transforms.page.filters import FULL, filter_page
from digit_sequence.transforms.page.motion import Motion, weigh_way


@pytest.mark.parametrize("radius", [0.01, 0.3, 0.5, 1.0, 1.7, 2.8])
def test_disc_has_its_area(radius: float) -> None:
    """Weights are even over the disc and 0 beyond it, and lose no light."""
    weights = weigh_disc(radius)
    assert weights.sum() == FULL
    assert (weights == weights[::-1]).all()
    assert (weights == weights.T).all()
    if radius >= 1:
        assert FULL / weights.max() == pytest.approx(np.pi * radius**2, rel=0.03)


def test_way_has_its_length() -> None:
    """A point is drawn out along its way: as far as it is long, in its direction."""
    weights = weigh_way(6.0, 0.0) / FULL
    assert weights.sum() == 1
    middle = len(weights) // 2
    assert weights[middle, middle - 2 : middle + 3] == pytest.approx(1 / 6, abs=0.02)
    assert (weights.sum(axis=1) > 0).sum() == 1
    steep = weigh_way(6.0, 90.0) / FULL
    assert steep == pytest.approx(weights.T, abs=1e-3)
    place = np.arange(len(weights)) - middle
    slanted = weigh_way(5.0, 45.0) / FULL
    place = np.arange(len(slanted)) - len(slanted) // 2
    assert (slanted * place[:, None] * place).sum() > 0  # falls to the right


def test_even_pages_stay() -> None:
    """A page of one grey stays as it is, up to its edges."""
    page = np.full((9, 12), 77, np.uint8)
    filter_page(page, weigh_disc(2.5))
    filter_page(page, weigh_way(4, 30))
    assert (page == 77).all()


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        (
            Defocus(Defocus.Settings(radius=(1, 3))),
            "defocus.radius: expected at most 2.8, 1/10 of",
        ),
        (
            Motion(Motion.Settings(pixels=(1, 6))),
            "motion.pixels: expected at most 5.6, 1/5 of",
        ),
    ],
)
def test_blur_that_washes_digits_out_is_refused(transform: Defocus | Motion, message: str) -> None:
    """A low canvas allows less."""
    with pytest.raises(ValueError, match=message):
        transform.check(28, 200)
    transform.check(64, 200)
