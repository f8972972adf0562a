"""A transform of another package: config, labels, both engines and boxes know it from one class."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage.filters import gaussian
from skimage.transform import warp

from conftest import find_extent, make_pool
from digit_sequence.base.errors import ConfigError, RenderError
from digit_sequence.building.sampler import open_sampler
from digit_sequence.building.shard import pack_shard
from digit_sequence.config.loading import load_config
from digit_sequence.config.model import Config
from digit_sequence.look.reference import describe_config, make_schema
from digit_sequence.plan.plan import make_plan
from digit_sequence.render.draw import fit_batch, render_batch
from digit_sequence.render.layout import lay_out
from digit_sequence.render.recipe import draw_recipes
from digit_sequence.sources.bank import GlyphBank
from digit_sequence.transforms.registry import TRANSFORMS
from strategies import fill, number_texts
from toys import TOYS, OneEngine, Stretch, Wave

MakeConfig = Callable[..., Config]


@pytest.fixture(params=TOYS, ids=lambda toy: toy.name)
def toy(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Register a toy."""
    with TRANSFORMS.adding(request.param):
        yield request.param


def turn_on(make: MakeConfig, *toys: Any, probability: float = 1, **blocks: Any) -> Config:
    """Make a config with some toys at their widest."""
    tree: dict[str, Any] = {"glyph": {}, "line": {}, **blocks}
    for toy in toys:
        setting = {toy.name: fill(toy.Settings, probability)}
        tree[toy.section] = {**tree[toy.section], **setting}
    return make(**tree)


# -- the registry and the config -------------------------------------------------------------------


def test_registry_is_as_before_afterwards() -> None:
    """What a test adds is gone after it, also when it fails."""
    before = [*TRANSFORMS]
    with pytest.raises(ZeroDivisionError), TRANSFORMS.adding(*TOYS):  # noqa: PT012
        assert [*TRANSFORMS] == [*before, *(toy.name for toy in TOYS)]
        with TRANSFORMS.adding(OneEngine):
            assert [*TRANSFORMS][-1] == OneEngine.name
        assert TRANSFORMS[TOYS[1].name] is TOYS[1]
        raise ZeroDivisionError
    assert [*TRANSFORMS] == before


def test_config_takes_its_block(tiny_config: MakeConfig, toy: Any) -> None:
    """Its block is read, checked, and off where it is left out."""
    config = turn_on(tiny_config, toy)
    assert config.transforms[-1].settings.model_dump(mode="json") == fill(toy.Settings, 1)
    assert config.columns[-1] in toy.columns
    assert toy.name not in [transform.name for transform in tiny_config().transforms]
    with pytest.raises(ConfigError, match=rf"{toy.section}\.{toy.name}\.probability: expected .*1"):
        turn_on(tiny_config, toy, probability=2)


def test_config_leaves_it_out_where_it_is_off(tiny_config: MakeConfig, toy: Any) -> None:
    """A config that does not use it is the same whatever is installed."""
    tree = tiny_config().model_dump(mode="json")
    assert toy.name not in tree["glyph"] | tree["line"]


def test_config_of_no_sections(toy: Any, tmp_path: Any) -> None:
    """A config file without the section of a transform has it off."""
    path = tmp_path / "c.yaml"
    path.write_text(
        "source: {name: mnist-5k}\nsplits: {train: {numbers: {values: ['7']}, samples: 2}}\n"
    )
    assert toy.name not in [transform.name for transform in load_config(path).transforms]
    setting = f"{toy.section}.{toy.name}={fill(toy.Settings, 1)}".replace("'", '"')
    assert load_config(path, [setting]).transforms[-1].name == toy.name


def test_unknown_key_lists_it(tiny_config: MakeConfig, toy: Any) -> None:
    """An unknown key's error lists its name, last, and as what may have been meant."""
    message = rf"{toy.section}\.{toy.name}s: unknown key; expected one of .*, {toy.name}; did you "
    with pytest.raises(ConfigError, match=message + f"mean {toy.name}"):
        tiny_config(**{toy.section: {f"{toy.name}s": {}}})


