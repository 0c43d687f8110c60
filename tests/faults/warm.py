"""Imported once by the process that children are forked from: what takes seconds to load is loaded."""

import filelock  # noqa: F401

from nst import weights
from nst.engine import stylization  # noqa: F401
from nst.metrics import ReferenceNetwork
from nst.pair import stylize  # noqa: F401

weights.load("lite")
ReferenceNetwork.load()
