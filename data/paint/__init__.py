"""The painter of the sample pictures: every content and style in `data/` is computed by this code."""
