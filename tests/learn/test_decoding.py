"""The likeliest number over all paths, against sums over each path."""

from __future__ import annotations

import itertools
import math

import pytest

torch = pytest.importorskip("torch", reason="needs the extra torch")

from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from digit_sequence.learn.batches import decode_classes  # noqa: E402
from digit_sequence.learn.decoding import (  # noqa: E402
    SURE,
    decode_scores,
    find_candidates,
    read_images,
    score_numbers,
)

pytestmark = pytest.mark.extras


def sum_paths(scores):
    """Return the probability of each number, by going through all paths."""
    n_steps, n_classes = scores.shape
    sums = {}
    for path in itertools.product(range(n_classes), repeat=n_steps):
        (number,) = decode_classes(torch.tensor([path]))
        chance = float(sum(scores[step, label] for step, label in enumerate(path)).exp())
        sums[number] = sums.get(number, 0.0) + chance
    return sums


def draw_scores(seed, n_steps, n_classes=4, sharpness=1.0):
    """Return log probabilities at random."""
    noise = torch.randn(n_steps, n_classes, generator=torch.Generator().manual_seed(seed))
    return (sharpness * noise).log_softmax(-1)


def test_likelihood():
    """The likelihood of a number is the sum over all paths that decode to it."""
    scores = draw_scores(1, 3, 11)
    sums = sum_paths(scores)
    numbers = ["", "7", "77", "123", "40"]
    found = score_numbers(scores.expand(5, -1, -1), torch.full((5,), 3), numbers).exp().tolist()
    assert found == pytest.approx([sums[number] for number in numbers], rel=1e-4)
    assert score_numbers(scores[None], torch.tensor([3]), ["1234"]).tolist() == [-float("inf")]


@given(st.integers(0, 10**6), st.integers(1, 4), st.sampled_from([0.5, 1.0, 3.0, 9.0]))
def test_likeliest_number(seed, n_steps, sharpness):
    """The number found has the highest sum over paths, if no prefix falls out of the beam."""
    scores = draw_scores(seed, n_steps, sharpness=sharpness)
    sums = sum_paths(scores)
    assert sums[find_candidates(scores, beam=1000)[0]] == pytest.approx(max(sums.values()))
    ((number,), (confidence,)) = decode_scores(scores[None], torch.tensor([n_steps]))
    assert confidence == pytest.approx(sums[number], rel=1e-4)
    if scores.max(-1).values.sum() > math.log(0.5):
        assert sums[number] == max(sums.values())


def test_paths_of_one_number_outweigh_the_best_path():
    """The best path says 1; three others, which say 2, are likelier together."""
    scores = torch.tensor([[0.3, 0.0, 0.4, 0.3], [0.6, 0.0, 0.0, 0.4]]).log()
    assert decode_classes(scores.argmax(-1)[None]) == ["1"]
    numbers, confidences = decode_scores(scores[None], torch.tensor([2]))
    assert (numbers, confidences) == (["2"], pytest.approx([0.42]))


def test_steps_beside_an_image():
    """What follows the steps of an image does not count, sure or unsure."""
    for sharpness in (0.5, 9.0):
        narrow = draw_scores(3, 4, sharpness=sharpness)
        wide = torch.cat([narrow, draw_scores(4, 3, sharpness=9.0)])
        both = decode_scores(torch.stack([wide, wide]), torch.tensor([4, 7]))
        assert both[0][0] == decode_scores(narrow[None], torch.tensor([4]))[0][0]
        assert both[1][0] == pytest.approx(decode_scores(narrow[None], torch.tensor([4]))[1][0])


def test_long_unsure_line():
    """A line of a thousand steps, each unsure, is read all the same."""
    scores = draw_scores(5, 1000, sharpness=0.3)
    candidates = find_candidates(scores)
    likelihoods = score_numbers(
        scores.expand(len(candidates), -1, -1), torch.full((len(candidates),), 1000), candidates
    )
    assert len(candidates) > 1
    assert torch.isfinite(likelihoods).all()


class Shifty:
    """A network that reads 1 with this confidence at the first look, and 2 for sure at others."""

    def __init__(self, confidence):
        self.confidence, self.looks = confidence, []

    def parameters(self):
        """Be on the CPU."""
        yield torch.zeros(1)

    def __call__(self, images, widths):
        """Return scores (B, T, 4)."""
        first = not self.looks
        self.looks.append((images, widths))
        one = self.confidence if first else 0.01
        step = torch.tensor([[0.0, 0.0, one, 1 - one]])
        blank = torch.tensor([[1.0, 0.0, 0.0, 0.0]])
        n_steps = -(-images.shape[3] // 4)
        return torch.cat([step, blank.expand(n_steps - 1, -1)]).log().expand(len(images), -1, -1)


@pytest.mark.parametrize(("confidence", "number"), [(0.95, "1"), (0.7, "2")])
def test_second_look(confidence, number):
    """What is unsure is looked at again, two columns further, and both looks count."""
    model = Shifty(confidence)
    images = torch.rand(1, 1, 32, 40, generator=torch.Generator().manual_seed(0))
    numbers, _, _ = read_images(model, images, torch.tensor([40]))
    assert numbers == [number]
    if confidence < SURE:
        again, widths = model.looks[1]
        assert torch.equal(again[..., 2:], images)
        assert torch.equal(again[..., :2], images[..., :1].expand(-1, -1, -1, 2))
        assert widths.tolist() == [42]
    assert len(model.looks) == (2 if confidence < SURE else 1)
