"""Salt and pepper of the whole canvas, by 16 bits for each pixel."""

from __future__ import annotations

import numpy as np
import pytest

from digit_sequence.transforms.page.salt_pepper import SaltPepper
from rendering import make_identities, make_pages


@pytest.mark.parametrize("amount", [0.001, 0.02, 0.5])
def test_amount_of_salt_and_pepper(amount: float) -> None:
    """The share of specks is the drawn one, half of them bright and half dark."""
    images = np.full((40, 28, 160), 128, np.uint8)
    stream = make_identities(*map(str, range(40))).stream("salt_pepper")
    transform = SaltPepper(SaltPepper.Settings(amount=(amount, amount)))
    transform.apply(make_pages(images), {"salt_pepper": np.full(40, amount)}, stream)
    for value in (0, 255):
        n_specks = int((images == value).sum())
        expected = images.size * amount / 2
        assert n_specks == pytest.approx(expected, abs=5 * expected**0.5)
    assert set(np.unique(images).tolist()) == {0, 128, 255}
    n_pixels = images[0].size
    for sample, image in enumerate(images):
        specks = stream.of_pixels(sample, n_pixels // 4).view("<u2") / 2**16
        assert ((image.reshape(-1) == 0) == (specks < amount / 2)).all()
        assert ((image.reshape(-1) == 255) == (specks >= 1 - amount / 2)).all()


def test_canvas_without_specks_stays() -> None:
    """An amount of 0 sets no pixel."""
    images = np.full((5, 28, 160), 128, np.uint8)
    stream = make_identities(*"12345").stream("salt_pepper")
    transform = SaltPepper(SaltPepper.Settings(amount=(0, 0)))
    transform.apply(make_pages(images), {"salt_pepper": np.zeros(5)}, stream)
    assert (images == 128).all()
