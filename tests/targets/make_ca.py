"""make_ca.py DIR: a throw-away authority (ca.pem) and a certificate from it for this machine (server.pem, server.key)."""

import datetime
import ipaddress
import pathlib
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

ISSUER = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "evidenced tests")])
SUBJECT = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])


def certificate(subject, key):
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder(issuer_name=ISSUER, subject_name=subject, public_key=key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    return builder.not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=30))


def pem(thing):
    return thing.public_bytes(serialization.Encoding.PEM)


def main(directory):
    directory.mkdir(parents=True, exist_ok=True)
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca = certificate(ISSUER, ca_key).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    server = certificate(SUBJECT, key).add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    server = server.add_extension(x509.SubjectAlternativeName(names), critical=False)
    server = server.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    (directory / "ca.pem").write_bytes(pem(ca.sign(ca_key, hashes.SHA256())))
    (directory / "server.pem").write_bytes(pem(server.sign(ca_key, hashes.SHA256())))
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (directory / "server.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))


main(pathlib.Path(sys.argv[1]))
