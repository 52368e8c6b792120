"""Pseudonyms: what stands for a UID, a patient or a file name, the same on every worker and after every restart.

A pseudonym is an HMAC-SHA256 of what it stands for under a secret key, so who has no key can neither undo it nor check
a guess. The key comes from the environment or a Prefect block, and is never written anywhere; a run keeps `check`
alone, which tells keys apart and nothing else.
"""

import hmac
import os
from hashlib import sha256
from uuid import UUID

from pydicom.uid import UID_dictionary

from tasks.runfolder.errors import BadInput

VARIABLE = "IMAGEMILL_PSEUDONYM_KEY"
BLOCK = "imagemill-pseudonym-key"
SHORTEST = 32  # characters: below, a key could be found by trying all


def is_standard(uid: str) -> bool:
    """Whether the standard registers it (PS3.6 Annex A): SOP classes, transfer syntaxes, known frames of reference.

    What merely lies below the standard's root is no such thing: a study of that root may carry a patient's number.
    """
    return uid in UID_dictionary


class Pseudonyms:
    """Makes pseudonyms with one key."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def __repr__(self) -> str:
        return f"Pseudonyms({self.check})"

    @property
    def check(self) -> str:
        """Tells this key from others."""
        return self._digest("check", "imagemill")[:8].hex()

    def uid(self, uid: str) -> str:
        """A UID for a UID, of the kind that is made from a UUID (PS3.5 B.2); one of the standard's own stays."""
        if not uid or is_standard(uid):
            return uid
        return f"2.25.{UUID(bytes=self._digest('uid', uid)[:16], version=4).int}"

    def code(self, kind: str, text: str) -> str:
        """16 hexadecimal digits for a text; the same text is another thing in another `kind`."""
        return self._digest(kind, text)[:8].hex()

    def _digest(self, kind: str, text: str) -> bytes:
        return hmac.digest(self._key, f"{kind}\0{text}".encode("utf-8", "surrogatepass"), sha256)


def without_secret() -> Pseudonyms:
    """For runs that keep identities: new UIDs follow from the old ones, and anybody may know how."""
    return Pseudonyms("imagemill")


def load_pseudonyms() -> Pseudonyms:
    """The pseudonyms of the key in the environment, or else in the Prefect Secret block.

    Raises:
        BadInput: there is no key, or it is too short to be one.
    """
    key = os.environ.get(VARIABLE) or _from_block()
    make = """python -c 'import secrets; print(secrets.token_hex(32))'"""
    if not key:
        raise BadInput(
            f"A key for pseudonyms is missing: make one with {make}, keep it safe, and set {VARIABLE} or the Prefect "
            f"Secret block {BLOCK} to it; --keep-identity needs none."
        )
    if len(key) < SHORTEST:
        raise BadInput(
            f"The key for pseudonyms has {len(key)} characters, {SHORTEST} are needed: make one with {make}."
        )
    return Pseudonyms(key)


def _from_block() -> str | None:
    """The key that the user's Prefect server keeps; None if there is no server, or no such block.

    Without a server Prefect would start one of its own to look, which sends usage data to its makers.
    """
    import httpx
    from prefect.blocks.system import Secret
    from prefect.settings import get_current_settings

    if get_current_settings().api.url is None:
        return None
    try:
        return str(Secret.load(BLOCK).get())  # type: ignore[union-attr]
    except ValueError:  # how Prefect says that there is no such block
        return None
    except httpx.TransportError as error:
        raise BadInput(
            f"The Prefect server, which may keep the key for pseudonyms, does not answer ({type(error).__name__}); "
            f"start it, or set {VARIABLE}."
        ) from error
