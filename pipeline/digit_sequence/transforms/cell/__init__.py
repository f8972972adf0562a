"""How a glyph fills its cell."""
