"""Recipes and glyphs become images: draws, layout, layers, pages."""
