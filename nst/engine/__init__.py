"""The optimization of an image: takes arrays, yields events, and accesses no file."""
