"""By the lines alone: who is complained of, by whom, and with which word."""

import json
import sys
from collections import Counter

told = json.load(sys.stdin)
said = {
    name: Counter((line["dependency"], line["why"]) for line in seen["log"] if "dependency" in line)
    for name, seen in told.items()
}
found = None
for service in ("orders", "gateway"):
    for pair, count in said[service].most_common(1):
        if count >= 3 and found is None:
            found = pair
sys.stdout.write(json.dumps(dict(zip(("dependency", "kind"), found or (None, None), strict=True))))
