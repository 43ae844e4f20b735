"""What is secret by its name or its form, in the starter's environment, in addresses and in requests."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.system.secrets import Hider, blank_path, blank_query, is_secret, known, without_login, without_secrets


@pytest.mark.parametrize(
    "name",
    [
        "TOKEN", "NPM_TOKEN", "token_file", "HF_TOKENS", "MYTOKEN", "CLIENT_SECRET", "SECRET_KEY_BASE", "PGPASSWORD",
        "DB_PASSWORD_FILE", "OPENAI_API_KEY", "APIKEY", "SSH_PRIVATE_KEY", "DEPLOY_PRIVATE_KEY_PATH", "PGPASSFILE",
        "GOOGLE_APPLICATION_CREDENTIALS", "AWS_PROFILE", "AWS_SECRET_ACCESS_KEY", "GITHUB_ACTOR", "SSH_AUTH_SOCK",
        "KUBECONFIG", "RESTIC_PASSPHRASE",
    ],
)  # fmt: skip
def test_what_looks_like_a_secret_is_left_out(name: str) -> None:
    assert without_secrets({name: "x", "PATH": "/bin"}) == {"PATH": "/bin"}


@pytest.mark.parametrize(
    "name",
    ["PATH", "HOME", "LANG", "TZ", "VIRTUAL_ENV", "GOPATH", "GOCACHE", "NODE_OPTIONS", "TOKENIZERS_PARALLELISM",
     "PYTHONPATH", "TMPDIR", "XDG_CACHE_HOME", "KEYBOARD", "NODE_ENV", "PASSAGE"],
)  # fmt: skip
def test_the_rest_is_passed_on(name: str) -> None:
    assert without_secrets({name: "x"}) == {name: "x"}


ORDINARY = [
    "pinned", "shipping", "author", "opinion", "spinner", "keyword", "monkey", "passenger", "compass", "design",
    "signal", "assignment", "postcode", "country_code", "sort_key", "routing_key", "session_date", "codec", "secretary",
    "tokenizer", "max_tokens", "token_type", "password_length", "authors", "bearing", "pinCount", "optional", "n", "q",
]  # fmt: skip


@pytest.mark.parametrize("name", ORDINARY)
def test_an_ordinary_name_hides_nothing(name: str) -> None:
    assert not is_secret(name)
    assert blank_query(f"{name}=blue&page=2") == f"{name}=blue&page=2"
    assert blank_path(f"/{name}/blue7/items") == f"/{name}/blue7/items"


def camel(words: list[str]) -> str:
    return words[0] + "".join(map(str.capitalize, words[1:]))


def quoted(words: list[str]) -> str:
    return "".join(f"%{byte:02x}" for byte in "_".join(words).encode())


STYLES: dict[str, Callable[[list[str]], str]] = {
    "snake": "_".join,
    "header": lambda words: "-".join(["x", *words]).title(),
    "dotted": ".".join,
    "camel": camel,
    "loud": lambda words: "_".join(words).upper(),
    "bracket": lambda words: f"filter[{'_'.join(words)}]",
    "quoted": quoted,
    "quoted twice": lambda words: quoted(words).replace("%", "%25"),
    "base64": lambda words: b64encode("_".join(words).encode()).decode(),
    "base64 in a URL": lambda words: urlsafe_b64encode("_".join(words).encode()).decode().rstrip("="),
    "hex": lambda words: "_".join(words).encode().hex(),
    "wide": lambda words: "".join(chr(ord(letter) + 0xFEE0) for letter in "".join(words)),
}
SECRET = st.sampled_from(
    ["bearer", "otp", "totp", "pin", "puk", "cvv", "cvc", "token", "password", "passwd", "secret", "credential", "jwt",
     "csrf", "pass", "pwd", "auth", "session", "sig", "signature", "sessionid", "accesstoken", "userpassword",
     "clientsecret", "apikey", "parol", "mfa"]
).map(lambda word: [word]) | st.sampled_from(
    [["api", "key"], ["private", "key"], ["otp", "code"], ["session", "id"], ["pin", "code"], ["refresh", "token"],
     ["auth", "header"], ["pass", "phrase"]]
)  # fmt: skip
CANARY = "c4n4ry"


@given(SECRET, st.sampled_from(["", "user", "card", "new", "old", "login"]), st.sampled_from(sorted(STYLES)))
def test_a_secret_is_known_in_every_style(words: list[str], before: str, style: str) -> None:
    if style == "wide" and before:
        before = ""  # no capitals, no gaps: nobody can tell the words apart
    name = STYLES[style]([word for word in (before, *words) if word])
    assert CANARY not in blank_query(f"a=1&{name}={CANARY}&b=2")
    assert CANARY not in blank_path(f"/a;{name}={CANARY}/b")
    assert CANARY not in blank_path(f"/v2/{name}/{CANARY}/b")
    inner = quote(f"https://elsewhere/?{name}={CANARY}", safe="")
    assert CANARY not in blank_query(f"next={inner}")


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/reset-password/9f8e7d6c", "/reset-password/…"),
        ("/invite/4d9f0c2b-6a4e-4c5e-9a3b-1f2e3d4c5b6a", "/invite/…"),
        ("/bot110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw/send", "/…/send"),
        ("/cards/7/pin/1234", "/cards/7/pin/…"),
        ("/proxy/https://me:hunter2@box/", "/proxy/https://…box/"),
        ("/auth/login", "/auth/login"),
        ("/auth/v2/users/7", "/auth/v2/users/7"),
        ("/orders/4d9f0c2b-6a4e-4c5e-9a3b-1f2e3d4c5b6a", "/orders/4d9f0c2b-6a4e-4c5e-9a3b-1f2e3d4c5b6a"),
    ],
)
def test_secrets_in_paths(path: str, shown: str) -> None:
    assert blank_path(path) == shown


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("amqp://me:secret@box:5672/v?a=1", "amqp://box:5672/v"),
        ("postgresql+psycopg://lab:1f@127.0.0.1:4/orders", "postgresql+psycopg://127.0.0.1:4/orders"),
        ("redis://box", "redis://box"),
        ("sqlite:////home/me/x.db", "sqlite:////home/me/x.db"),
        ("native", "native"),
    ],
)
def test_a_url_without_its_login(url: str, shown: str) -> None:
    assert without_login(url) == shown


@given(st.text())
def test_any_text_is_taken(text: str) -> None:
    blank_query(text)
    blank_path(text)
    is_secret(text)


def test_known_secrets_are_hidden_as_whole_words_in_every_coding() -> None:
    told = {"API_KEY": "k/42 x", "REDIS_URL": "redis://:top%2Fsecret@127.0.0.1/0", "AMQP_URL": "amqp://guest:guest@h"}
    hider = Hider(known(told))
    text = "k/42 x, k%2F42%20x; top%2Fsecret and top/secret, but topsecret, xk/42 x and guest stay"
    assert hider.text(text) == "…, …; … and …, but topsecret, xk/42 x and guest stay"
    assert hider.line(text.encode()).decode() == hider.text(text)
    assert not Hider(known({"COLOUR": "a green one"}))
