"""The exit codes of every command, for people and scripts."""

OK = 0
FAILED = 1
USAGE = 2
MISSING = 3
INTERRUPTED = 130

TEXT = """\
0    It went well. A run ended as it was asked to.
1    It failed: the system never became ready, there is no such run, a command was refused.
2    The command was not understood: an unknown option, day, scenario, service or fault; an invalid system file.
3    This machine lacks something: an engine, a port, room on the disk. The message says how to get it.
130  You pressed Ctrl-C. The run was stopped and nothing is left behind.
"""
