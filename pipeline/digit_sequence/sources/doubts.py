"""Signs that the digits of a source are not what they seem: turned, on a ground, or faint."""

from __future__ import annotations

import base64
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.characters import CHARACTERS, find_signs
from digit_sequence.sources.copies import find_copies
from digit_sequence.sources.ink import frame_pixels
from digit_sequence.sources.source import RawGlyphs, SourceBlock

_N_LOOKED_AT = 200
"""Glyphs of each digit, at most, and evenly spread."""
_SIDE = 8
_UPRIGHT = (
    "009arM>rAz018Euw4+i90x^t>SbByS3~!D#5K53F9hO}U5MO~EB%EO_R*X{%5_GPnnOGJ90S_)W9tZ&d0006KB_#"
    ">~009LqZ&nQe009I)oj3vj009JOpAY~5000o2Y6JiP00TOiKLh~)01;YjGX((v00<u)4*~!H0Shi!V>k@~1Rqv&e"
    "{?MZ1QH}EP;xT^0SOo}XKW(`3OQ?(nP?^qA#s(Yk#9#C7+r#DNJA_P0tyZa2L}WJ0t+QYM<)jW2`puXn0_b%1QI1"
    "jg>@eR0SZHzu3QfQ0}C%uad{&F7bqGXSbHu4A7XonlUf%62OvU8D-8kw00IUF2M!Jd0~0keBS<+71}thnG;=rx3R"
    "#UnXpJZX4riQ`wTC1G1RO3^gG3Dh00R?5QY{Jr00I#rBoze#00IdXAtD(G0S!57cx_ZH0UKt2R5l<G0xF4#STG9#"
    "0~$zEUsW6e3N<P;UR@yr2~2i;bwm*Y0S_)aCk+Dt00Iv-Yex+M00t^-VjBbj0TNevD-sI=0w#iJTV*;713H(1h=5"
    "ZM0WzYcl8HA501ZorbTkP8000660|5X4009940s#O32q8mQU`!hV7*&XZkD);X4Jt1lUXCdO1P&1?k7yJE0Rs_Ri"
    "Y)~J00l2{R}caK0ToD8Hwgg%009UfI4ceU0S`@#l7UDM10QH>Pk2xd0v1-7oMs&a0S;HRojMBw11o)QYeEqM1wVs"
    "@bU+RP0Tn=0HWC8>000362Lu2B00%I5k6aW111f}PT7fA72S|TShmsuu1u$xOtY-`W0SX^XfIA2Q00bOTR4NGp0S"
    "YTZHXsTC"
)
"""The mean of each digit of MNIST as 8 x 8 bytes, by Base85."""
_LOW_SIGNS = ".,-="
_LEAST_LIKENESS = 0.6
_LEAST_LEAD = 0.15
"""By how much more digits must look like the upright ones once they are turned. Of one to 500
digits of each class of MNIST it is 0.34 to 0.45, if they are transposed."""

Turn = Callable[[NDArray[np.float64]], NDArray[np.float64]]
_TURNS: dict[str, Turn] = {
    "transposed": lambda images: images.transpose(0, 2, 1),
    "mirrored": lambda images: images[:, :, ::-1],
    "mirrored and upside down": lambda images: images[:, ::-1],
    "upside down": lambda images: images[:, ::-1, ::-1],
    "turned clockwise": lambda images: np.rot90(images, 1, (1, 2)),
    "turned counter-clockwise": lambda images: np.rot90(images, 3, (1, 2)),
    "transposed and upside down": lambda images: np.rot90(images, 2, (1, 2)).transpose(0, 2, 1),
}
"""What digits may be, and how they become upright."""


def find_doubts(glyphs: RawGlyphs, settings: SourceBlock) -> list[str]:
    """Return what looks wrong with the glyphs of a source, each with the key that mends it.

    Nothing is found in a source without the keys `ink` and `transpose`, which is known to be right.
    """
    if not {"ink", "transpose"} <= type(settings).model_fields.keys():
        return []
    rows = _choose_rows(glyphs.digits)
    if not len(rows):
        return []
    images, digits = glyphs.images[rows], glyphs.digits[rows]
    keys = settings.model_dump()
    found = [
        _doubt_ground(images, keys["ink"]),
        _doubt_contrast(images),
        _doubt_turn(images, digits, keys["transpose"]),
        _doubt_signs(glyphs),
        _doubt_copies(glyphs),
    ]
    return [doubt for doubt in found if doubt is not None]


