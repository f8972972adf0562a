"""Noise: Gaussian, by 16 bits for each pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import kstest, norm

from digit_sequence.base.randomness import Stream
from digit_sequence.sources.bank import GlyphBank
from digit_sequence.transforms.canvas import Pages
from digit_sequence.transforms.page.noise import Noise
from rendering import (
    MakeConfig,
    Pools,
    make_identities,
    make_pages,
    render_samples,
    round_half_up,
)


def make_grey(n_samples: int, purpose: str) -> tuple[Pages, Stream]:
    """Return pages of mid grey, and the words of as many numbers."""
    pages = make_pages(np.full((n_samples, 28, 160), 128, np.uint8))
    return pages, make_identities(*map(str, range(n_samples))).stream(purpose)


@pytest.mark.parametrize("sigma", [0.5, 5, 25])
def test_noise_is_gaussian(sigma: float) -> None:
    """Noise has mean 0 and the drawn deviation, and the shape of a normal distribution."""
    pages, stream = make_grey(20, "noise")
    Noise(Noise.Settings(sigma=(sigma, sigma))).apply(
        pages, {"noise_sigma": np.full(20, float(sigma))}, stream
    )
    noise = pages.pixels.astype(float) - 128
    n_pixels = noise.size
    assert noise.mean() == pytest.approx(0, abs=5 * sigma / n_pixels**0.5 + 1e-3)
    rounded = np.hypot(sigma, 12**-0.5)  # rounding adds the variance of a unit square
    assert noise.std() == pytest.approx(rounded, rel=0.02)
    if sigma == 25:
        jitter = np.random.default_rng(0).uniform(-0.5, 0.5, 20_000)
        assert kstest(noise.reshape(-1)[:20_000] + jitter, norm(scale=rounded).cdf).pvalue > 1e-3
    neighbours = np.corrcoef(noise[:, :, 1:].reshape(-1), noise[:, :, :-1].reshape(-1))[0, 1]
    assert abs(neighbours) < 0.02
    assert len({page.tobytes() for page in pages.pixels}) == 20


def test_noise_follows_its_words(tiny_config: MakeConfig, bank: GlyphBank, pools: Pools) -> None:
    """Each pixel's noise is the quantile of 16 bits of its own, and then come its specks."""
    canvas = {"height": 9, "width": 33}
    line: dict[str, Any] = {"noise": {"sigma": [7, 30]}, "salt_pepper": {"amount": [0.1, 0.3]}}
    clean = render_samples(tiny_config(canvas=canvas), bank, pools["train"], [("42", 6)])
    config = tiny_config(canvas=canvas, line=line)
    rendered = render_samples(config, bank, pools["train"], [("42", 6)])
    sigma = rendered.recipes.drawn["noise_sigma"][0]
    amount = rendered.recipes.drawn["salt_pepper"][0]
    n_words = -(-9 * 33 // 4)
    gauss, specks = (
        rendered.recipes.identities.stream(name)
        .of_pixels(0, n_words)
        .view("<u2")[: 9 * 33]
        .astype(float)
        for name in ("noise", "salt_pepper")
    )
    noisy = clean.images[0].reshape(-1) + sigma * norm.ppf((gauss + 0.5) / 2**16)
    expected = round_half_up(noisy.clip(0, 255))
    expected[specks / 2**16 < amount / 2] = 0
    expected[specks / 2**16 >= 1 - amount / 2] = 255
    assert rendered.images[0].reshape(-1).tolist() == expected.tolist()


def test_canvas_without_noise_stays() -> None:
    """A deviation of 0 changes no pixel, of this canvas alone."""
    pages, stream = make_grey(5, "noise")
    noise = Noise(Noise.Settings(sigma=(0, 9)))
    noise.apply(pages, {"noise_sigma": np.zeros(5)}, stream)
    assert (pages.pixels == 128).all()
    noise.apply(pages, {"noise_sigma": np.array([0, 9.0, 0, 0, 0])}, stream)
    assert (pages.pixels[[0, 2, 3, 4]] == 128).all()
    assert (pages.pixels[1] != 128).any()
