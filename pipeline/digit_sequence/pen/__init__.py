"""A pen: strokes through a few points become smooth curves, and curves become ink.

=============  =============================================================================
`shapes.yaml`  digits and marks as strokes of a few points: the data
`shapes`       reading such files, of this package and of users
`curves`       points to curves: jitter, aspect, slant, corners
`nib`          curves to grey levels, by a round nib
`additions`    what is added to a glyph: a bar, an upstroke, a foot
=============  =============================================================================

Imports `base`.
"""
