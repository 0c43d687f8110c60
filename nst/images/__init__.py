"""Pictures: files ↔ arrays. Everything inside nst is sRGB-encoded, float32, 0..1, the first row on top.

`source` is a file, on disk or read once; `opening` knows the formats and turns what decoders raise into one message;
`needs` tells the memory that a decoder fills; `strips` decodes; `color` brings profiles to sRGB; `resizing` resamples;
`reading` does all of it; `filling` gives hidden pixels a color; `writing` saves; `wholeness` finds truncated files;
`metadata` is the JSON that a saved picture carries.
"""

from nst.images.filling import filled
from nst.images.metadata import is_foreign, read_metadata
from nst.images.opening import MAX_PIXELS, picture_size
from nst.images.reading import Picture, from_array, read_picture, resized
from nst.images.resizing import resize
from nst.images.source import Content, contents, file_digest
from nst.images.wholeness import decoded_size, whole_picture_size
from nst.images.writing import WRITTEN, bits_of, write_picture

__all__ = [
    "MAX_PIXELS",
    "WRITTEN",
    "Content",
    "Picture",
    "bits_of",
    "contents",
    "decoded_size",
    "file_digest",
    "filled",
    "from_array",
    "is_foreign",
    "picture_size",
    "read_metadata",
    "read_picture",
    "resize",
    "resized",
    "whole_picture_size",
    "write_picture",
]
