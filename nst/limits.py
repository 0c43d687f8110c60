"""Bounds of what is read, far above what a grid needs: more is refused at once, before it takes time and memory.

config/README.md states those of manifests and configurations, and those of pictures.
"""

from __future__ import annotations

#: Problems of an input that are printed, and characters of each.
PROBLEMS, MESSAGE = 20, 1000

#: Bytes of a manifest, characters of a cell, and items of a cell: of its list, with the parts of its blends.
MANIFEST_BYTES, CELL, ITEMS = 20_000_000, 1_000_000, 10_000
#: Columns of a manifest, which has fewer names for them.
COLUMNS = 200
#: Styles of a blend, and characters of a row's name.
BLEND, NAME = 32, 200
#: Choices of settings of a row, and pairs of a grid.
CHOICES, PAIRS = 10_000, 1_000_000
#: Files and folders that a glob looks at, and folders below each other.
GLOB_ENTRIES, GLOB_DEPTH = 200_000, 64

#: Bytes of a YAML file, and its values: each alias counts as all that it stands for.
YAML_BYTES, YAML_VALUES = 200_000, 5_000

#: Bytes of memory that a picture's decoder may fill, beside its file and the size that is asked for.
PICTURE_MEMORY = 1_000_000_000
#: Pixels of a picture, for which Pillow fills four bytes each; and pixels of a side, as a row is held as floats.
PICTURE_PIXELS, PICTURE_SIDE = PICTURE_MEMORY // 5, 100_000
#: Bytes of a picture's file.
PICTURE_BYTES = 2 * PICTURE_MEMORY
#: Pixels of what takes long: of a progressive JPEG, counted in each of its scans, and of a BMP of runs.
PICTURE_SCANNED, PICTURE_RUNS = 20 * PICTURE_PIXELS, PICTURE_PIXELS // 10
