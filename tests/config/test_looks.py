"""Looks: names, paths and weights become settings, or one error that says what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builds import ROOT
from digit_sequence.base.errors import ConfigError
from digit_sequence.config.files import read_yaml
from digit_sequence.config.loading import load_config, parse_config
from digit_sequence.config.looks import FOLDER, lay_over, list_looks
from digit_sequence.config.model import Config
from digit_sequence.plan.plan import make_plan

MINIMAL = "source: {name: mnist-5k}\nsplits: {train: {numbers: {values: ['7']}, samples: 3}}\n"
MINE = """\
# What I write
# on two lines.
glyph: {salt: {probability: 0.5, pixels: [1, 2]}, aspect: stretch}
line: {noise: {sigma: [1, 2]}, spacing: [0, 1]}
"""
Load = Callable[..., Config]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Return a function that loads a text as the file c.yaml, beside mine.yaml."""
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(MINE, encoding="utf-8")

    def load_text(text: str, *overrides: str) -> Config:
        Path("c.yaml").write_text(MINIMAL + text, encoding="utf-8")
        return load_config("c.yaml", overrides)

    return load_text


def refuse(load: Load, text: str, *overrides: str) -> str:
    """Return the message that a text is refused with."""
    with pytest.raises(ConfigError) as caught:
        load(text, *overrides)
    return str(caught.value)


def sections_of(config: Config, name: str) -> dict[str, Any]:
    """Return the sections of a look, as JSON, without its weight."""
    assert config.look is not None
    return config.look[name].model_dump(mode="json", exclude={"weight"})


# -- the looks of this program ---------------------------------------------------------------------


def test_looks_are_listed() -> None:
    """Each file is a look, which the comment at its beginning describes."""
    looks = list_looks()
    assert list(looks) == sorted(path.stem for path in FOLDER.iterdir())
    assert {"clean", "original", "scan"} <= set(looks)
    for meaning in looks.values():
        assert meaning.endswith(".")
        assert "#" not in meaning


@pytest.mark.parametrize("name", list_looks())
def test_look_is_sound(load: Load, name: str) -> None:
    """A config of each look is loaded, and gives what the file holds."""
    tree = read_yaml(FOLDER / f"{name}.yaml")
    config = load(f"look: {name}")
    assert config == load(f"look: {{{name}: {json.dumps({'glyph': {}, 'line': {}, **tree})}}}")
    assert config.columns[0].name == "look"
    plain = parse_config({**read_yaml(Path("c.yaml")), "look": None, **tree}, "plain")
    assert config.per_look == {name: plain}
    assert config.transforms != ()


def test_original_is_the_config_of_that_name() -> None:
    """The look is what configs/original.yaml draws."""
    tree = read_yaml(ROOT / "configs/original.yaml")
    look = read_yaml(FOLDER / "original.yaml")
    assert look == {"glyph": tree["glyph"], "line": tree["line"]}


# -- what a config may say -------------------------------------------------------------------------


def test_no_look(load: Load) -> None:
    """A config without a look is as it always was, and its plan does not mention looks."""
    for text in ("", "look: \n"):
        config = load(text)
        assert config.look is None
        assert config.per_look == {}
        assert [column.name for column in config.columns] == ["spacing"]
        assert "look" not in config.model_dump()
        assert "look" not in make_plan(config, "digest").inputs


def test_config_is_laid_over_the_look(load: Load) -> None:
    """Keys are merged at every depth, lists are replaced, null switches a transform off."""
    text = "look: mine.yaml\nglyph: {salt: {pixels: [5, 6]}, crop: {margin: 1}}\nline: {noise: }\n"
    assert sections_of(load(text), "mine") == {
        "glyph": {
            "crop": {"margin": 1},
            "aspect": "stretch",
            "overflow": "fit",
            "salt": {"probability": 0.5, "pixels": [5, 6]},
        },
        "line": {"spacing": [0, 1]},
    }


