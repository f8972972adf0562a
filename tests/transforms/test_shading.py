"""Uneven light: gradient, vignette, shadow and the edge of the paper."""

from __future__ import annotations

import numpy as np
import pytest

from digit_sequence.transforms.page.gradient import Gradient
from digit_sequence.transforms.page.paper_edge import PaperEdge
from digit_sequence.transforms.page.shadow import Shadow
from digit_sequence.transforms.page.vignette import Vignette
from rendering import make_identities, make_pages

STREAM = make_identities("1").stream("light")


def grey(level: int = 100) -> np.ndarray:
    """Return one grey page."""
    return np.full((1, 40, 100), level, np.uint8)


@pytest.mark.parametrize(("degrees", "axis"), [(0, 1), (90, 0)])
def test_gradient_has_its_change(degrees: float, axis: int) -> None:
    """Light grows evenly along the slope by the drawn share, and is as bright on the whole."""
    pages = make_pages(grey())
    drawn = {"gradient": np.array([0.4]), "gradient_degrees": np.array([degrees])}
    Gradient(Gradient.Settings(change=(0.4, 0.4))).apply(pages, drawn, STREAM)
    profile = pages.pixels[0].mean(axis=1 - axis)
    assert profile[0] == pytest.approx(80, abs=1)
    assert profile[-1] == pytest.approx(120, abs=1)
    assert profile.mean() == pytest.approx(100, abs=0.5)
    assert (np.diff(profile) >= 0).all()


def test_vignette_darkens_corners() -> None:
    """The middle keeps its light, the corners lose the drawn share."""
    pages = make_pages(grey())
    Vignette(Vignette.Settings(loss=(0.5, 0.5))).apply(pages, {"vignette": np.array([0.5])}, STREAM)
    page = pages.pixels[0].astype(int)
    assert page[20, 50] == 100
    assert page[[0, 0, -1, -1], [0, -1, 0, -1]] == pytest.approx(50, abs=2)


def test_shadow_has_a_soft_edge() -> None:
    """Before its edge all is as it was, beyond it the light is less, half way half as much."""
    pages = make_pages(grey())
    drawn = {
        "shadow": np.array([0.4]),
        "shadow_row": np.array([0.5]),
        "shadow_column": np.array([0.5]),
        "shadow_softness": np.array([0.5]),
        "shadow_degrees": np.array([0.0]),
    }
    Shadow(Shadow.Settings(loss=(0.4, 0.4))).apply(pages, drawn, STREAM)
    profile = pages.pixels[0, 0].astype(int)
    assert (profile[:39] == 100).all()
    assert (profile[61:] == 60).all()
    assert profile[49:51] == pytest.approx([82, 78], abs=2)
    assert (np.diff(profile) <= 0).all()


@pytest.mark.parametrize("side", range(4))
def test_paper_ends_at_its_edge(side: int) -> None:
    """Beyond the edge levels are multiplied, as far as the inset says, on the side that it says."""
    pages = make_pages(grey())
    drawn = {
        "paper_edge": np.array([0.5]),
        "paper_edge_inset": np.array([0.2]),
        "paper_edge_degrees": np.array([0.0]),
        "paper_edge_side": np.array([side]),
    }
    PaperEdge(PaperEdge.Settings(light=(0.5, 0.5))).apply(pages, drawn, STREAM)
    page = np.rot90(pages.pixels[0], side)  # its side is the right one now
    assert (page[:, -7:] == 50).all()
    assert (page[:, :-9] == 100).all()
