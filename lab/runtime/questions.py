"""What a run asks its reader, what the reader predicts, and what was seen then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from lab.faults.question import NoAnswer, Question
from lab.journal.event import Event, Note
from lab.journal.window import Measured, worded
from lab.locale import tr
from lab.runtime.process import ActionError

TOPIC = "question"


class Questions:
    """The questions of a run. With `wait` each one waits for its prediction; else it is told, and goes on."""

    def __init__(
        self, *, wait: bool, emit: Callable[[Event], None], keep: Callable[[Question, str, str, bool], None]
    ) -> None:
        self._wait = wait
        self._emit = emit
        self._keep = keep
        self._asked: Question | None = None
        self._predicted: dict[str, str] = {}
        self._given = asyncio.Event()

    async def ask(self, question: Question) -> None:
        """Tell the question; come back when it has been answered, or at once."""
        self._given.clear()
        self._asked = question
        data = {"id": question.id, "choices": dict(question.choices), "waits": self._wait}
        self._emit(Note(topic=TOPIC, text=question.text, data=data))
        if self._wait:
            await self._given.wait()

    def predict(self, ident: str, typed: str) -> None:
        """Take the prediction; an empty one means: go on. Raises ActionError if nothing of that name is asked, or
        this does not answer it."""
        asked = self._asked
        if asked is None or asked.id != ident:
            raise ActionError(tr("there is no such question now"))
        if typed.strip():
            try:
                says = asked.read(typed)
            except NoAnswer as error:
                raise ActionError(str(error)) from None
            self._predicted[asked.id] = says
            shown = asked.choices.get(says, says)
            self._emit(
                Note(
                    topic="prediction", text=tr("your prediction: {says}", says=shown), data={"id": ident, "says": says}
                )
            )
        else:
            self._emit(Note(topic="prediction", text=tr("no prediction"), data={"id": ident}))
        self._asked = None
        self._given.set()

    def answer(self, question: Question, seen: Measured, because: str) -> None:
        """Tell what was seen, why, and whether it was predicted."""
        if self._asked is question:
            self._asked = None
        says = self._predicted.get(question.id)
        data: dict[str, object] = {"id": question.id, "asked": question.text, "seen": seen}
        shown = question.choices.get(seen, seen) if isinstance(seen, str) else worded(seen)
        text = tr("seen: {seen}.", seen=shown)
        if says is not None:
            right = question.right(says, seen)
            data |= {"says": says, "right": right}
            predicted = question.choices.get(says, says)
            self._keep(question, predicted, shown, right)
            text = (
                tr("as you predicted: {seen}.", seen=shown)
                if right
                else tr("you predicted {says}, seen: {seen}.", says=predicted, seen=shown)
            )
        self._emit(Note(topic="answer", text=f"{question.text} {text} {because}", data=data))