def test_config_is_laid_over_every_look(load: Load) -> None:
    """Each look of a mixture gets the same keys, and keeps what it has beside them."""
    config = load(
        "look: {mine.yaml: 1, clean: 2}\nline: {blur: {sigma: [1, 2]}, spacing: [3, 3]}\n"
    )
    blur = {"probability": 1.0, "sigma": [1.0, 2.0]}
    noise = {"probability": 1.0, "sigma": [1.0, 2.0]}
    assert sections_of(config, "mine")["line"] == {"spacing": [3, 3], "noise": noise, "blur": blur}
    assert sections_of(config, "clean")["line"] == {"spacing": [3, 3], "blur": blur}


trees = st.recursive(
    st.none() | st.integers(),
    lambda leaves: st.dictionaries(st.sampled_from("abc"), leaves, max_size=3),
)


@given(trees, trees)
def test_laying_over(tree: Any, over: Any) -> None:
    """What lies above is all there; below it stays what it does not mention."""
    laid = lay_over(tree, over)
    assert lay_over(laid, over) == laid
    assert lay_over(tree, tree) == tree
    if isinstance(tree, dict) and isinstance(over, dict):
        for key in {**tree, **over}:
            expected = lay_over(tree.get(key), over[key]) if key in over else tree[key]
            assert laid[key] == expected
    else:
        assert laid == over


def test_set_a_look(load: Load) -> None:
    """The command line names a look, or weights, and what is laid over them."""
    config = load("look: clean\n", "look=scan", "line.noise.sigma=[1, 1]")
    assert list(config.look or {}) == ["scan"]
    noise = sections_of(config, "scan")["line"]["noise"]
    assert noise == {"probability": noise["probability"], "sigma": [1.0, 1.0]}
    config = load("", "look={scan: 1, mine.yaml: 0.5}")
    assert {name: look.weight for name, look in (config.look or {}).items()} == {
        "mine": 0.5,
        "scan": 1.0,
    }


def test_weights(load: Load) -> None:
    """Looks stand in the order of their names; one that is never chosen is left out."""
    config = load("look: {scan: 3, original: 0, clean: 1}\n")
    assert {name: look.weight for name, look in (config.look or {}).items()} == {
        "clean": 1.0,
        "scan": 3.0,
    }
    plans = [
        make_plan(load(f"look: {{{weights}}}\n"), "digest")
        for weights in ("scan: 3, clean: 1", "clean: 1, scan: 3", "clean: 1, scan: 2")
    ]
    assert plans[0].fingerprint == plans[1].fingerprint != plans[2].fingerprint


def test_paths(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path is relative to the config; ~ is the home directory."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/own.look.yaml").write_text(MINE, encoding="utf-8")
    monkeypatch.setenv("HOME", str(tmp_path / "deep"))
    for path in ("deep/own.look.yaml", "~/own.look.yaml", tmp_path / "deep/own.look.yaml"):
        config = load(f"look: {path}\n")
        assert sections_of(config, "own.look") == sections_of(load("look: mine.yaml"), "mine")
    (tmp_path / "deep/c.yaml").write_text(f"{MINIMAL}look: ../mine.yaml\n", encoding="utf-8")
    assert list(load_config(tmp_path / "deep/c.yaml").look or {}) == ["mine"]


def test_json_round_trip(load: Load, tmp_path: Path) -> None:
    """What a plan holds is read again as an equal config, without any file, and from a file too."""
    config = load("look: {mine.yaml: 1, scan: 2}\nline: {noise: {sigma: [3, 4]}, invert: }\n")
    tree = config.model_dump(mode="json")
    assert not {"glyph", "line"} & set(tree)
    (tmp_path / "mine.yaml").unlink()
    assert parse_config(json.loads(json.dumps(tree)), "again") == config
    (tmp_path / "d.yaml").write_text(json.dumps(tree), encoding="utf-8")
    assert load_config(tmp_path / "d.yaml") == config


# -- what is refused -------------------------------------------------------------------------------

