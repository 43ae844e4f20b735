"""Environment variables that a program reads, in three languages."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.grading.structure.variables import _go, _node, _python, read_variables


@pytest.mark.parametrize(
    ("file", "source", "wanted"),
    [
        (
            "a.py",
            "import os\nPORT = os.environ['PORT']\nX = os.getenv('X_MS', '1')\nos.environ.get('Y')",
            {"PORT", "X_MS", "Y"},
        ),
        ("a.py", "from os import environ\nif 'DEBUG' in environ: pass", {"DEBUG"}),
        ("a.py", "# os.environ['NO']\nX = 'NO'\nos.environ['SET'] = '1'", set()),
        (
            "a.py",
            "def number(name, default):\n    return int(os.environ.get(name, default))\nnumber('TTL_S', 3)",
            {"TTL_S"},
        ),
        (
            "a.py",
            "def text(n):\n    return os.environ[n]\ndef number(n):\n    return int(text(n))\nnumber('A_B')",
            {"A_B"},
        ),
        ("a.py", "class E:\n    def get(self, name):\n        return os.environ[name]\nE().get('A_B')", {"A_B"}),
        (
            "a.py",
            "class Settings(ServiceSettings):\n    amqp_url: str\n    prefetch: int = 10",
            {"AMQP_URL", "PREFETCH"},
        ),
        ("a.py", "class S(pydantic_settings.BaseSettings):\n    url: str = Field(alias='REDIS_URL')", {"REDIS_URL"}),
        ("a.py", "not python (", set()),
        ("main.go", 'p := os.Getenv("PORT")\nv, ok := os.LookupEnv("HOST")\n// os.Getenv("NO")', {"PORT", "HOST"}),
        (
            "main.go",
            'func mustEnv(name string) string {\n\treturn os.Getenv(name)\n}\nvar u = mustEnv("REDIS_URL")',
            {"REDIS_URL"},
        ),
        (
            "main.go",
            "func (e env) ms(name string, d int) int {\n\treturn e.num(name, d)\n}\n"
            'func (e env) num(name string, d int) int {\n\tx := os.Getenv(name)\n}\nvar t = e.ms("T_MS", 1)',
            {"T_MS"},
        ),
        ("main.go", 'type C struct {\n\tURL string `env:"AMQP_URL,required"`\n}', {"AMQP_URL"}),
        ("main.go", 's := "http://x" + os.Getenv("A")', {"A"}),
        ("main.js", "const a = process.env.PORT ?? process.env['HOST'];\n// process.env.NO", {"PORT", "HOST"}),
        ("main.js", "const { REDIS_URL, TTL_S = '3' } = process.env;", {"REDIS_URL", "TTL_S"}),
        ("main.js", "function need(name) {\n  return process.env[name];\n}\nneed('AMQP_URL');", {"AMQP_URL"}),
        ("main.ts", "const num = (name, d) => Number(process.env[name] ?? d);\nconst x = num('X_MS', 3);", {"X_MS"}),
        ("main_test.go", 'os.Getenv("NO")', set()),
        ("tests/a.py", "os.environ['NO']", set()),
        (".venv/a.py", "os.environ['NO']", set()),
    ],
)
def test_what_the_sources_read(tmp_path: Path, file: str, source: str, wanted: set[str]) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source)
    assert set(read_variables(tmp_path)) == wanted


def test_the_place_is_the_first_one(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "a.py").write_text("import os\n\nos.environ['B']\nos.environ['A']\nos.environ['B']")
    assert read_variables(tmp_path) == {"A": "shop/a.py:4", "B": "shop/a.py:3"}


SOURCES = st.text(alphabet="abAB_ \n(){}[]=.,:'\"`/*\\#", max_size=80).map(
    lambda text: text.replace("A", 'os.Getenv("A")')
)


@given(SOURCES)
def test_any_text_is_read(text: str) -> None:
    for reader in (_python, _go, _node):
        for name, place in reader({"f": text}):
            assert name
            assert 1 <= int(place.partition(":")[2]) <= text.count("\n") + 1
