"""Upper limits of the inputs, far above what a grid needs. Larger inputs are refused before they take time or memory.

config/README.md documents them.
"""

from __future__ import annotations

#: Printed problems of one input, and characters of each.
PROBLEMS, MESSAGE = 20, 1000

#: Bytes of a manifest; characters of a cell; list items and blend parts of a cell.
MANIFEST_BYTES, CELL, ITEMS = 20_000_000, 1_000_000, 10_000
#: Columns of a manifest. There are fewer valid names.
COLUMNS = 200
#: Styles of a blend: a folder of an artist's works, whose images at the output's size need no more memory than the
#: activations of its one network pass.
BLEND = 128
#: Bytes of the paths of a blend: they are arguments of one command, which Linux bounds by 128 KiB after quoting.
BLEND_BYTES = 24_000
#: Styles of all blends of a manifest.
BLENDED = 1_000_000
#: Characters of a row's name.
NAME = 200
#: Combinations of settings in a row; pairs of a grid.
CHOICES, PAIRS = 10_000, 1_000_000
#: Files and folders that a glob visits; depth of nested folders.
GLOB_ENTRIES, GLOB_DEPTH = 200_000, 64

#: Bytes of a YAML file; its values, with aliases expanded.
YAML_BYTES, YAML_VALUES = 200_000, 5_000

#: Bytes of memory for decoding an image, besides its file and its resized copy.
PICTURE_MEMORY = 1_000_000_000
#: Pixels of an image (Pillow needs four bytes each); pixels of a side (one row is stored as floats).
PICTURE_PIXELS, PICTURE_SIDE = PICTURE_MEMORY // 5, 100_000
#: Bytes of an image file.
PICTURE_BYTES = 2 * PICTURE_MEMORY
#: Pixels of slow formats: of a progressive JPEG, summed over its scans; of a run-length encoded BMP.
PICTURE_SCANNED, PICTURE_RUNS = 20 * PICTURE_PIXELS, PICTURE_PIXELS // 10
