"""One picture with a run's first pictures, for places that open no link to the report."""

import base64
import io

from PIL import Image

from tasks.report.thumbnails import thumbnails
from tasks.runfolder.storage import Storage
from tasks.runfolder.tables import read_table

COLUMNS, ROWS, EDGE = 8, 4, 128


def contact_sheet(storage: Storage) -> bytes | None:
    """The first 32 pictures of a run as a JPEG; None if there are none.

    Raises StorageError if the run cannot be read.
    """
    images: list[str] = []
    for path in storage.list("metadata"):
        images += read_table(storage, path)["image"].to_pylist()
        if len(images) >= COLUMNS * ROWS:
            break
    small = [one for one in thumbnails(storage, images[: COLUMNS * ROWS], EDGE) if one is not None]
    if not small:
        return None
    columns = min(COLUMNS, len(small))
    sheet = Image.new("RGB", (columns * EDGE, -(-len(small) // columns) * EDGE), "white")
    for i, one in enumerate(small):
        with Image.open(io.BytesIO(base64.b64decode(one))) as picture:
            left, top = (EDGE - picture.width) // 2, (EDGE - picture.height) // 2
            sheet.paste(picture.convert("RGB"), (i % columns * EDGE + left, i // columns * EDGE + top))
    out = io.BytesIO()
    sheet.save(out, "JPEG", quality=80)
    return out.getvalue()
