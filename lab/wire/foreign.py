"""Another protocol than the link is said to speak, known by its first bytes."""

from __future__ import annotations

from lab.locale import tr

_PRIOR_KNOWLEDGE = b"PRI * HTTP/2.0\r\n"


def foreign(data: bytes) -> str:
    """What these bytes are, which no decoder reads, and the way out; empty if they are nothing known."""
    if data.startswith(_PRIOR_KNOWLEDGE) or _is_settings(data):
        return tr("this is HTTP/2, which the lab reads on links of grpc; on one of http let the client speak HTTP/1.1")
    if _is_hello(data) or _is_alert(data):
        return tr("this is TLS, which the lab cannot look into; have the link speak plain text")
    return ""


def _is_settings(data: bytes) -> bool:
    """What a server of HTTP/2 says first."""
    return data[:1] == b"\0" and data[3:9] == b"\x04\0\0\0\0\0"


def _is_hello(data: bytes) -> bool:
    """A handshake record with a ClientHello, as far as it is there."""
    return data[:2] == b"\x16\x03" and data[5:6] in (b"", b"\x01")


def _is_alert(data: bytes) -> bool:
    """What a server that waits for a ClientHello answers to anything else."""
    return data[:2] == b"\x15\x03" and data[3:5] == b"\x00\x02"
