"""Ctrl-C is heeded wherever in the program it comes."""

from __future__ import annotations

import _thread
import signal
import sys
import time

SOON = 0.02
"""Seconds until it comes again: by then the place where nobody could catch it is left."""


def heed() -> None:
    """From now on a KeyboardInterrupt that had to be ignored comes once more. Called in the main thread.

    Python raises it at whatever is being done. In a finalizer or the callback of a weak reference, of which every
    import has some, nobody can catch it: it would be printed and forgotten, and the command would go on.
    """
    main = _thread.get_ident()

    def again() -> None:
        time.sleep(SOON)
        signal.pthread_kill(main, signal.SIGINT)

    def ignored(what: sys.UnraisableHookArgs) -> None:
        if issubclass(what.exc_type, KeyboardInterrupt):
            # Not threading's: who was interrupted may hold a lock of it.
            _thread.start_new_thread(again, ())
        else:
            sys.__unraisablehook__(what)

    sys.unraisablehook = ignored
