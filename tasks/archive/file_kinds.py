"""What a file is that is no picture, said by its first bytes: so that nobody takes a volume for a stray file."""

import zlib

HEAD = 512  # bytes that tell


def kind_of(data: bytes) -> str:
    """A sentence on a file that is neither DICOM nor a picture."""
    gzipped = data[:2] == b"\x1f\x8b"
    head = _unpacked(data) if gzipped else data[:HEAD]
    if head[344:348] == b"ni1\0" or head[4:8] in {b"n+2\0", b"ni2\0"}:
        return "a NIfTI volume in two files or of version 2, which is not read; convert it to .nii.gz of version 1"
    if gzipped or data[:4] in {b"PK\3\4", b"PK\5\6"} or data[257:262] == b"ustar":
        return "packed: a damaged packed archive, one within another, or a single file; unpack it first"
    return "no picture: neither DICOM nor PNG, TIFF, JPEG, WebP or JPEG XL"


def _unpacked(data: bytes) -> bytes:
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(data[: 1 << 16], HEAD)
    except zlib.error:
        return b""
