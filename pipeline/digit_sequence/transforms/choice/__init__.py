"""Which glyph stands for a digit."""
