"""What happens to the ink of each digit, on a layer of its own."""
