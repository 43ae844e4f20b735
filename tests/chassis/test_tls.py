"""Whom services trust when they call others."""

from __future__ import annotations

import ssl

import httpx

from lab.chassis.tls import AUTHORITIES


def test_shared_authorities_are_no_less_strict_than_a_clients_own() -> None:
    own = httpx.create_ssl_context(trust_env=False)
    assert AUTHORITIES.verify_mode is ssl.CERT_REQUIRED
    assert AUTHORITIES.check_hostname
    assert AUTHORITIES.cert_store_stats() == own.cert_store_stats()
    assert AUTHORITIES.cert_store_stats()["x509_ca"] > 0
    assert AUTHORITIES.minimum_version == own.minimum_version
