"""The exit codes of every command, for people and scripts."""

from lab.locale import mark

OK = 0
FAILED = 1
USAGE = 2
MISSING = 3
INTERRUPTED = 130

TEXT = mark("""\
0    Success. A run ended as it was asked to; every behaviour that must hold was proved.
1    It failed: a behaviour does not hold, the system never became ready, a command was refused.
2    Usage error: an unknown option, day, exercise, scenario or fault; an invalid file of yours.
3    Something is missing on this machine (an engine, a port, disk), or the lab itself failed. The message says which.
130  You pressed Ctrl-C. Everything was stopped and nothing is left behind.
""")