def test_it_is_unknown_without_it(tiny_config: MakeConfig) -> None:
    """Where it is not registered, its name is an unknown key."""
    for toy in TOYS:
        with pytest.raises(ConfigError, match=rf"{toy.name}: unknown key; expected one of"):
            turn_on(tiny_config, toy)


def test_reference_knows_it(toy: Any) -> None:
    """Its block and its columns stand in the reference, and its key in the JSON Schema."""
    text = describe_config()
    assert f"### `{toy.section}.{toy.name}`" in text
    for column in toy.columns:
        assert f"| `{column.name}` |" in text
    section = make_schema()["$defs"][f"{toy.section.title()}Section"]
    assert toy.name in section["properties"]


def test_plan_counts_its_code(tiny_config: MakeConfig, toy: Any) -> None:
    """The fingerprint has a digest of its module where it is on, and nothing where it is off."""
    on = make_plan(turn_on(tiny_config, toy), "digest").inputs["versions"]
    assert [*on["plugins"]] == [f"transform.{toy.name}"]
    assert len(on["plugins"][f"transform.{toy.name}"]) == 16
    assert "plugins" not in make_plan(tiny_config(), "digest").inputs["versions"]


# -- labels and pixels -----------------------------------------------------------------------------


def test_label_rows_have_its_columns(tiny_config: MakeConfig, toy: Any) -> None:
    """Rows have its columns, of their types, and what was drawn; both engines write the same."""
    config = turn_on(tiny_config, toy, probability=0.5)
    packed = []
    for engine in ("skimage", "numba"):
        sampler = open_sampler(config, engine)
        packed.append(pack_shard(sampler, sampler.plan.splits["train"].shard(0)))
    assert packed[0] == packed[1]
    rows = packed[0][0].rows
    assert rows.column_names[-2:] == [toy.columns[-1].name, "pixel_hash"]
    for column in toy.columns:
        kind = pa.type_for_alias(column.type)
        field = rows.schema.field(column.name)
        assert (field.type.value_type if column.per == "digit" else field.type) == kind
        values = rows[column.name].combine_chunks()
        values = (values.values if column.per == "digit" else values).to_pylist()
        assert {bool(value) for value in values} == {True, False}


def test_it_changes_images(tiny_config: MakeConfig, bank: GlyphBank, toy: Any) -> None:
    """Images with it are others than without, in both engines."""
    for engine in ("skimage", "numba"):
        images = []
        for config in (turn_on(tiny_config, toy), tiny_config(glyph={}, line={})):
            recipes = draw_recipes(
                config, make_pool(bank), "train", ["042", "7"], np.arange(2), engine
            )
            images.append(render_batch(recipes, bank, config, engine).images)
        assert (images[0] != images[1]).any()


def test_batches_of_maps_without_loops_are_smaller(tiny_config: MakeConfig) -> None:
    """One line map that NumPy locates makes a batch as small as if it located all of them."""
    line = {"elastic": {"shift": [0.1, 0.1]}}
    with TRANSFORMS.adding(Wave):
        configs = [tiny_config(line=line | more) for more in ({}, {"wave": {"rows": [1, 2]}})]
        (defined, compiled), mixed = (
            [fit_batch(config, 784, engine) for engine in ("skimage", "numba")]
            for config in configs
        )
    assert mixed == [defined, defined]
    assert compiled > defined


# -- boxes follow maps of the line -----------------------------------------------------------------


def trace_back(
    toy: Any, amount: float, width: int
) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Return where points (column, row) of the canvas come from, by a formula of the test's own."""

    def trace(points: NDArray[np.float64]) -> NDArray[np.float64]:
        column, row = points.T
        if toy is Wave:
            return np.stack([column, row - amount * np.sin(column / 9)], axis=-1)
        middle = (width - 1) / 2
        return np.stack([middle + (column - middle) / max(amount, 1), row], axis=-1)

    return trace


