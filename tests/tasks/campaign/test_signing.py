"""C2PA: a signed file reads valid, a flipped bit invalid, and the pixels are those of the unsigned."""

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from PIL import Image

from tasks.campaign.ad_files import encode_ad
from tasks.campaign.signing import SPARED, Signer
from tasks.runfolder.errors import BadInput
from tests.tasks.campaign.samples import picture

c2pa = pytest.importorskip("c2pa")


def name(common: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Lumen"), x509.NameAttribute(NameOID.COMMON_NAME, common)]
    )


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """PEM files of a chain under a root of our own, and of the key."""
    folder = tmp_path_factory.mktemp("chain")
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    begin = datetime.now(UTC) - timedelta(days=1)

    def certificate(subject: str, own: ec.EllipticCurvePrivateKey, authority: bool) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name("root"))
            .public_key(own.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(begin + timedelta(days=30))
            .add_extension(x509.BasicConstraints(authority, None), critical=True)
            .add_extension(
                x509.KeyUsage(not authority, *[False] * 4, authority, authority, False, False), critical=True
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(own.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(keys[0].public_key()), critical=False)
        )
        if not authority:
            builder = builder.add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=True
            )
        return builder.sign(keys[0], hashes.SHA256())

    pem = serialization.Encoding.PEM
    root, leaf = certificate("root", keys[0], True), certificate("signer", keys[1], False)
    (folder / "chain.pem").write_bytes(leaf.public_bytes(pem) + root.public_bytes(pem))
    private = keys[1].private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(private)
    return str(folder / "chain.pem"), str(folder / "key.pem")


def state(data: bytes, mime: str) -> str:
    return str(json.loads(c2pa.Reader(mime, io.BytesIO(data)).json())["validation_state"])


@pytest.mark.parametrize(("format", "mime"), [("jpeg", "image/jpeg"), ("png", "image/png")])
def test_a_signed_file_reads_valid_and_a_flipped_bit_invalid(format: str, mime: str, chain: tuple[str, str]) -> None:
    plain = encode_ad(picture(300, 250), format, None, b"", "").data  # type: ignore[arg-type]
    signed = Signer(*chain).sign(plain, format, "lamp_en", True)
    assert state(signed, mime) == "Valid"
    assert len(signed) - len(plain) < SPARED
    manifest = json.loads(c2pa.Reader(mime, io.BytesIO(signed)).json())
    assert "compositeWithTrainedAlgorithmicMedia" in json.dumps(manifest)
    pixels = [np.asarray(Image.open(io.BytesIO(data))) for data in (plain, signed)]
    assert np.array_equal(*pixels)
    flipped = bytearray(signed)
    flipped[len(flipped) - 200] ^= 1
    assert state(bytes(flipped), mime) == "Invalid"


def test_a_certificate_that_does_not_sign_is_told_in_a_sentence(chain: tuple[str, str], tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no file"):
        Signer(str(tmp_path / "none.pem"), chain[1])
    (tmp_path / "odd.pem").write_text("odd")
    with pytest.raises(BadInput, match="it does not sign with"):
        Signer(str(tmp_path / "odd.pem"), chain[1])
