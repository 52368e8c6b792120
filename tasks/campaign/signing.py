"""C2PA: a signed manifest that says how a file was made. Needs `pip install 'imagemill[c2pa]'`."""

import io
import json
from pathlib import Path
from typing import Any

from tasks.campaign.labels import DIGITAL_SOURCE, SOURCE_TYPE
from tasks.runfolder.errors import BadInput

MIME = {"jpeg": "image/jpeg", "png": "image/png"}
_SAMPLE = bytes.fromhex(  # a PNG of one pixel
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c636000000002000148afa4710000000049454e44ae426082"
)
SPARED = 20_000  # bytes that a manifest without a thumbnail takes at most


class Signer:
    """Signs files with the user's certificate chain and key (PEM files; ES256).

    A manifest holds the time, so that each signing gives other bytes; pixels stay as they are.

    Raises:
        BadInput: c2pa-python is not installed, or certificate or key cannot be read.
    """

    def __init__(self, certificate: str, key: str) -> None:
        self._certificate, self._key = certificate, key
        try:
            import c2pa  # noqa: F401
        except ImportError as error:
            raise BadInput("--certificate: signing needs c2pa-python; pip install 'imagemill[c2pa]'.") from error
        for path in (certificate, key):
            if not Path(path).is_file():
                raise BadInput(f"--certificate, --key: there is no file {path}; give the PEM files of chain and key.")
        try:
            self.sign(_SAMPLE, "png", "sample", False)
        except Exception as error:
            raise BadInput(
                f"--certificate {certificate}: it does not sign with {key} ({error}); both are PEM."
            ) from error

    def _signer(self) -> Any:
        import c2pa

        return c2pa.Signer.from_info(
            c2pa.C2paSignerInfo(
                alg=c2pa.C2paSigningAlg.ES256,
                sign_cert=Path(self._certificate).read_bytes(),
                private_key=Path(self._key).read_bytes(),
                ta_url=None,
            )
        )

    def sign(self, data: bytes, format: str, name: str, generated: bool) -> bytes:
        """The file with a manifest. Raises ValueError if it cannot be signed."""
        import c2pa

        source = DIGITAL_SOURCE + SOURCE_TYPE["generated" if generated else "given"]
        action = {"action": "c2pa.created", "digitalSourceType": source, "softwareAgent": {"name": "imagemill"}}
        manifest = {
            "claim_generator_info": [{"name": "imagemill"}],
            "title": name,
            "format": MIME[format],
            "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [action]}}],
        }
        settings = c2pa.Settings.from_dict({"builder": {"thumbnail": {"enabled": False}}})
        out = io.BytesIO()
        try:
            with c2pa.Context(settings) as context, c2pa.Builder(json.dumps(manifest), context) as builder:
                builder.sign(self._signer(), MIME[format], io.BytesIO(data), out)
        except c2pa.C2paError as error:
            raise ValueError(f"it cannot be signed ({error}).") from error
        return out.getvalue()
