"""Inversion turns bright ink on black into dark ink on white."""

from __future__ import annotations

from digit_sequence.sources.bank import GlyphBank
from rendering import MakeConfig, Pools, render_samples


def test_inversion_is_of_the_chosen_samples(
    tiny_config: MakeConfig, bank: GlyphBank, pools: Pools
) -> None:
    """Inverted canvases are dark on bright, the others as they were."""
    samples = [("5", index) for index in range(20)]
    plain = render_samples(tiny_config(), bank, pools["train"], samples)
    config = tiny_config(line={"invert": {"probability": 0.5}})
    rendered = render_samples(config, bank, pools["train"], samples)
    inverted = rendered.recipes.drawn["inverted"]
    assert 0 < inverted.sum() < 20
    assert (rendered.images[inverted] == 255 - plain.images[inverted]).all()
    assert (rendered.images[~inverted] == plain.images[~inverted]).all()
