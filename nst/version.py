"""The version of the package, and that of its pixels."""

__version__ = "0.1.0"

#: Raised whenever the same settings would give other pixels; a finished grid is then stylized again.
ALGORITHM = 13
