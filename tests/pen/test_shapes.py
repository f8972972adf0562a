"""Shapes: the file of this package, and what is refused in a user's."""

from __future__ import annotations

import pytest

from digit_sequence.pen.shapes import ADDITIONS, load_shapes, parse_shapes


def test_own_shapes():
    """The package's file holds shapes of digits and marks, with strokes or with additions."""
    shapes = load_shapes()
    assert {"7/crossed", "9/p", "0/overrun", "comma", "dollar"} <= set(shapes)
    assert shapes["7/crossed"].additions == ("bar",)
    for name, shape in shapes.items():
        assert bool(shape.strokes) != bool(shape.additions), name
        assert shape.name == name.partition("/")[2] or shape.name == name
    assert {name for shape in shapes.values() for name in shape.additions} == {*ADDITIONS}


def test_shape_by_hand():
    """Points are across and down; a corner is marked; a weight is kept."""
    tree = {"digits": {0: {"slash": {"strokes": [".1,0 .5,1!", "1,-.25"], "weight": 2}}}}
    shape = parse_shapes(tree)["0/slash"]
    assert shape.weight == 2
    assert shape.strokes[0].points.tolist() == [[0, 0.1], [1, 0.5]]
    assert shape.strokes[0].corners.tolist() == [False, True]
    assert shape.strokes[1].points.tolist() == [[-0.25, 1]]


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ([], "expected one key, digits, got no keys"),
        ({"marks": {}}, "expected one key, digits, got ['marks']"),
        ({"digits": 7}, "digits: expected some of the digits 0 to 9 and their shapes, got 7"),
        ({"digits": {10: {}}}, "digits: expected each of 0 to 9 once at most, got 10"),
        ({"digits": {True: {}}}, "digits: expected each of 0 to 9 once at most, got True"),
        (
            {"digits": {7: {"a": ["0,0 0,1"]}, "7": {"b": ["0,0 0,1"]}}},
            "digits: expected each of 0 to 9 once at most, got '7'",
        ),
        ({"digits": {7: {}}}, "digits.7: expected 1 to 24 shapes by name, got {}"),
        (
            {"digits": {7: {"A b": ["0,0"]}}},
            "digits.7.A b: expected a name of 1 to 32 of a to z, 0 to 9 and _, got 'A b'",
        ),
        (
            {"digits": {7: {"x": {"stroke": []}}}},
            "digits.7.x: expected strokes or add, and weight if it is not 1, got ['stroke']",
        ),
        ({"digits": {7: {"x": []}}}, "digits.7.x: expected a list of 1 to 8, got []"),
        (
            {"digits": {7: {"x": {"add": ["hat"]}}}},
            "digits.7.x.add: expected each of bar, upstroke, foot once at most, got 'hat'",
        ),
        (
            {"digits": {7: {"x": {"add": ["bar"], "weight": 0}}}},
            "digits.7.x.weight: expected a number above 0, up to 1000, got 0",
        ),
        (
            {"digits": {7: {"x": ["0,0 1;1"]}}},
            'digits.7.x[0]: expected 1 to 24 points "across,down", such as ".1,.25", got \'1;1\'',
        ),
        (
            {"digits": {7: {"x": ["0,0", 3]}}},
            'digits.7.x[1]: expected 1 to 24 points "across,down", such as ".1,.25", got 3',
        ),
        (
            {"digits": {7: {"x": ["0,0 0,1.6"]}}},
            "digits.7.x[0]: expected across from -3 to 3 and down from -0.5 to 1.5, got '0,1.6'",
        ),
        (
            {"digits": {7: {"dot": ["0,.5"]}}},
            "digits.7.dot: expected strokes of a digit from about 0 down to 1, 0.5 at least, got 0",
        ),
        (
            {"digits": {7: {"dash": ["0,.3 1,.3", "0,.4 1,.4"]}}},
            "digits.7.dash: expected strokes of a digit from about 0 down to 1, 0.5 at least, "
            "got 0.1",
        ),
    ],
)
def test_wrong_shapes(tree, message):
    """What is wrong is said with its place."""
    with pytest.raises(ValueError, match="expected") as caught:
        parse_shapes(tree)
    assert str(caught.value) == message
