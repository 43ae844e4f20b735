"""Tuesday: Monday's modules as services, each with a process, a database and releases of its own.

    client ─▶ gateway ─▶ users                 who there is
                 └─────▶ orders ─▶ users       orders and wallets; asks users who there is, over HTTP or the broker

The API is Monday's, but for two things that would need what others know: the report over all orders, and the welcome
mail, which Wednesday sends when it hears of a new user. What was a function call in one process is a call over the
network now: it can be slow, it can be lost, and the other side may be another version. Everything that is new here is
there because of that.
"""
