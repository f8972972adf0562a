"""Grey images and masks to bytes or text, and back. Imports `base`."""
