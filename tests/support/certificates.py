"""Certificates for TLS tests: an authority that lives for one test run, and server certificates signed by it.

Made with the `openssl` command, which every machine that can build Python has; keys are short-lived and worthless.
"""

import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Authority:
    """A certificate authority in a folder."""

    folder: Path

    def trusting(self) -> ssl.SSLContext:
        """Return a client's context that trusts this authority and nobody else."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_verify_locations(self.folder / "authority.pem")
        return context

    def serving(self, name: str, *, expired: bool = False) -> ssl.SSLContext:
        """Return a server's context with a certificate for `name`, e.g. "IP:127.0.0.1" or "DNS:localhost"."""
        return _server_context(*self.files(name, expired=expired))

    def files(self, name: str, *, expired: bool = False) -> tuple[Path, Path]:
        """Return the files of a certificate for `name` and of its key, for a server that is not Python's."""
        stem = name.replace(":", "_") + ("_expired" if expired else "")
        key, request, signed, extensions = (self.folder / f"{stem}.{end}" for end in ("key", "csr", "pem", "ext"))
        if not signed.exists():
            _new_key(key)
            _openssl("req", "-new", "-key", key, "-subj", "/CN=server", "-out", request)
            extensions.write_text(f"subjectAltName={name}\nbasicConstraints=CA:FALSE\n")
            if expired:
                self._sign_expired(request, extensions, signed)
            else:
                _openssl(
                    "x509", "-req", "-in", request, "-CA", self.folder / "authority.pem", "-CAcreateserial",
                    "-CAkey", self.folder / "authority.key", "-days", "1", "-sha256", "-extfile", extensions,
                    "-out", signed,
                )  # fmt: skip
        return signed, key

    def _sign_expired(self, request: Path, extensions: Path, signed: Path) -> None:
        # `openssl x509` takes no dates before version 3.4; `openssl ca` always did, and wants a small register.
        register = self.folder / "register"
        register.write_text("")
        (self.folder / "serial").write_text("1001\n")
        config = self.folder / "ca.cnf"
        config.write_text(
            f"[ca]\ndefault_ca=one\n[one]\ndatabase={register}\nserial={self.folder / 'serial'}\n"
            f"new_certs_dir={self.folder}\ndefault_md=sha256\npolicy=any\n[any]\ncommonName=supplied\n"
        )
        _openssl(
            "ca", "-batch", "-config", config, "-cert", self.folder / "authority.pem",
            "-keyfile", self.folder / "authority.key", "-startdate", "20200101000000Z", "-enddate", "20200102000000Z",
            "-extfile", extensions, "-in", request, "-out", signed, "-notext",
        )  # fmt: skip


def make_authority(folder: Path) -> Authority:
    """Make an authority in an empty folder."""
    key = folder / "authority.key"
    _new_key(key)
    _openssl(
        "req", "-x509", "-new", "-key", key, "-subj", "/CN=Test authority", "-days", "1", "-sha256",
        "-addext", "keyUsage=critical,keyCertSign", "-out", folder / "authority.pem",
    )  # fmt: skip
    return Authority(folder)


def self_signed(folder: Path, name: str) -> ssl.SSLContext:
    """Return a server's context whose certificate for `name` no authority signed."""
    key, certificate = folder / "self-signed.key", folder / "self-signed.pem"
    _new_key(key)
    _openssl(
        "req", "-x509", "-new", "-key", key, "-subj", "/CN=server", "-days", "1", "-sha256",
        "-addext", f"subjectAltName={name}", "-out", certificate,
    )  # fmt: skip
    return _server_context(certificate, key)


def _new_key(path: Path) -> None:
    _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path)


def _server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def _openssl(*arguments: object) -> None:
    program = shutil.which("openssl")
    if program is None:
        raise RuntimeError("The TLS tests need the `openssl` command: install the package of that name.")
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"openssl {arguments[0]} failed: {done.stderr}")
