"""A certificate authority of a test's own, and certificates of servers that are good or are not."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAY: Final = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Pair:
    """Files of a certificate and of its key, in PEM."""

    certificate: Path
    key: Path


class Authority:
    """Signs certificates.

    Args:
        folder: where all files are put.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("authority")
        unsigned = _builder(self._name, self._name, self._key).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        self.file: Final = folder / "authority.pem"
        self.file.write_bytes(_pem(unsigned.sign(self._key, hashes.SHA256())))

    def issue(self, name: str, *, host: str = "127.0.0.1", days: int = 1) -> Pair:
        """A certificate for a server.

        Args:
            name: of the files.
            host: the address that it is for.
            days: until it expires; negative if it did.
        """
        return self._write(name, host, days, issuer=self._name, signer=self._key)

    def self_signed(self, name: str) -> Pair:
        """A certificate that no authority has signed."""
        return self._write(name, "127.0.0.1", 1, issuer=None, signer=None)

    def _write(
        self,
        name: str,
        host: str,
        days: int,
        *,
        issuer: x509.Name | None,
        signer: ec.EllipticCurvePrivateKey | None,
    ) -> Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        unsigned = _builder(_name(name), issuer or _name(name), key, days).add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(host))]), critical=False
        )
        pair = Pair(self._folder / f"{name}.pem", self._folder / f"{name}-key.pem")
        pair.certificate.write_bytes(_pem(unsigned.sign(signer or key, hashes.SHA256())))
        pair.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return pair


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int = 1
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 10 * _DAY)
        .not_valid_after(now + days * _DAY)
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
