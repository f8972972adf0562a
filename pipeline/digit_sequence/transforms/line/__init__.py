"""How cells stand in a row, and how the row lies on the canvas."""
