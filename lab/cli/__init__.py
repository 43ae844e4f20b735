"""The `lab` command: parse, call, print. No file here imports anything heavy before it is needed."""

import sys


def main() -> None:
    """Entry point of the installed command."""
    try:
        from lab import interrupt

        interrupt.heed()

        from lab.cli import language

        language.decide(sys.argv[1:])
        from lab.cli.app import app

        for stream in (sys.stdout, sys.stderr):
            if reconfigure := getattr(stream, "reconfigure", None):
                reconfigure(errors="replace")  # a terminal without → prints ? instead of a traceback
        app(prog_name="lab")
    except KeyboardInterrupt:  # still importing; later the commands handle it themselves
        from lab.cli import exits

        raise SystemExit(exits.INTERRUPTED) from None
