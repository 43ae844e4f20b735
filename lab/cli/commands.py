"""The table of commands and their modules. A command's module is imported when the command runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.main import get_command

from lab.cli.language import translate


@dataclass(frozen=True, slots=True)
class Entry:
    """A command as `lab --help` lists it; `place` is module:name of its function or of its group."""

    panel: str
    place: str
    summary: str

    def load(self, name: str) -> Any:
        """The command itself."""
        module_name, _, attribute = self.place.partition(":")
        module = import_module(f"lab.cli.{module_name}")
        found = getattr(module, attribute)
        if not isinstance(found, typer.Typer):
            alone = typer.Typer(rich_markup_mode="rich", add_completion=False)
            alone.command(name, epilog=examples(module.EXAMPLES))(found)
            found = alone
        command = get_command(found)
        translate(command)
        return command


def examples(lines: Sequence[str]) -> str:
    """Examples as Typer's help prints them, each on a line of its own and none read as markup."""
    return "\n".join("$ " + line.replace("[", r"\[") for line in lines)


RUNNING, LOOKING, DISTURBING = "Run a system", "Look at it", "Disturb it"
LEARNING, BUILDING, HELP = "Learn why", "Build it yourself", "Help"

COMMANDS = {
    "run": Entry(
        RUNNING,
        "run.run:run",
        "Start a system: its engines and services as real processes, a tap on every link, traffic.",
    ),
    "days": Entry(
        RUNNING, "run.days:days", "List the days: what each shows, its settings, its scenarios and what they ask."
    ),
    "compare": Entry(
        RUNNING, "run.compare:compare", "Run the same load on days or settings, one after the other, and compare."
    ),
    "export": Entry(
        RUNNING,
        "run.export:export",
        "Write a system down for containers: the same services, real engines, limits, checks, secrets apart.",
    ),
    "broker": Entry(
        RUNNING,
        "broker.alone:group",
        "Run the embedded AMQP broker alone, for your own programs and tests. Ctrl-C ends it.",
    ),
    "down": Entry(RUNNING, "run.down:down", "Stop a live run with all its processes."),
    "runs": Entry(
        RUNNING, "run.runs:group", "List the runs that are kept, the latest last. Each can be replayed and traced."
    ),
    "replay": Entry(RUNNING, "run.replay:replay", "Show a recorded run again, in the dashboard or in plain lines."),
    "dash": Entry(LOOKING, "look.dash:dash", "Watch a live run. Leaving the dashboard leaves the run alone."),
    "ps": Entry(LOOKING, "look.ps:ps", "Show the processes of every live run, with the reason of each state."),
    "logs": Entry(LOOKING, "look.logs:logs", "Print the log lines of a run, alive or ended."),
    "predictions": Entry(
        LOOKING, "look.predictions:predictions", "Show what you predicted before faults, and what was seen then."
    ),
    "trace": Entry(LOOKING, "look.trace:trace", "Show what every process did for one order, by time and cause."),
    "fault": Entry(DISTURBING, "disturb.faults:group", "Disturb the run: add faults, list them, heal them."),
    "scale": Entry(DISTURBING, "disturb.scale:scale", "Start or end instances of a service, behind its balancer."),
    "load": Entry(DISTURBING, "disturb.load:load", "Show the traffic that the lab makes, or change it."),
    "tap": Entry(
        DISTURBING, "disturb.tap:tap", "Watch and disturb one connection of a service of your own. Ctrl-C ends it."
    ),
    "learn": Entry(
        LEARNING,
        "learn.learn:learn",
        "Read the lessons: why systems are built so, a claim a screen, with runs that you start from the page.",
    ),
    "quiz": Entry(
        LEARNING,
        "learn.quiz:quiz",
        "Ask what the lessons teach, one question at a time, and explain each answer at once.",
    ),
    "kata": Entry(LEARNING, "learn.kata:kata", "Decide cases, one card at a time: an answer, and the reasons for it."),
    "glossary": Entry(
        LEARNING,
        "learn.glossary:glossary",
        "Say the words of the course in English, in Uzbek and in Go, and where they are met.",
    ),
    "init": Entry(BUILDING, "exercise.init:init", "Make a workspace: a folder for your own services."),
    "start": Entry(
        BUILDING, "exercise.start:start", "Start an exercise: its brief and its starter code, in your workspace."
    ),
    "try": Entry(
        BUILDING, "exercise.try_:try_", "Run your services with what the exercise gives them, and send requests."
    ),
    "check": Entry(BUILDING, "exercise.check:check", "Grade your services: what holds, what does not, and why."),
    "watch": Entry(BUILDING, "exercise.watch:watch", "Grade your services each time you save. Ctrl-C ends it."),
    "attack": Entry(BUILDING, "exercise.attack:attack", "Break a service that has a flaw with the fewest faults."),
    "hint": Entry(BUILDING, "exercise.hint:hint", "Open the next hint."),
    "explain": Entry(BUILDING, "exercise.explain:explain", "Explain a misconception that lab check recognised."),
    "solution": Entry(BUILDING, "exercise.solution:solution", "Show our solution as a diff against yours."),
    "review": Entry(
        BUILDING,
        "exercise.review:review",
        "Bring back a misconception that you had, in a program or a quiz: the days after, ever more rarely.",
    ),
    "diff": Entry(
        BUILDING, "exercise.diff:diff", "Compare two gradings or runs: behaviours, flows, figures, your code."
    ),
    "reset": Entry(
        BUILDING, "exercise.reset:reset", "Restart an exercise from its starter, after a backup of your files."
    ),
    "status": Entry(
        BUILDING, "exercise.status:status", "Show the week, your points, attempts and quizzes, and what comes next."
    ),
    "certificate": Entry(
        BUILDING,
        "exercise.certificate:certificate",
        "Write a page with what you have proved: exercises, behaviours, when, on which versions, and a digest over it.",
    ),
    "cohort": Entry(BUILDING, "exercise.cohort:group", "Grade the workspaces of many learners."),
    "dev": Entry(
        HELP, "dev.group:group", "Prove exercises, and change the programs that they store, for their authors."
    ),
    "config": Entry(HELP, "config:config", "Show your settings, or change one: the language."),
    "doctor": Entry(HELP, "doctor:doctor", "Show what this machine has: engines, terminal, disk. It changes nothing."),
    "help": Entry(HELP, "guide:help_", "Explain exercises, exit codes, faults, systems of your own, environment."),
}
