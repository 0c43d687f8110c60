"""Optimizers of a batch of images. They ask for points and are told values and gradients; the caller evaluates."""
