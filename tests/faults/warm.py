"""Imported once by the process that children are forked from: what takes seconds to load is loaded."""

import filelock  # noqa: F401
import torch
from nst import stylization, weights  # noqa: F401
from nst.metrics import Judge

torch.use_deterministic_algorithms(True)  # loads its compiler
weights.load("lite")
Judge.load()
