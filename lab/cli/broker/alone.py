"""`lab broker`: the embedded AMQP broker alone, for the reader's own programs and tests."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli import exits
from lab.cli.broker import status as broker_status
from lab.cli.broker import tail as broker_tail
from lab.cli.commands import examples
from lab.cli.failure import Failure
from lab.cli.output import out, say
from lab.locale import tr

if TYPE_CHECKING:
    import asyncio

EXAMPLES = ("lab broker", 'lab broker --port 0 --data "$(mktemp -d)"', "lab broker status")
HOST = "127.0.0.1"
PORT = 5672


def broker(
    ctx: typer.Context,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where it listens; 0 takes a free port.")] = PORT,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder for durable data, one per broker. By default: broker in the lab's data folder.",
            file_okay=False,
        ),
    ] = None,
) -> None:
    """Run the embedded AMQP broker alone, for your own programs and tests. Ctrl-C ends it.

    User guest, password guest, virtual host /. Durable data survives a restart, as with RabbitMQ.
    """
    if ctx.invoked_subcommand is not None:
        if data is not None or port != PORT:
            raise typer.BadParameter(
                tr(
                    "options of lab broker {name} stand after its name",
                    name=ctx.invoked_subcommand,
                )
            )
        return
    import asyncio

    from lab.engines.amqp.protocol.loop import new_loop

    with asyncio.Runner(loop_factory=new_loop) as runner:
        code = runner.run(_serve(port, data))
    raise typer.Exit(code)


async def _serve(port: int, data: Path | None) -> int:
    """Serve until Ctrl-C or SIGTERM; the exit code. Raises Failure when it cannot."""
    import asyncio
    import os
    import signal

    from lab.cli.broker.running import own_folder
    from lab.engines.amqp.core.log import StoreInUse
    from lab.engines.amqp.garbage import look_when_little_lives
    from lab.engines.amqp.protocol.server import Server

    folder = (data or own_folder()).absolute()
    asked = asyncio.get_running_loop().create_future()
    for number, code in ((signal.SIGINT, exits.INTERRUPTED), (signal.SIGTERM, exits.OK)):
        asyncio.get_running_loop().add_signal_handler(number, _end, asked, code)
    status = "lab broker status" + (f" --data {data}" if data else "")
    try:
        server = Server(folder, say=say)
    except StoreInUse:
        why = tr(
            "Another broker works on {folder}: {status}\nA second one needs a folder and a port of its own.",
            folder=folder,
            status=status,
        )
        more = "lab broker --port 0 --data ./broker-data"
        raise Failure(tr("the data folder is in use"), why=why, next=more, code=exits.MISSING) from None
    except OSError as problem:
        why, more = problem.strerror or str(problem), "lab broker --data DIR"
        raise Failure(
            tr("cannot keep data in {folder}", folder=folder), why=why, next=more, code=exits.MISSING
        ) from None
    try:
        await server.start(HOST, port)
        await server.tell_status()
        look_when_little_lives(server.broker, server.loop)
        say(
            tr(
                "Durable things are kept in {folder}\nWhat it holds: {status}    Ctrl-C ends it.",
                folder=folder,
                status=status,
            )
        )
        out(tr("AMQP broker ready: {url}", url=server.url))
        return int(await asked)
    except OSError as problem:
        if isinstance(problem, BrokenPipeError):
            raise
        why = os.strerror(problem.errno) if problem.errno else str(problem)
        more = f"lab broker --port 0{f' --data {data}' if data else ''}, which takes a free port"
        raise Failure(
            tr("cannot listen on {host}:{port}", host=HOST, port=port), why=why, next=more, code=exits.MISSING
        ) from None
    finally:
        await server.stop()


def _end(asked: asyncio.Future[int], code: int) -> None:
    if not asked.done():
        asked.set_result(code)


group = typer.Typer(
    name="broker",
    rich_markup_mode="rich",
    add_completion=False,
    invoke_without_command=True,
    epilog=examples(EXAMPLES),
)
group.callback()(broker)
group.command("status", epilog=examples(broker_status.EXAMPLES))(broker_status.status)
group.command("tail", epilog=examples(broker_tail.EXAMPLES))(broker_tail.tail)
