"""What is secret, told by its name or its form: nothing of that kind is passed on, written down or printed."""

from __future__ import annotations

import json
import re
import unicodedata
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import pairwise
from urllib.parse import quote, unquote

HIDDEN = "…"

KEYS = r"(?:api|access|private|secret|signing|encryption|master|auth)keys?"
IN_A_WORD = re.compile(
    r"pass(?:word|wort|wd|phrase|code)|^pgpass|secret(?!ar|ion)|credential|jwt|[cx]srf|authorization|sess(?:ion)?id"
    rf"|{KEYS}|tokens?$"
)
"""What makes a name secret wherever it stands in one of its words."""
TWO_WORDS = re.compile(rf"pass(?:word|wd|phrase|code)|{KEYS}|2fa")
AT_THE_END = frozenset(
    {
        *("parol", "pass", "pwd", "pin", "puk", "otp", "totp", "hotp", "cvv", "cvc", "mfa", "auth", "oauth", "bearer"),
        *("session", "sid", "sig", "signature", "hmac", "verifier"),
    }
)
"""Words that make a name secret at its end, or before one of BEHIND."""
BEHIND = frozenset({"id", "code", "value", "hash", "header", "file", "key", "string"})
TOGETHER = frozenset(word + behind for word in AT_THE_END for behind in BEHIND)
ALONE = frozenset({"key", "code"})
"""Names that are secret as they are: of an API, or of a login that is half done."""
MEASURES = frozenset({"max", "min", "count", "limit", "total", "size", "length", "type", "ttl", "expires"})
"""A name with one of these says something about a secret, and is none."""
LETTERS = frozenset({"reset", "verify", "invite", "invitation", "activate", "magic", "unsubscribe"})
"""What a link in a letter is for; whoever has the link may do it."""
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
ENCODED = re.compile(r"[\w+/-]{4,64}={0,2}", re.ASCII)
ENCODINGS = 3
"""So often an encoded name is decoded."""
LONG = 16
"""Characters from which on a part of a path reads like a secret rather than a word."""

FORM = re.compile(
    r"\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?|\b[sprw]k_(?:live|test)_\w+|\bgh[pousr]_\w{16,}|\bxox[a-z]-[\w-]+"
    r"|\bAKIA[0-9A-Z]{12,}|\b(?:bot)?\d{6,}:[\w-]{30,}|(?<=://)[^/@\s]*:[^/@\s]*@|\b(?:Bearer|Basic)[ +]\S+"
)
"""Values that show what they are: signed tokens, keys of well-known services, the login in a URL."""
MARKS = ("eyJ", "k_", "gh", "xox", "AKIA", ":", "Bearer", "Basic")
"""One of these is in each of them: most texts are told by this glance."""
NAMED = re.compile(r"([\w.\-\[\]]+)[\"']?\s*[=:]")
"""What may be a name within a value."""
VERSION = re.compile(r"v\d+")

LOGIN = re.compile(r"://[^/@\s:]*:([^/@\s]+)@")
"""The password in a URL."""
LEAST = 6
"""Characters below which a value says too little to be found again: `guest`, which everybody knows, is everywhere."""

WAY = re.compile(r"(AWS|AZURE|GITHUB|GH|GITLAB|CI_JOB|SSH|GPG)_.*|PGPASSFILE|KUBECONFIG|NETRC|DOCKER_AUTH_CONFIG")
"""Variables that are the way to a secret."""


@lru_cache(4096)
def is_secret(name: str) -> bool:
    """Whether what is called so is secret: `pin`, `userPIN`, `X-Api-Key`, `filter[access_token]`, and the same encoded
    for a URL, in base64 or in hexadecimal digits."""
    return any(_sounds_secret(form) for form in _decoded(unicodedata.normalize("NFKC", name)))


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables whose names do not look like a secret's, or like the way to one."""
    return {name: value for name, value in environment.items() if not (is_secret(name) or WAY.fullmatch(name.upper()))}


def known(environment: Mapping[str, str]) -> set[str]:
    """The secrets among these variables: the values of secret names, and the passwords in URLs."""
    found = {value for name, value in environment.items() if is_secret(name)}
    for value in environment.values():
        found.update(LOGIN.findall(value))
    return found


