"""Runs `go test` where it stands and writes JUnit XML: `python go_tests.py REPORT ARGUMENT...`."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

RESULTS = {"pass": None, "fail": "failure", "skip": "skipped"}


def main(report: str, *arguments: str) -> int:
    suite = ElementTree.Element("testsuite")
    said: dict[str, list[str]] = {}
    with subprocess.Popen(["go", "test", "-json", *arguments], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        for line in running.stdout:
            event = json.loads(line) if line.startswith("{") else {"Output": line}
            test, action = event.get("Test"), event.get("Action")
            print(event.get("Output", ""), end="")
            if test is None:
                continue
            said.setdefault(test, []).append(event.get("Output", ""))
            if action in RESULTS:
                case = ElementTree.SubElement(suite, "testcase", classname=event["Package"], name=test)
                if (what := RESULTS[action]) is not None:
                    ElementTree.SubElement(case, what, message="".join(said[test])[-2000:])
    if len(suite):
        ElementTree.ElementTree(suite).write(report)
    return running.returncode


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
