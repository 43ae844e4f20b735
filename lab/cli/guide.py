"""`lab` alone and `lab help`: where to begin, and what no single command's help can say."""

from __future__ import annotations

from typing import Annotated

import typer

from lab.cli import complete, exits
from lab.cli.failure import unknown
from lab.cli.output import out

EXAMPLES = ("lab help exit-codes", "lab help faults")

FAULTS = """\
A fault is written as KIND TARGET [VALUE] [name=value ...] [N%] [xN] [on "PATTERN"] [for 30s]:

  latency payments:provider 300ms jitter=100ms 20% for 30s
  refuse payments:provider on "POST /charges*"
  partition orders:users
  kill payments

TARGET is a link, CONSUMER:PROVIDER, or the name of a service or engine. The lab itself writes a link as
payments->provider; in a shell that needs quotes, because > alone sends the output to a file.

  20%             hits that share of the messages, chosen by the run's seed
  x3              hits three messages and is over
  on "PATTERN"    hits only what matches: "POST /orders*", "GET user:*", "publish order.*"
  for 30s         heals by itself after that time (30 s if you say nothing); "for ever" waits for lab fault heal

All kinds with what they promise: lab fault kinds
"""

ENVIRONMENT = """\
LAB_HOME            where runs are kept, instead of your data folder
LAB_REDIS_URL       a Redis of your own for --engine redis=url
LAB_AMQP_URL        a broker of your own
LAB_SQL_URL         a database of your own
NO_COLOR            set to anything: no colour
TERM=dumb           no colour and no dashboard
"""

SYSTEMS = """\
A system of your own is a TOML file: your commands, and the links between them.

  [service.orders]
  run = "python -m orders"      # your command; it gets HOST, PORT and the address of each link
  ready = "/readyz"             # a path that answers 200, "tcp" (the port is open) or "started"

  [engine.redis]
  kind = "redis"                # the lab starts it

  [[link]]
  from = "client"               # the outside world
  to = "orders"

  [[link]]
  from = "orders"
  to = "redis"
  env = "REDIS_URL"             # your program finds the address here

  [[journey]]
  name = "order"
  requests = [{ method = "POST", service = "orders", path = "/orders", json = { qty = 1 } }]

Run it: lab run ./my-system.toml
"""

TOPICS = {
    "exit-codes": ("what a command's exit code says", exits.TEXT),
    "faults": ("how a fault is written", FAULTS),
    "systems": ("how to run services of your own", SYSTEMS),
    "environment": ("environment variables", ENVIRONMENT),
}


def help_(
    topic: Annotated[str | None, typer.Argument(help="What to explain.", autocompletion=complete.topics)] = None,
) -> None:
    """Explain exit codes, faults, systems of your own, environment variables."""
    if topic is None:
        out("lab help TOPIC explains:")
        for name, (about, _) in TOPICS.items():
            out(f"  {name:<14}{about}")
        out("\nlab COMMAND --help explains a command; lab --help lists them.")
    elif topic in TOPICS:
        out(TOPICS[topic][1].rstrip())
    else:
        raise unknown("topic", topic, TOPICS, next="lab help")


def welcome() -> None:
    """What `lab` alone says: the state of things in a line, and what to type next."""
    from lab.runtime.runs import list_runs

    alive = [record for record in list_runs() if record.alive]
    for record in alive:
        out(f"{record.id} is running.")
    if alive:
        out("  lab dash    watch it\n  lab ps      its processes\n  lab down    stop it")
    else:
        out("lab: learn architecture and system design on running systems.\n")
        out("  lab run day3    start Wednesday's system and watch its messages")
        out("  lab doctor      see what this machine has")
    out("  lab --help  all commands" if alive else "  lab --help      all commands")
