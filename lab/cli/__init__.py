"""The `lab` command."""


def main() -> None:
    raise SystemExit("lab: no command yet")