CHOICES = ", ".join(list_looks())
REFUSED = [
    (
        "chque",
        f"c.yaml: look: expected one of {CHOICES}, or a path that ends in .yaml, got 'chque'; "
        "did you mean cheque?",
    ),
    ("{clean: 1, chque: 0}", f"c.yaml: look: expected one of {CHOICES}, or a path"),
    ("mine.yml", f"c.yaml: look: expected one of {CHOICES}, or a path that ends in .yaml, got"),
    ("3", "c.yaml: look: expected a name, a path or {name: weight}, got 3"),
    ("[clean]", "c.yaml: look: expected a name, a path or {name: weight}, got ['clean']"),
    ("{}", "c.yaml: look: expected at least one look with a weight above 0, got {}"),
    ("{clean: 0}", "c.yaml: look: expected at least one look with a weight above 0, got {'clean'"),
    ("{clean: -1}", "c.yaml: look.clean.weight: expected greater than or equal to 0, got -1"),
    ("{clean: .inf}", "c.yaml: look.clean.weight: expected a finite number, got inf"),
    ("{clean: often}", "c.yaml: look.clean.weight: expected a number, got 'often'"),
    ("{clean: }", "c.yaml: look.clean.weight: expected a number, got nothing"),
    ("{3: {}}", "c.yaml: look.3: expected text, got 3"),
    ("{clean: {weight: 2}}", "c.yaml: look.clean: expected a weight, or all of a look of one's"),
    ("{scan: {glyph: {pen: }}}", "what is to be different from scan belongs in the config's own g"),
    (
        "{a b: {}}",
        "c.yaml: look.a b: expected a name of 1 to 64 of A to Z, a to z, 0 to 9, _, . and -, got",
    ),
    ("{a: {lnie: 1}}", "look.a.lnie: unknown key; expected one of glyph, line, weight; did you me"),
    ("{clean: 1, sub/clean.yaml: 1}", "c.yaml: look: two are called clean; rename the file of one"),
    ("no.yaml", "no.yaml: cannot be read: No such file or directory"),
    ("'a b.yaml'", "c.yaml: look: expected a file whose name has letters, digits, - _ and . alone"),
    ('"a\\0/b.yaml"', "b.yaml': cannot be read: embedded null byte"),
    ("~no.body/x.yaml", "~no.body/x.yaml: expected a home directory ~no.body, got none"),
]


@pytest.mark.parametrize(("look", "message"), REFUSED)
def test_bad_looks(load: Load, look: str, message: str) -> None:
    """A look that there is not, or weights that mean nothing, are one line."""
    Path("sub").mkdir()
    Path("sub/clean.yaml").write_text(MINE, encoding="utf-8")
    found = refuse(load, f"look: {look}\n")
    assert message in found
    assert "\n" not in found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("glyph: {shear: {degrees: [3, 2]}}", "glyph.shear.degrees: expected [low, high] with low"),
        ("line: {spacing: }", "line.spacing: expected a list, got nothing"),
        ("line: {blr: {}}", "line.blr: unknown key; expected one of "),
        ("canvas: {height: 30}", "canvas: unknown key; expected one of glyph, line"),
        ("glyph: 3", "glyph: expected a block with the keys "),
        ("", "expected the keys glyph and line, got nothing: the file is empty"),
        ("glyph: {", "line 1, column 9: not readable as YAML"),
    ],
)
def test_bad_file(load: Load, text: str, message: str) -> None:
    """What is wrong in a look's file is told with the name of that file."""
    Path("bad.yaml").write_text(text, encoding="utf-8")
    found = refuse(load, "look: {clean: 1, bad.yaml: 1}\n")
    assert found.startswith(f"{Path('bad.yaml').absolute()}: {message}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("line: {noise: {probability: 0.5}}", "line.noise.sigma: expected a value, got none"),
        ("glyph: ", "glyph: expected a block with the keys "),
        ("line: {blr: }", "line.blr: unknown key; expected one of "),
        ("line: {blur: {sigma: [1, 4]}}", "line.blur.sigma: expected at most 3.5, 1/8 of canvas"),
    ],
)
def test_bad_settings_over_a_look(load: Load, text: str, message: str) -> None:
    """What is wrong with the config's own keys is told once, as always, and in which look."""
    found = refuse(load, f"look: {{clean: 1}}\n{text}\n")
    assert found.startswith(f"c.yaml: {message}")
    assert found.endswith(" (in the look clean)")
    found = refuse(load, f"look: {{clean: 1, mine.yaml: 1}}\n{text}\n")
    assert found.startswith(f"c.yaml: {message}")
    assert "\n" not in found


