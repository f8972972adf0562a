"""Where handwritten digits come from, one file a source; the glyph bank and its pools.

Imports `base` and `pen`.
"""
