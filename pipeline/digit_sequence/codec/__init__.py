"""Grey images to bytes and back. Imports `base`."""
