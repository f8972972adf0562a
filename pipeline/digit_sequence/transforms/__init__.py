"""What is done to lines, cells, ink and pages: one file a transform, one line in `registry`.

=======  =============================================================================
choice/  which glyph stands for a digit: ways to write it that the source lacks
line/    how the cells of a number stand in a row, and how the row lies on the canvas
cell/    how a glyph fills its cell: crop, scale, shear, rotation
ink/     a digit's own layer: specks, stroke width
mark/    ink on the canvas that is no digit's: dots, dashes, joins
page/    the canvas with all its ink: noise, blur, inversion
=======  =============================================================================

`transform` says what a transform declares. Imports `base`, `pen` and `sources`.
"""