def _choose_rows(digits: NDArray[np.uint8]) -> NDArray[np.int64]:
    rows = []
    for digit in range(10):
        of_digit = np.flatnonzero(digits == digit)
        rows.append(of_digit[:: -(-len(of_digit) // _N_LOOKED_AT) or 1])
    return np.concatenate(rows)


def _doubt_signs(glyphs: RawGlyphs) -> str | None:
    """Doubt low signs that are as high as digits: their pictures were cut to the ink."""
    is_sign = find_signs(glyphs.digits)
    if is_sign.all() or not is_sign.any():
        return None
    heights = glyphs.images.any(axis=2).sum(axis=1)
    usual = np.median(heights[~is_sign])
    own = {sign: heights[glyphs.digits == CHARACTERS.index(sign)] for sign in _LOW_SIGNS}
    high = [sign for sign, rows in own.items() if len(rows) and np.median(rows) > usual / 2]
    if not high:
        return None
    return (
        f"the signs {' '.join(high)} are more than half as high as digits: each is to stand in its "
        "picture as beside a digit; scale and move them so, or remove their folders and have them "
        "drawn"
    )


def _doubt_copies(glyphs: RawGlyphs) -> str | None:
    """Doubt images that are there twice."""
    first = find_copies(glyphs.images)
    again = np.flatnonzero(first != np.arange(len(first)))
    if not len(again):
        return None
    other = np.flatnonzero(glyphs.digits[again] != glyphs.digits[first[again]])
    text = (
        f"{len(again):,} of its images are there already, as that of glyph {first[again[0]]} in "
        f"glyph {again[0]}: all of one image are in one split, "
        "in test if one is for test"
    )
    if not len(other):
        return text
    glyph = again[other[0]]
    names = (CHARACTERS[glyphs.digits[it]] for it in (first[glyph], glyph))
    return f"{text}; {len(other):,} have another label, as {' and '.join(names)}: exclude one"


def _doubt_ground(images: NDArray[np.uint8], ink: str) -> str | None:
    frames = frame_pixels(images)
    has_ground = (frames > 0).mean(axis=1) > 0.5
    share = has_ground.mean()
    if share <= 0.1:
        return _doubt_dust(images)
    levels = np.median(frames[has_ground], axis=1)
    if np.median(levels) < np.median(images.max(axis=(1, 2))) / 8:
        remedy = "see source.ink_threshold"
    else:
        remedy = "leave some paper around each digit"
        if ink != "auto":
            remedy = f"set source.ink: auto, which tells ink from paper; now it is {ink}"
    return (
        f"{share:.0%} of the digits have ink along their edges, {np.median(levels):.0f} of 255 "
        "strong, as where paper is taken for ink: their boxes would be as large as the images; "
        f"{remedy}"
    )


def _doubt_dust(images: NDArray[np.uint8]) -> str | None:
    """Look for what a codec with losses leaves: faint ink that is not beside strong ink."""
    from scipy.ndimage import maximum_filter

    strongest = images.max(axis=(1, 2), keepdims=True).astype(np.float64)
    is_near = maximum_filter(images > strongest / 3, size=(1, 5, 5), mode="constant")
    is_dusty = ((images > 0) & (images < strongest / 8) & ~is_near).sum(axis=(1, 2)) > 4
    if is_dusty.mean() <= 0.5:
        return None
    return (
        f"{is_dusty.mean():.0%} of the digits have faint ink away from their strokes, as files "
        "have that were once JPEG: their boxes would be too large; see source.ink_threshold"
    )


def _doubt_contrast(images: NDArray[np.uint8]) -> str | None:
    strongest = np.median(images.max(axis=(1, 2)))
    if strongest >= 64:
        return None
    return (
        f"the ink is faint, of {strongest:.0f} of 255 at most, as of 12 bits in files of 16; see "
        "source.ink, whose value auto stretches it"
    )


def _doubt_turn(
    images: NDArray[np.uint8], digits: NDArray[np.uint8], is_transposed: bool
) -> str | None:
    present = [digit for digit in range(10) if digit in digits]
    if len(present) < 5:
        return None
    means = _fit_means(np.stack([images[digits == digit].mean(axis=0) for digit in present]))
    upright = _standardize(_decode_templates()[present])
    likeness = float((means * upright).sum(axis=(1, 2)).mean())
    turned = {
        name: float((turn(means) * upright).sum(axis=(1, 2)).mean())
        for name, turn in _TURNS.items()
    }
    name = max(turned, key=lambda name: turned[name])
    if turned[name] < _LEAST_LIKENESS or turned[name] < likeness + _LEAST_LEAD:
        return None
    if name == "transposed":
        return (
            "the digits look transposed, rows for columns, as they are in the files of EMNIST; "
            f"source.transpose: {'false' if is_transposed else 'true'} would mend it"
        )
    return (
        f"the digits look {name}: turn the files, or see whether source.transpose: "
        f"{'true' if is_transposed else 'false'} is right"
    )


def _fit_means(means: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cut mean images to the square that holds the ink of all, and scale them to the templates."""
    from skimage.transform import resize

    total = means.mean(axis=0)
    ink = total > total.max() / 10
    rows, columns = (np.flatnonzero(ink.any(axis=axis)) for axis in (1, 0))
    side = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    padded = np.pad(means, ((0, 0), (side, side), (side, side)))
    top, left = (side + (lines[0] + lines[-1] + 1 - side) // 2 for lines in (rows, columns))
    cut = padded[:, top : top + side, left : left + side]
    shape = (len(means), _SIDE, _SIDE)
    return _standardize(resize(cut, shape, mode="edge", anti_aliasing=side > _SIDE))


def _standardize(images: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return images of mean 0 and norm 1, so that the sum of products is a correlation."""
    images = images - images.mean(axis=(1, 2), keepdims=True)
    norms = np.sqrt((images**2).sum(axis=(1, 2), keepdims=True))
    standardized: NDArray[np.float64] = images / np.maximum(norms, 1e-12)
    return standardized


def _decode_templates() -> NDArray[np.float64]:
    content = base64.b85decode("".join(_UPRIGHT))
    return np.frombuffer(content, np.uint8).reshape(10, _SIDE, _SIDE).astype(np.float64)
