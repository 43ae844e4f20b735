"""What `lab help` can explain: the pages that belong to no single command."""

from __future__ import annotations

from collections.abc import Callable

from lab.cli import exits
from lab.locale import mark, tr

FAULTS = mark("""\
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
""")

SYSTEMS = mark("""\
A system of your own is a TOML file: your commands, and the links between them.

  [service.orders]
  run = "python -m orders"      # your command; it gets HOST, PORT and the address of each link
  ready = "/readyz"             # a path that answers 200, "tcp" (the port is open) or "started"
  endpoints = ["http", "grpc"]  # if it listens on more than PORT: GRPC_PORT. A link says to = "orders:grpc"
  replicas = 3                  # orders-1, orders-2 ... over one database, behind a balancer

  [engine.redis]
  kind = "redis"                # the lab starts it

  [engine.broker]
  kind = "kafka"
  topics = { "shop.events" = 6 } # and its partitions; others are made as they are first used

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
""")

EXERCISES = mark("""\
You write services, in any language, and the lab grades them from outside, while it disturbs what they depend on.

  lab init ~/lab && cd ~/lab    a workspace: a folder for your services, and lab.toml
  lab start 5.3                 an exercise: its text and its starter code
  lab try 5.3                   your services running, with curl lines to paste
  lab check 5.3                 what holds, what does not, and why
  lab watch 5.3                 the same each time you save
  lab hint 5.3                  help in three steps
  lab solution 5.3              our solution as a diff against yours: after a pass, or five failed versions

lab.toml says how each of your services is built and run:

  ["day5.3".gateway]
  dir = "day5/5.3-circuit-breaker/gateway"
  build = "go build -o bin/gateway ."       # optional, once a grading
  run = "./bin/gateway"                     # or: python -m gateway, node main.js ...

A service is configured through environment variables: HOST and PORT to listen on, DATABASE_URL, REDIS_URL, AMQP_URL,
USERS_URL and the like to reach others, and the settings that the exercise names. All these addresses are the lab's, and
ports change each time. It answers GET /readyz, ends within 10 s of SIGTERM, and writes one JSON object per line to
stdout.

A behaviour marked gold is an extra: it adds a tenth of the exercise's points, and a pass does not need it.
""")


def environment() -> str:
    """The variables that the lab reads."""
    from lab.system.kinds import engine_kinds

    about = {
        "LAB_HOME": tr("where runs are kept, instead of your data folder"),
        "LAB_EXERCISES": tr("folders with exercises of others, separated like those of PATH"),
        "LAB_LANG": tr("language of everything the lab says: en or uz"),
        **{
            k.variable: tr("an engine of your own for --engine {name}=url", name=k.name)
            for k in engine_kinds().values()
        },
        "NO_COLOR": tr("set to anything: no colour"),
        "TERM=dumb": tr("no colour and no dashboard"),
    }
    return "\n".join(f"{name:<20}{meaning}" for name, meaning in about.items())


TOPICS: dict[str, tuple[str, str | Callable[[], str]]] = {
    "exit-codes": (mark("what a command's exit code says"), exits.TEXT),
    "faults": (mark("how a fault is written"), FAULTS),
    "exercises": (mark("how to write services of your own and have them graded"), EXERCISES),
    "systems": (mark("how to run services of your own"), SYSTEMS),
    "environment": (mark("environment variables"), environment),
}
