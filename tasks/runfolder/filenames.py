"""File names from ids: every text gives a safe name, and two ids never give the same."""

import unicodedata
from collections.abc import Iterable
from hashlib import sha256

LONGEST = 120  # bytes, well below the 255 of file systems, leaving room for suffixes
DIGITS = 5  # of the names of shards, at least
# Readable scripts stay as they are; what a path, a shell or a URL could take amiss is percent-encoded.
RESERVED = {"CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in range(1, 10))}
"""Names that Windows keeps for devices, whatever ending they have."""
SAFE = " !'(),;@^_+=$-."


def file_name(id: str) -> str:
    """The id percent-encoded where needed (`a/b` becomes `a%2Fb`), cut and given its hash if it is too long."""
    name = "".join(c if c.isalnum() or c in SAFE else _escape(c) for c in id)
    if name[:1] in {".", " ", "-", ""}:
        name = _escape(name[0]) + name[1:] if name else "%"
    elif name.split(".")[0].rstrip(" ").upper() in RESERVED:
        name = _escape(name[0]) + name[1:]
    if len(name.encode()) > LONGEST:
        digest = sha256(id.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        name = name.encode()[: LONGEST - 17].decode("utf-8", "ignore") + "-" + digest
    return name


def numbered(name: str, number: int | None) -> str:
    """The name of one of a prompt's pictures: after `~`, which no id keeps, so `x~1` is never both this and an id's."""
    return name if number is None else f"{name}~{number}"


def distinct_names(ids: Iterable[str]) -> dict[str, str]:
    """The file names of ids of one folder, distinct on every file system.

    Windows and macOS take `A` and `a` for one name, and macOS also the ways to write `é`: all ids but the first of such
    get their hash after `~`, too (`a~3ac2f6b1`), which has a digit too many to be a picture's number.
    """
    names: dict[str, str] = {}
    taken = set[str]()
    for id in ids:
        name = file_name(id)
        if folded(name) in taken:
            name = f"{name}~{sha256(id.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
        taken.add(folded(name))
        names[id] = name
    return names


def folded(name: str) -> str:
    """The same text for all names that some file system takes for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).upper().casefold())


def _escape(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))


def shard_name(index: int, digits: int = DIGITS) -> str:
    """The name of a shard's files. With `name_digits` digits a run's names sort as its shards do."""
    return f"{index:0{digits}d}"


def name_digits(shards: int) -> int:
    """How many digits a run of so many shards needs."""
    return max(DIGITS, len(str(shards - 1)))
