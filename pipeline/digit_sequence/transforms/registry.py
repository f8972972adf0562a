"""All transforms, in the order in which each stage runs its own. One line each."""

from __future__ import annotations

from digit_sequence.base.registry import Registry
from digit_sequence.transforms.cell.aspect import Aspect
from digit_sequence.transforms.cell.baseline import Baseline
from digit_sequence.transforms.cell.breadth import Breadth
from digit_sequence.transforms.cell.crop import Crop
from digit_sequence.transforms.cell.overflow import Overflow
from digit_sequence.transforms.cell.rotate import Rotate
from digit_sequence.transforms.cell.shear import Shear
from digit_sequence.transforms.cell.size import Size
from digit_sequence.transforms.choice.allographs import Allographs
from digit_sequence.transforms.ink.ink_texture import InkTexture
from digit_sequence.transforms.ink.pen import Pen
from digit_sequence.transforms.ink.pepper import Pepper
from digit_sequence.transforms.ink.salt import Salt
from digit_sequence.transforms.ink.stroke import Stroke
from digit_sequence.transforms.line.curve import Curve
from digit_sequence.transforms.line.elastic import Elastic
from digit_sequence.transforms.line.gap import Gap
from digit_sequence.transforms.line.height import Height
from digit_sequence.transforms.line.perspective import Perspective
from digit_sequence.transforms.line.place import Place
from digit_sequence.transforms.line.slant import Slant
from digit_sequence.transforms.line.spacing import Spacing
from digit_sequence.transforms.line.tilt import Tilt
from digit_sequence.transforms.line.touch import Touch
from digit_sequence.transforms.mark.flecks import Flecks
from digit_sequence.transforms.mark.joins import Joins
from digit_sequence.transforms.mark.leading import Leading
from digit_sequence.transforms.mark.neighbour import Neighbour
from digit_sequence.transforms.mark.separators import Separators
from digit_sequence.transforms.mark.trailing import Trailing
from digit_sequence.transforms.page.blur import Blur
from digit_sequence.transforms.page.boxes import Boxes
from digit_sequence.transforms.page.contrast import Contrast
from digit_sequence.transforms.page.defocus import Defocus
from digit_sequence.transforms.page.frame import Frame
from digit_sequence.transforms.page.gradient import Gradient
from digit_sequence.transforms.page.grain import Grain
from digit_sequence.transforms.page.invert import Invert
from digit_sequence.transforms.page.jpeg import Jpeg
from digit_sequence.transforms.page.levels import Levels
from digit_sequence.transforms.page.low_resolution import LowResolution
from digit_sequence.transforms.page.motion import Motion
from digit_sequence.transforms.page.noise import Noise
from digit_sequence.transforms.page.paper_edge import PaperEdge
from digit_sequence.transforms.page.pattern import Pattern
from digit_sequence.transforms.page.ruling import Ruling
from digit_sequence.transforms.page.salt_pepper import SaltPepper
from digit_sequence.transforms.page.shadow import Shadow
from digit_sequence.transforms.page.show_through import ShowThrough
from digit_sequence.transforms.page.speckle import Speckle
from digit_sequence.transforms.page.texture import Texture
from digit_sequence.transforms.page.threshold import Threshold
from digit_sequence.transforms.page.vignette import Vignette
from digit_sequence.transforms.transform import Transform

TRANSFORMS: Registry[type[Transform]] = Registry(
    "transform",
    "digit_sequence.transforms",
    Allographs,
    *(Height, Crop, Aspect, Breadth, Slant, Shear, Rotate, Overflow, Size, Baseline),
    *(Spacing, Gap, Separators, Touch, Curve, Tilt, Place),
    *(Elastic, Perspective),
    *(Pen, Salt, Pepper, Stroke, InkTexture),
    *(Joins, Leading, Trailing, Neighbour, Flecks),
    *(ShowThrough, Ruling, Boxes, Frame, Pattern),
    *(Levels, Texture, Grain, PaperEdge, Gradient, Shadow),
    *(Vignette, Motion, Defocus, Blur, Noise, Speckle, SaltPepper),
    *(LowResolution, Contrast, Jpeg, Threshold, Invert),
)
