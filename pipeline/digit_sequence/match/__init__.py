"""A folder of real crops, measured; a config that builds images like them."""
