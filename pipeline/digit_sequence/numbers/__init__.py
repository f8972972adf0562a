"""Which numbers a split shows, one file a kind. Imports `base`."""
