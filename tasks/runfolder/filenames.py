"""File names from ids: every text gives a safe name, and two ids never give the same."""

from hashlib import sha256

LONGEST = 120  # bytes, well below the 255 of file systems, leaving room for suffixes
# Readable scripts stay as they are; what a path, a shell or a URL could take amiss is percent-encoded.
SAFE = " !'(),;@^_+=$-."


def file_name(id: str, number: int | None = None) -> str:
    """The id percent-encoded where needed (`a/b` becomes `a%2Fb`), cut and given its hash if it is too long.

    The `number` of a prompt's picture follows after `~`, which no id keeps, so `x~1` is never both a picture and an id.
    """
    name = "".join(c if c.isalnum() or c in SAFE else _escape(c) for c in id)
    if name[:1] in {".", " ", "-", ""}:
        name = _escape(name[0]) + name[1:] if name else "%"
    if len(name.encode()) > LONGEST:
        digest = sha256(id.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        name = name.encode()[: LONGEST - 17].decode("utf-8", "ignore") + "-" + digest
    return name if number is None else f"{name}~{number}"


def _escape(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))