def test_looks_of_a_problem(load: Load) -> None:
    """A problem of several looks names these, one that some do not have leaves them out."""
    found = refuse(load, "look: {clean: 1, mine.yaml: 1}\nline: {noise: {probability: 2}}\n")
    less = "c.yaml: line.noise.probability: expected less than or equal to 1, got 2"
    none = "c.yaml: line.noise.sigma: expected a value, got none"
    assert set(found.split("\n")) == {
        f"{less} (in the looks clean and mine)",
        f"{none} (in the look clean)",
    }


@pytest.mark.parametrize(
    ("look", "message"),
    [
        ("{scan: 1}", "splits.train.look: expected looks of the config, clean, mine, got 'scan'"),
        ("{mine.yaml: 1}", "clean, mine, got 'mine.yaml'; name it in look, with a weight above 0"),
        ("{clean: 0}", "splits.train.look: expected at least one look with a weight above 0"),
        ("{clean: -1}", "splits.train.look.clean: expected"),
        ("{}", "splits.train.look: expected at least one look"),
        ("scan", "splits.train.look: expected looks of the config, clean, mine, got 'scan'"),
        ("3", "splits.train.look: expected keys and values, got 3"),
    ],
)
def test_bad_looks_of_a_split(load: Load, look: str, message: str) -> None:
    """Looks that a split cannot have are refused, with the split."""
    found = refuse(load, "look: {clean: 1, mine.yaml: 1}\n", f"splits.train.look={look}")
    assert message in found


def test_look_of_a_split_by_name(load: Load) -> None:
    """A name alone is a look with a weight, as in `look` itself."""
    looks = "look: {clean: 1, mine.yaml: 1}\n"
    by_name = load(looks, "splits.train.look=mine")
    assert by_name == load(looks, "splits.train.look={mine: 1}")
    assert by_name.in_split("train").look["clean"].weight == 0


def test_looks_of_a_split_of_a_config_without(load: Load) -> None:
    """A config without looks has none for a split either."""
    found = refuse(load, "", "splits.train.look={clean: 1}")
    assert "expected looks of the config, which has none, got 'clean'" in found


def test_look_that_its_canvas_is_no_place_for(load: Load) -> None:
    """A range of a look that would wash out small digits is refused, with the look's name."""
    Path("soft.yaml").write_text("line: {blur: {sigma: [1, 3]}}", encoding="utf-8")
    found = refuse(load, "look: {clean: 1, soft.yaml: 1}\ncanvas: {height: 16}\n")
    assert found.startswith("c.yaml: line.blur.sigma: expected at most 2, 1/8 of canvas.height")
    assert found.endswith("got 3 (in the look soft)")
    load("look: {clean: 1, soft.yaml: 1}\ncanvas: {height: 16}\n", "line.blur.sigma=[1, 2]")


@pytest.mark.parametrize("look", ["clean", "mine.yaml", {"clean": 1}, {"mine.yaml": 1}])
def test_plan_opens_no_file(load: Load, look: Any) -> None:
    """A tree that is not of a file of configs names no look: a foreign plan has nothing read."""
    tree = {**read_yaml(Path("mine.yaml")), "look": look}
    load("")
    with pytest.raises(ConfigError, match=r"tree: look.*: expected"):
        parse_config({**read_yaml(Path("c.yaml")), **tree}, "tree")


odd = st.recursive(
    st.sampled_from(["clean", "mine.yaml", "x", "", "/", ".yaml", "..", None, 1, 0.5, -1, True]),
    lambda leaves: (
        st.lists(leaves, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                ["clean", "mine.yaml", "a", "glyph", "line", "weight", "salt", "noise"]
            ),
            leaves,
            max_size=3,
        )
    ),
    max_leaves=10,
)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(odd, odd, odd)
def test_any_look_is_a_config_or_a_config_error(
    load: Load, look: Any, glyph: Any, line: Any
) -> None:
    """Whatever a look and the sections above it are, nothing else is raised."""
    lines = {"look": look, "glyph": glyph, "line": line}
    text = "".join(f"{key}: {json.dumps(value)}\n" for key, value in lines.items())
    message = "yaml: "
    try:
        load(text)
    except ConfigError as error:
        message = str(error)
    assert "yaml: " in message
