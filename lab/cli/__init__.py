"""The `lab` command: parse, call, print. No file here imports anything heavy before it is needed."""

import errno
import os
import sys
from typing import NoReturn

UNWRITTEN = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EBADF)
"""What becomes of output that nobody can take."""


def main() -> None:
    """Entry point of the installed command."""
    _open_streams()
    try:
        from lab import interrupt

        interrupt.heed()

        from lab.cli import language

        language.decide(sys.argv[1:])
        from lab.cli.app import app

        for stream in (sys.stdout, sys.stderr):
            if reconfigure := getattr(stream, "reconfigure", None):
                reconfigure(errors="replace")  # a terminal without → prints ? instead of a traceback
        _refuse_bytes()
        app(prog_name="lab")
    except KeyboardInterrupt:  # still importing; later the commands handle it themselves
        from lab.cli import exits

        raise SystemExit(exits.INTERRUPTED) from None
    except OSError as error:
        if error.filename or error.errno not in UNWRITTEN:
            raise
        from lab.locale import tr

        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is buffered goes there
        _refuse(tr("the output cannot be written: {strerror}", strerror=error.strerror), 1)


def _open_streams() -> None:
    """Put the null device where a stream is closed (`>&-`): else the next file to be opened would take its place."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
            os.set_inheritable(number, True)
            setattr(sys, name, open(number, "w" if number else "r", encoding="utf-8", closefd=False))  # noqa: SIM115


def _refuse_bytes() -> None:
    """End the command where a word of it, or LAB_HOME, is not UTF-8: neither JSON nor TOML could hold it."""
    from lab.locale import tr

    for word in (*sys.argv[1:], os.environ.get("LAB_HOME", "")):
        if any("\ud800" <= sign <= "\udfff" for sign in word):
            _refuse(tr("{word} is not UTF-8 text", word=ascii(word)), 2)


def _refuse(what: str, code: int) -> NoReturn:
    sys.stderr.write(f"lab: {what}\n")
    raise SystemExit(code) from None