class Hider:
    """Blanks these secrets where they are written out: as they are, coded for a URL or in a JSON string, and only as
    whole words. False if there are none."""

    def __init__(self, secrets: Iterable[str]) -> None:
        plain = {form for secret in secrets for form in (secret, unquote(secret))}
        forms = {form for one in plain for form in (one, quote(one, safe=""), json.dumps(one)[1:-1])}
        longest = sorted((form for form in forms if len(form) >= LEAST), key=len, reverse=True)
        words = "|".join(map(re.escape, longest))
        self._pattern = re.compile(rf"(?<!\w)(?:{words})(?!\w)") if words else None
        self._line = re.compile(rb"(?<!\w)(?:%b)(?!\w)" % words.encode("utf-8", "surrogateescape")) if words else None

    def __bool__(self) -> bool:
        return self._pattern is not None

    def text(self, text: str) -> str:
        return self._pattern.sub(HIDDEN, text) if self._pattern else text

    def line(self, line: bytes) -> bytes:
        """The same for what a process wrote."""
        return self._line.sub(HIDDEN.encode(), line) if self._line else line


def without_login(url: str) -> str:
    """The URL without user, password and options; what is no URL as it is."""
    scheme, mark, rest = url.partition("://")
    return f"{scheme}{mark}{rest.partition('?')[0].rpartition('@')[2]}"


def blank_path(path: str) -> str:
    """The path of a request without secrets: what shows that it is one, `;jsessionid=1`, and what follows on a name
    (`/reset-password/9f8e7d`), unless it reads like a word (`/auth/login`)."""
    shown, before = [], ""
    for segment in (FORM.sub(HIDDEN, path) if _marked(path) else path).split("/"):
        shown.append(HIDDEN if _follows(segment, before) else ";".join(map(_pair, segment.split(";"))))
        before = segment
    return "/".join(shown)


def blank_query(query: str) -> str:
    """The query of a request without the values of parameters that are secret."""
    return "&".join(";".join(map(_pair, pair.split(";"))) for pair in query.split("&"))


def _pair(pair: str) -> str:
    name, mark, value = pair.partition("=")
    plain = _plain(value if mark else name)
    secret = (mark and is_secret(name)) or (_marked(plain) and FORM.search(plain))
    if secret or (("=" in plain or ":" in plain) and any(map(is_secret, NAMED.findall(plain)))):
        return f"{name}={HIDDEN}" if mark else HIDDEN
    return pair


def _marked(text: str) -> bool:
    return any(mark in text for mark in MARKS)


def _follows(segment: str, before: str) -> bool:
    """Whether this part of a path is the secret that the part before it announces."""
    if not before or (len(segment) < LONG and not any(map(str.isdigit, segment))) or VERSION.fullmatch(segment):
        return False
    return is_secret(before) or (len(segment) >= LONG and before.lower() in LETTERS)


def _plain(text: str) -> str:
    for _ in range(ENCODINGS if "%" in text else 0):
        text = unquote(text)
    return text


def _decoded(name: str) -> Iterator[str]:
    """The name as it is written, and what it is a coding of."""
    name = _plain(name)
    yield name
    if ENCODED.fullmatch(name):
        for decode in (_from_base64, bytes.fromhex):
            try:
                yield decode(name).decode("ascii")
            except ValueError:
                continue


def _from_base64(name: str) -> bytes:
    name = name.rstrip("=")
    return b64decode(name + "=" * (-len(name) % 4), altchars=b"-_", validate=True)


def _sounds_secret(name: str) -> bool:
    words = [word.lower() for word in WORD.findall(name)]
    if not words or MEASURES.intersection(words):
        return False
    if any(map(IN_A_WORD.search, words)) or any(TWO_WORDS.fullmatch(a + b) for a, b in pairwise(words)):
        return True
    words = [word for word in words if not word.isdigit()]
    if len(words) == 1 and words[0] in ALONE:
        return True
    while len(words) > 1 and words[-1] in BEHIND:
        words.pop()
    return bool(words) and words[-1] in AT_THE_END | TOGETHER
