"""`lab try`: run the learner's services with what the exercise gives them, and send them requests by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.cli import values
from lab.cli.options import Engines, NextExercise
from lab.cli.output import out, paint, say
from lab.locale import language, tr

if TYPE_CHECKING:
    from lab.course.tryout import Tryout
    from lab.journal.event import Event

EXAMPLES = ("lab try", "lab try day5.3")


def try_(
    exercise: NextExercise = None,
    engine: Engines = None,
) -> None:
    """Run your services with what the exercise gives them, and send requests.

    It prints curl lines to paste, and goes on until Ctrl-C. Everything on the wire is shown as it happens; lab fault,
    lab dash and lab trace work on it as on any run.
    """
    from lab.cli.exercise import learner
    from lab.cli.progress_line import ProgressLine
    from lab.course.tryout import Tryout

    here = learner.workspace()
    tried = learner.chosen(here, exercise)
    programs = here.programs(tried)
    tiers = values.tiers(engine or [])
    with ProgressLine() as line:
        tryout = Tryout(
            tried, programs, tiers, lambda step: line.show(tr("building {text}", text=step.text), seconds=step.seconds)
        )
    with tryout:
        say(tr("starting {id}", id=tried.id))
        try:
            tryout.start()
            _tell(tryout, language())
            _follow(tryout)
        except KeyboardInterrupt:
            say(tr("stopping {id}", id=tried.id))
            raise


def _tell(tryout: Tryout, language: str) -> None:
    from lab.course import catalog, texts
    from lab.course.calls import curls

    tried, run = tryout.exercise, tryout.record.id
    urls = {service.name: tryout.urls[service.name] for service in tried.services}
    out(paint(tr("{id} {title} is running as {run}.", id=tried.id, title=tried.title[language], run=run), "title"))
    for service in tried.services:
        out(f"  {service.name:<12} URL={tryout.urls[service.name]}")
    for name, url in tryout.around.items():
        out(paint(f"  {name:<12} {url}", "dim"))
    out()
    briefs = "\n".join(texts.brief(told, "en") for told in catalog.carried(tried))
    for line in dict.fromkeys([*curls(briefs, urls), f"curl -i {next(iter(urls.values()))}/readyz"]):
        out(f"  {line}")
    out()
    say(tr("Ctrl-C ends it. In another terminal: lab dash --run {run}", run=run))


def _follow(tryout: Tryout) -> None:
    """Narrate the run until somebody stops it."""
    import time

    from lab.journal.query import POLL, Tail, decode
    from lab.runtime.live import LiveRun

    run = LiveRun(tryout.record)
    with Tail(run.journal) as tail:
        while tail.lines():
            pass  # earlier events are not the reader's doing
        while not run.ended():
            for event in decode(tail.lines()):
                if words := told(event):
                    out(words)
            time.sleep(POLL)


def told(event: Event) -> str:
    """The event in words. Every exchange is told, because it is the reader who makes them; an access log is not: it
    would say each a second time."""
    from lab.journal.event import TRAFFIC, Flow, Load, Log
    from lab.journal.plain import always, flow_words, log_words, stamped

    if isinstance(event, Flow):
        words = flow_words(event) if event.role in TRAFFIC or event.outcome != "ok" else ""
    elif isinstance(event, Log):
        words = log_words(event) if event.event != "http" else ""
    else:
        words = "" if isinstance(event, Load) else always(event)
    return stamped(event.t, words) if words else ""
