"""Both event loops that a tap may run on: asyncio's own and, where installed, uvloop."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

FACTORIES: list[Any] = [pytest.param(asyncio.new_event_loop, id="asyncio")]
try:
    import uvloop
except ImportError:
    pass
else:
    FACTORIES.append(pytest.param(uvloop.new_event_loop, id="uvloop"))


def in_both_loops(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run the coroutine test once in each loop."""

    @functools.wraps(test)
    def run(loop_factory: Callable[[], asyncio.AbstractEventLoop], **fixtures: Any) -> None:
        async def body() -> None:
            async with asyncio.timeout(60):
                await test(**fixtures)

        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(body())

    signature = inspect.signature(test)
    first = inspect.Parameter("loop_factory", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    run.__signature__ = signature.replace(parameters=[first, *signature.parameters.values()])  # type: ignore[attr-defined]
    del run.__wrapped__
    marked: Callable[..., None] = pytest.mark.parametrize("loop_factory", FACTORIES)(run)
    return marked
