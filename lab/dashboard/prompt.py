"""A question of the scenario over the run's screen: it waits for what the person expects."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from lab.dashboard.pages import WIDTHS
from lab.dashboard.rows import Row, broken, row
from lab.dashboard.surface import Surface
from lab.journal.event import Note
from lab.locale import tr

WIDTH = 72


class Prompt(ModalScreen[None]):
    """Asks the question that `note` holds; Enter gives what was typed to `predict`, Esc goes on without a prediction.

    What `predict` refuses is told below the line, and one can type again.
    """

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "skip", "Go on")]
    HORIZONTAL_BREAKPOINTS = WIDTHS
    DEFAULT_CSS = f"""
    Prompt {{
        align: center middle;
        background: $background 40%;
        & > #prompt {{ width: {WIDTH}; max-width: 94%; height: auto; background: $surface; padding: 1 2; }}
        &.-narrow > #prompt {{ width: 100%; max-width: 100%; }}
        & #told {{ height: auto; }}
        & #foot {{ height: 1; }}
        & Input {{ width: 1fr; height: 1; border: none; padding: 0 1; background: $panel; margin: 1 0; }}
    }}
    """

    def __init__(self, note: Note, predict: Callable[[str], Awaitable[None]], *, ascii: bool = False) -> None:
        super().__init__()
        self._note = note
        self._predict = predict
        self._ascii = ascii

    def compose(self) -> ComposeResult:
        with Vertical(id="prompt"):
            yield Surface(id="told", ascii=self._ascii)
            yield Input(compact=True)
            yield Surface(id="foot", ascii=self._ascii)

    def on_mount(self) -> None:
        told = self.query_one("#told", Surface)
        told.styles.height = len(self._rows())
        self.call_after_refresh(told.show, self._rows())
        self._say(tr("Enter: predict · Esc: go on without"), "dim")
        self.query_one(Input).focus()

    def action_skip(self) -> None:
        self._give("")

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        self._give(event.value.strip())

    def _give(self, typed: str) -> None:
        async def give() -> None:
            try:
                await self._predict(typed)
            except Exception as error:  # the runtime's no, or no runtime at all: either is a line for the person
                self._say(str(error) or type(error).__name__, "warn")
                if not typed:
                    self.dismiss()
            else:
                self.dismiss()

        self.run_worker(give(), exit_on_error=False)

    def _say(self, text: str, style: str) -> None:
        self.call_after_refresh(self.query_one("#foot", Surface).show, [row((text, style))])

    def _rows(self) -> list[Row]:
        width = min(WIDTH - 4, max(20, int(self.app.size.width * 0.94) - 4))
        asked = broken(row((self._note.text, "text")), width)
        head: list[Row] = [row((tr("What do you expect?"), "title")), (), *asked]
        choices = self._note.data.get("choices") or {}
        lines = [row((f"  {number}  ", "key"), (text, "text")) for number, text in enumerate(choices.values(), 1)]
        return [*head, (), *(part for line in lines for part in broken(line, width))] if lines else head
