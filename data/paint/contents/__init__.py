"""The content pictures: scenes with depth, light and texture."""
