"""Which language is spoken, and how."""

from __future__ import annotations

import gettext
import os
import shutil
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from lab.locale import CATALOGUES, choice, compiling, language, speaking, tr, trn
from tests.locale import catalogue

REPOSITORY = Path(__file__).parents[2]
PO = """\
msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: nplurals=2; plural=n != 1;\\n"

#: a/place.py
msgid "one"
msgstr "bir"

#, python-brace-format
msgid "{count} run"
msgid_plural "{count} runs"
msgstr[0] "{count} ish"
msgstr[1] "{count} ishlar"

msgid ""
"on two\\n"
"lines"
msgstr ""
"ikki\\n"
"«qator»da"

#, fuzzy
msgid "guessed"
msgstr "taxmin"

msgid "not yet"
msgstr ""

#~ msgid "gone"
#~ msgstr "ketdi"
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A reader who has settled nothing, in a folder that is no workspace."""
    for name in ("LAB_LANG", *choice.LOCALE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_text_is_said_in_the_language_that_is_spoken() -> None:
    assert language() == "en"
    assert tr("There are: {languages}", languages="a {b}") == "There are: a {b}"
    with speaking("uz"):
        assert language() == "uz"
        assert tr("There are: {languages}", languages="a {b}") == "Borlari: a {b}"
        assert tr("nobody translated this") == "nobody translated this"
        assert tr("") == ""
        with speaking("en"):
            assert tr("Help") == "Help"
        assert tr("Help") == "Yordam"
    assert tr("Help") == "Help"


def test_what_counts_has_its_own_form() -> None:
    assert trn("{count} run of {what}", "{count} runs of {what}", 1, what="x") == "1 run of x"
    assert trn("{count} run of {what}", "{count} runs of {what}", 2, what="x") == "2 runs of x"


def test_english_is_spoken_where_nothing_is_said() -> None:
    assert choice.chosen([]) == choice.Choice("en", "")


def test_who_is_nearer_decides(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "uz_UZ.UTF-8")
    assert choice.chosen([]) == choice.Choice("uz", "LANG")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    assert choice.chosen([]) == choice.Choice("en", "LC_ALL")
    choice.configure("uz")
    assert choice.chosen([]) == choice.Choice("uz", "lab config")
    (home / "lab.toml").write_text('format = 1\ntexts = "en"  # mine\n')
    (home / "deep").mkdir()
    monkeypatch.chdir(home / "deep")
    assert choice.chosen([]) == choice.Choice("en", "lab.toml")
    monkeypatch.setenv("LAB_LANG", "uz")
    assert choice.chosen([]) == choice.Choice("uz", "LAB_LANG")
    assert choice.chosen(["--lang", "en", "run"]) == choice.Choice("en", "--lang")
    assert choice.chosen(["--lang=en", "run"]) == choice.Choice("en", "--lang")
    assert choice.chosen(["run", "--lang=en"]) == choice.Choice("uz", "LAB_LANG")  # that is the command's own word
    monkeypatch.setenv("LAB_LANG", "fr")  # not spoken here
    assert choice.chosen([]) == choice.Choice("en", "lab.toml")


def test_settings_are_kept_with_what_else_is_there() -> None:
    path = choice.configure("uz")
    path.write_text(f"# mine\n{path.read_text()}other = 1\n")
    choice.configure("en")
    assert path.read_text() == '# mine\nlang = "en"\nother = 1\n'
    assert choice.configured() == "en"


def lab(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lab", *words],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_command_speaks_it() -> None:
    assert "Usage: lab run" in lab("run", "--help").stdout
    told = lab("config", "lang", "uz")
    assert told.returncode == 0
    assert "o‘zbekcha" in told.stdout
    shown = lab("config").stdout.splitlines()[-1].split()
    assert shown == ["lang", "uz", "lab", "config"]
    helped = lab("run", "--help").stdout
    assert "Ishlatish: lab run" in helped
    assert "Opsiyalar" in helped
    assert "Usage: lab run" in lab("--lang", "en", "run", "--help").stdout


def test_a_complaint_speaks_it() -> None:
    refused = lab("run", "day3", "--seed", "-1", LAB_LANG="uz")
    assert refused.returncode == 2
    assert "0 yoki undan katta bo‘lishi kerak" in " ".join(refused.stderr.replace("│", " ").split())


def test_nobody_waits_for_a_language_that_is_not_spoken() -> None:
    refused = lab("config", "lang", "fr")
    assert refused.returncode == 2
    assert "en, uz" in refused.stderr


def test_a_source_is_compiled_as_gettext_wants_it() -> None:
    made = gettext.GNUTranslations(BytesIO(compiling.compiled(PO)))
    assert made.gettext("one") == "bir"
    assert made.gettext("on two\nlines") == "ikki\n«qator»da"
    assert made.ngettext("{count} run", "{count} runs", 1) == "{count} ish"
    assert made.ngettext("{count} run", "{count} runs", 3) == "{count} ishlar"
    for absent in ("guessed", "not yet", "gone"):
        assert made.gettext(absent) == absent
    with pytest.raises(compiling.InvalidCatalogue, match="line 2"):
        compiling.compiled('msgid "a"\nmsgstr b\n')


def test_a_checkout_compiles_what_is_newer(tmp_path: Path) -> None:
    """With an old catalogue beside it, and where nothing may be written, the source is what counts."""
    folder = tmp_path / "lab" / "locale"
    shutil.copytree(CATALOGUES, folder, ignore=shutil.ignore_patterns("*.mo", "__pycache__"))
    (tmp_path / "lab" / "__init__.py").touch()
    program = "from lab.locale import tr, speak; speak('uz'); print(tr('Help'))"

    def said() -> str:
        command = [sys.executable, "-c", program]
        ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
        return ran.stdout.strip()

    assert said() == "Yordam"
    source = folder / "uz" / "LC_MESSAGES" / "lab.po"
    assert source.with_suffix(".mo").exists()
    source.write_text(source.read_text().replace('"Yordam"', '"Madad"'))
    os.utime(source, ns=(2**62, 2**62))
    assert said() == "Madad"


def test_a_build_has_the_compiled_catalogues(tmp_path: Path) -> None:
    """The hook that hatchling runs, for a wheel and an editable installation alike."""
    pytest.importorskip("hatchling")
    shutil.copytree(REPOSITORY, tmp_path / "r", ignore=shutil.ignore_patterns(".venv", ".git", "*.mo", "*cache*"))
    wheel = "from hatchling.build import build_wheel; print(build_wheel('dist'))"
    subprocess.run([sys.executable, "-c", wheel], cwd=tmp_path / "r", timeout=100, check=True, capture_output=True)
    (built,) = (tmp_path / "r" / "dist").glob("*.whl")
    with zipfile.ZipFile(built) as inside:
        names = {name for name in inside.namelist() if name.startswith("lab/locale/uz")}
    assert names == {f"lab/locale/{each}/LC_MESSAGES/lab.mo" for each in catalogue.TRANSLATED}
