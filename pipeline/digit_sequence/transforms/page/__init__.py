"""What happens to the canvas with all its ink."""
