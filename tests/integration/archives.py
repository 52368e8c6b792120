"""Archives with planted identities, and the search for what is left of them in whatever a run leaves behind."""

import base64
import gzip
import io
import re
import tarfile
import zipfile

import fsspec
import numpy as np
import pyarrow.parquet as pq
from PIL import Image, PngImagePlugin

from tests.tasks.dicom.samples import Identity, plant, sample

PICTURES = (
    *("CT_small.dcm", "MR_small.dcm", "MR_small_RLE.dcm", "MR_small_jp2klossless.dcm", "SC_rgb_rle_16bit.dcm"),
    *("dicomdirtests/77654033/CR1/6154", "SC_rgb_jpeg_dcmtk.dcm", "MR_small_bigendian.dcm"),
)
OTHERS = ("reportsi.dcm", "MR_truncated.dcm", "rtplan.dcm")
PLAIN = {9: ("JPEG", "jpg"), 13: ("TIFF", "tif"), 17: ("WEBP", "webp")}  # by a number's rest
PACKED = {5: "zip", 29: "tgz"}
A_STUDY = 4  # files of one patient

# Everything that an Identity may show, in whatever case and whatever surroundings. A date is eight digits on their own:
# within the 39 digits of a UID they would turn up by chance.
SECRETS = re.compile(
    rb"zzyq[a-j]{5}|perpet|pid-\d{5}|acc\d{5}q7|klinik\w*haus|49-555-|3680043\.99\.7|(?<!\d)(?:1943\d{4}|2011\d\d17)(?!\d)",
    re.I,
)


def write_archive(url: str, count: int, others: bool = True) -> None:
    """Writes an archive of `count` files: every fourth patient has a picture that is none, or a report, among hers."""
    fs, base = fsspec.url_to_fs(url)
    cache: dict[str, bytes] = {}
    batch: dict[str, bytes] = {}
    for number in range(count):
        who = Identity(number // A_STUDY)
        odd = others and number % 16 == 15
        name = OTHERS[number // 16 % len(OTHERS)] if odd else PICTURES[(number + number // 8) % len(PICTURES)]
        folder = f"{base}/{who.family}_{who.given}/{who.birth}"
        if number % 24 == 23:
            batch[f"{folder}/{who.id} {number}.png"] = _png(who, number)
        elif number % 24 in PLAIN:
            format, suffix = PLAIN[number % 24]
            batch[f"{folder}/{who.id} {number}.{suffix}"] = _plain(who, number, format)
        elif number % 48 in PACKED:
            data = plant(cache.setdefault(PICTURES[0], sample(PICTURES[0])), who, number)
            name = f"{who.family}/{who.id}.dcm"
            batch[f"{folder}/{who.id} {number}.{PACKED[number % 48]}"] = _packed(PACKED[number % 48], name, data)
        else:
            data = cache.setdefault(name, sample(name))
            batch[f"{folder}/{who.id}-{number:05d}.dcm"] = plant(data, who, number)
        if len(batch) == 64 or number == count - 1:
            for path in batch:
                fs.makedirs(path.rpartition("/")[0], exist_ok=True)
            fs.pipe(batch)
            batch = {}


def _png(who: Identity, number: int) -> bytes:
    info, out = PngImagePlugin.PngInfo(), io.BytesIO()
    info.add_text("Author", f"{who.name} {who.birth}")
    pixels = np.random.default_rng(number).integers(0, 255, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(out, "PNG", pnginfo=info)
    return out.getvalue()


def _plain(who: Identity, number: int, format: str) -> bytes:
    """A JPEG, TIFF or WebP whose EXIF names somebody."""
    exif, out = Image.Exif(), io.BytesIO()
    exif[0x010E], exif[0x013B], exif[0x9C9B] = f"of {who.name}", who.institution, who.id.encode("utf-16-le")
    pixels = np.random.default_rng(number).integers(90, 110, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(out, format, exif=exif)
    return out.getvalue()


def _packed(kind: str, name: str, data: bytes) -> bytes:
    """A packed archive with one file in it."""
    out = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr(name, data)
    else:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        with tarfile.open(fileobj=out, mode="w:gz") as tar:
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def leaks(files: dict[str, bytes]) -> list[str]:
    """The first hundred places where something of an identity stands, in names and in contents, packed ones too."""
    found = []
    for name, data in files.items():
        for view in (name.encode(), *_views(name, data)):
            for text in (
                view,
                view.decode("utf-16-le", "ignore").encode(),
                view[1:].decode("utf-16-le", "ignore").encode(),
            ):
                hit = SECRETS.search(text)
                if hit:
                    found.append(f"{name}: {text[max(0, hit.start() - 30) : hit.end() + 30]!r}")
    return found[:100]


def _views(name: str, data: bytes) -> list[bytes]:
    packed = re.compile(rb"[A-Za-z0-9+/=]{100,}") if name.endswith(".html") else None
    views = [packed.sub(b"", data), *map(_decoded, packed.findall(data))] if packed else [data]
    if name.endswith(".parquet"):
        table = pq.read_table(io.BytesIO(data))
        views += [str(table.to_pylist()).encode(), str(table.schema).encode()]
    if name.endswith((".png", ".webp")):
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            views.append(str({**image.info, "exif": dict(image.getexif())}).encode())
    return views


def _decoded(text: bytes) -> bytes:
    """What base64 holds; the page packs its rows with gzip."""
    data = base64.b64decode(text + b"=" * (-len(text) % 4))
    return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
