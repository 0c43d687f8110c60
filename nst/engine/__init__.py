"""The optimization: arrays in, events out; no file is read or written."""
