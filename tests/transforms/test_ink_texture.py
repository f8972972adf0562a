"""Texture of ink: lighter places, none of them bare, under the whole line."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from digit_sequence.transforms.ink.ink_texture import APART, STEPS, InkTexture
from digit_sequence.transforms.page.tiles import SIZE, make_grain
from rendering import make_identities, make_layers

FULL = np.full((40, 60), 255, np.uint8)
NONE = {"ink_grain": [0.0], "ink_skips": [0.0], "ink_pressure": [0.0], "ink_texel": [0]}


def lighten(compiled: bool, *pictures: np.ndarray[Any, Any], **drawn: float) -> Any:
    """Return the layers of some pictures, lightened."""
    if compiled:
        pytest.importorskip("numba")
    layers = make_layers(*pictures, top=3, left=5)
    texture = InkTexture(InkTexture.Settings())
    values = {name: np.array([drawn.get(name, low[0])]) for name, low in NONE.items()}
    stream = make_identities("1" * len(pictures)).stream("ink_texture")
    (texture.apply_compiled if compiled else texture.apply)(layers, values, stream)
    return list(layers)


@pytest.mark.parametrize("compiled", [False, True])
def test_nothing_is_changed_by_nothing(compiled: bool) -> None:
    """Ink without grain, skips or pressure is as it was."""
    assert (lighten(compiled, FULL, ink_texel=77)[0] == 255).all()


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("share", [0.1, 0.3])
def test_skips_are_as_many_as_drawn(compiled: bool, share: float) -> None:
    """So much of the ink is skipped, in places; elsewhere it is whole."""
    full = np.full((200, 250), 255, np.uint8)
    layers = lighten(compiled, full, ink_skips=share, ink_texel=1234)
    assert abs((layers[0] < 255 * 0.575).mean() - share) <= 0.06
    assert layers[0].max() == 255
    assert layers[0].min() == round(0.15 * 255)


@pytest.mark.parametrize("compiled", [False, True])
def test_pressure_by_hand(compiled: bool) -> None:
    """Full ink at level 160 of the tile or above, all that may be lacking at 80 or below."""
    row, column = 11, 500
    (layer,) = lighten(compiled, FULL, ink_pressure=0.5, ink_texel=row * SIZE + column)
    y, x = np.ogrid[3:43, 5:65]
    levels = make_grain()[
        (row + 2 * APART + y * STEPS[2]) % SIZE, (column + x * STEPS[2]) % SIZE
    ].astype(float)
    expected = 255 * (1 - 0.5 * ((160 - levels) / 80).clip(0, 1))
    assert np.abs(layer - expected).max() <= 1
    assert (layer[levels >= 160] == 255).all()


@pytest.mark.parametrize("compiled", [False, True])
def test_no_ink_is_lost_and_none_is_added(compiled: bool) -> None:
    """Faint ink stays, so that boxes do; paper stays bare."""
    picture = np.tile(np.arange(8, dtype=np.uint8), (20, 4))
    strongest = {"ink_grain": 0.8, "ink_skips": 0.3, "ink_pressure": 0.8}
    (layer,) = lighten(compiled, picture, ink_texel=9999, **strongest)
    assert ((layer > 0) == (picture > 0)).all()
    assert (layer <= picture).all()


def test_texture_lies_under_the_whole_line() -> None:
    """Digits that share a place of the canvas have its light places in common."""
    one, other = lighten(False, FULL, FULL[:20, :30], ink_grain=0.8, ink_texel=42)
    assert (one[:20, :30] == other).all()
    assert one.std() > 20
