"""Optimizers of a batch of images, which evaluate nothing by themselves."""
