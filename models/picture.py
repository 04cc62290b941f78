"""What a picture must be before an engine looks at it."""

from io import BytesIO

from PIL import Image

from models.errors import PictureRefused

MAX_PICTURE_BYTES = 32 << 20
MAX_PICTURE_PIXELS = 16_000_000
_KINDS = ("PNG", "JPEG")


def open_picture(image: bytes) -> Image.Image:
    """The picture as RGB. Raises PictureRefused; the size is read from the header before anything is unpacked."""
    if len(image) > MAX_PICTURE_BYTES:
        raise PictureRefused(
            f"A picture of {len(image) >> 20} MiB is too large for the model (at most {MAX_PICTURE_BYTES >> 20});"
            " scale it down."
        )
    try:
        with Image.open(BytesIO(image), formats=_KINDS) as opened:
            if opened.width * opened.height > MAX_PICTURE_PIXELS:
                raise PictureRefused(
                    f"A picture of {opened.width} x {opened.height} pixels is too large for the model (at most"
                    f" {MAX_PICTURE_PIXELS // 1_000_000} million); scale it down."
                )
            return opened.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        if isinstance(error, PictureRefused):
            raise
        raise PictureRefused(
            "What was given as a picture is no whole PNG or JPEG file; addresses are never fetched, give the bytes."
        ) from error
