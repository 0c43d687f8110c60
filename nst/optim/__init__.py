"""Optimizers of a batch of images. `ask` returns points; `tell` takes their values and gradients from the caller."""
