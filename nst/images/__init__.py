"""Reading and writing of images. In memory they are sRGB-encoded float32 arrays from 0 to 1, with the first row on top.

`source` opens files; `opening` detects formats, reads headers and converts decoder errors; `needs` estimates the memory
of decoders; `strips` decodes; `color` converts profiles to sRGB; `resizing` resamples; `reading` combines these;
`filling` gives hidden pixels a color; `faces` finds faces; `writing` saves; `integrity` finds truncated files;
`metadata` reads and writes the embedded JSON; `animation` makes GIF and MP4.
"""

from nst.images.filling import filled
from nst.images.integrity import decoded_size, intact_picture_size
from nst.images.metadata import is_foreign, read_metadata
from nst.images.opening import MAX_PIXELS, picture_size
from nst.images.reading import Picture, from_array, read_picture, resized
from nst.images.resizing import resize
from nst.images.source import ImageFile, file_digest, read_file
from nst.images.writing import WRITTEN, bits_of, write_frame, write_picture

__all__ = [
    "MAX_PIXELS", "WRITTEN", "ImageFile", "Picture", "bits_of", "decoded_size", "file_digest", "filled", "from_array",
    "intact_picture_size", "is_foreign", "picture_size", "read_file", "read_metadata", "read_picture", "resize",
    "resized", "write_frame", "write_picture",
]  # fmt: skip