def draw_alone(
    glyph: NDArray[np.uint8],
    matrix: NDArray[np.float64],
    smoothing: NDArray[np.float64],
    traces: list[Any],
    shape: tuple[int, int],
) -> NDArray[np.uint8]:
    """Draw one digit on a canvas of its own, by scikit-image, through maps of the line."""
    margin = 2  # scikit-image does not interpolate beyond the outer pixels
    smooth = gaussian(glyph.astype(float), sigma=smoothing, mode="constant", preserve_range=True)
    padded = np.pad(smooth if smoothing.any() else glyph.astype(float), margin)

    def locate(points: NDArray[np.float64]) -> NDArray[np.float64]:
        for trace in reversed(traces):
            points = trace(points)
        return points @ matrix[:, :2].T + matrix[:, 2] + margin

    image = warp(padded, locate, output_shape=shape, order=1, preserve_range=True, clip=False)
    return np.floor(image + 0.5).astype(np.uint8)


canvases = st.fixed_dictionaries(
    {
        "height": st.sampled_from([20, 28, 48]),
        "width": st.just(120),
        "align": st.sampled_from(["left", "center", "right"]),
    }
)


@pytest.mark.parametrize("engine", ["skimage", "numba"])
@pytest.mark.parametrize("toys", [(Wave,), (Stretch,), (Wave, Stretch), (Stretch, Wave)])
@settings(max_examples=10)
@given(
    st.lists(st.tuples(number_texts, st.integers(0, 10**6)), min_size=1, max_size=3),
    canvases,
    st.sampled_from([0, 20]),
)
def test_boxes_follow_maps_of_the_line(
    tiny_config: MakeConfig,
    bank: GlyphBank,
    engine: Any,
    toys: tuple[Any, ...],
    samples: list[tuple[str, int]],
    canvas: dict[str, Any],
    degrees: int,
) -> None:
    """Each layer and each box is the ink of that digit drawn alone through the maps."""
    numbers, indices = zip(*samples, strict=True)
    shape = (canvas["height"], canvas["width"])
    with TRANSFORMS.adding(*toys):
        glyph = {"rotate": {"degrees": [-degrees, degrees]}}
        config = turn_on(tiny_config, *toys, canvas=canvas, glyph=glyph)
        recipes = draw_recipes(
            config, make_pool(bank), "train", list(numbers), np.array(indices), engine
        )
        layout, _ = lay_out(recipes, bank, config)
        amounts = [recipes.drawn[toy.columns[0].name][recipes.samples] for toy in toys]
        traces = [
            [trace_back(toy, amount, 120) for toy, amount in zip(toys, drawn, strict=True)]
            for drawn in zip(*amounts, strict=True)
        ]
        glyphs = bank.images[recipes.glyph_ids]
        alone = [
            draw_alone(*parts, shape)
            for parts in zip(glyphs, layout.matrices, layout.smoothing, traces, strict=True)
        ]
        if not all(image.any() for image in alone):  # moved off the canvas
            with pytest.raises(RenderError, match="has left no ink on the canvas"):
                render_batch(recipes, bank, config, engine)
            return
        rendered = render_batch(recipes, bank, config, engine)
    assert rendered.boxes.tolist() == [list(find_extent(image > 0)) for image in alone]
    for layer, place, image in zip(rendered.layers, rendered.layers.places, alone, strict=True):
        top, left, height, width = place
        placed = np.zeros_like(image)
        placed[top : top + height, left : left + width] = layer
        assert np.abs(placed.astype(int) - image).max() <= 1


def test_waves_move_boxes(tiny_config: MakeConfig, bank: GlyphBank) -> None:
    """A wave moves some box up and another down; without it all stand where they stood."""
    with TRANSFORMS.adding(Wave):
        config = tiny_config(canvas={"height": 60}, line={"wave": {"rows": [6, 6]}})
        recipes = draw_recipes(config, make_pool(bank), "train", ["888888"], np.arange(1))
        wavy = render_batch(recipes, bank, config).boxes
        still = render_batch(recipes.apply({"wave_rows": np.zeros(1)}), bank, config).boxes
    moved = wavy[:, 0] - still[:, 0]
    assert moved.min() < 0 < moved.max()
