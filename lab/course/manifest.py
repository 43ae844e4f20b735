"""Reads `exercise.toml` and the wrong and right services of an exercise's folder, and reports every problem in them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from lab.course.exercise import COMMANDS, DATABASE, Command, Exercise, LearnerService, Promise, Reply, RightService
from lab.course.exercise import engines as known_engines
from lab.course.titles import FILE
from lab.grading.model import Behaviour, Figure, WrongService
from lab.locale import LANGUAGES
from lab.system.kinds import engine_kinds
from lab.system.model import CLIENT, HTTP
from lab.system.tables import Reader, Table, Unreadable, parse
from lab.system.validate import GIVEN, NAME, VARIABLE

FORMAT = 1

ID = re.compile(r"day(\d+)\.(\d+)")
CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
SCREEN = re.compile(r"day\d+#[a-z0-9]+(-[a-z0-9]+)*")
KINDS = ("build",)
ENDPOINTS = ("grpc",)
"""Those that a service may have beside HTTP; each is called like the protocol that it speaks."""

TOP = (
    "format", "id", "kind", "branch", "points", "minutes", "size", "budget", "concepts", "needs", "engines", "stubs",
    "title", "not_proved", "options", "topics", "services", "commands", "run", "contract", "figures", "behaviours",
)  # fmt: skip
SERVICE = ("links", "variables", "endpoints", "replicas", "carries", "adds", "env")
RUN = ("build", "run")
PROMISE = ("part", "request", "answers")
FIGURE = ("name", "better", "ours", "unit", "against", *LANGUAGES)
REPLY = ("status", "code", "body", *LANGUAGES)
BEHAVIOUR = ("id", "gold", "needs", "run", "lasts", "lasts_in_the_gate", "en", "uz", "why", "read")
WRONG = ("fails", "codes", "read", "seen_in", "title", "text")
HISTORY = "history.toml"
"""In a wrong service's folder: how the branch came to be (`lab.course.histories`)."""
BRANCH = re.compile(r"[a-z0-9]+([-/][a-z0-9]+)*")
RIGHT_FILE = "right.toml"
RIGHT = ("language", "build", "run", "packages")


class InvalidExercise(ValueError):
    """The exercise's files are invalid. `problems` holds one sentence each, beginning with file and place.

    `id` is the one that the file gives, or empty.
    """

    def __init__(self, folder: Path, problems: Sequence[str], ident: str = "") -> None:
        self.folder = folder
        self.id = ident
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{folder.parent.name}/{folder.name}/{problem}" for problem in problems))

    def means(self, word: str) -> bool:
        """Whether `word` (`all`, `day5`, `5.3`, a slug) names this exercise, as far as its files tell."""
        day, slug = self.folder.parent.name, self.folder.name.replace("_", "-")
        return word in ("all", day, slug) or (bool(self.id) and word in (self.id, self.id.removeprefix("day")))


def load(folder: Path) -> Exercise:
    """The exercise in `folder`. Raises InvalidExercise with every problem that it has."""
    reader = Reader()
    try:
        data = parse(folder / FILE)
    except Unreadable as error:
        raise InvalidExercise(folder, [str(error)]) from None
    except OSError as error:
        raise InvalidExercise(folder, [f"{FILE}: {error.strerror}"]) from None
    exercise = _exercise(reader, folder, data)
    problems = [f"{FILE}: {problem}" for problem in reader.problems]
    wrong, of_wrong = _wrong_services(folder, exercise)
    right, of_right = _right_services(folder, exercise)
    if problems := [*problems, *of_wrong, *of_right]:
        raise InvalidExercise(folder, problems, exercise.id)
    return replace(_with_wrong(exercise, wrong), right=right)


def _exercise(reader: Reader, folder: Path, data: Table) -> Exercise:
    reader.known("", data, TOP)
    if (version := reader.need("", data, "format", int)) != FORMAT:
        reader.problem("format", f"{version} is unknown; this lab reads {FORMAT}")
    ident = reader.need("", data, "id", str)
    if not ID.fullmatch(ident):
        reader.problem("id", f'"{ident}" is not like day5.3')
    elif folder.parent.name != ident.partition(".")[0]:
        reader.problem("id", f'"{ident}" stands in the folder {folder.parent.name}')
    if not folder.name.isidentifier():
        reader.problem("", f"the folder's name {folder.name!r} is no Python identifier")
    if (kind := reader.need("", data, "kind", str)) not in KINDS:
        reader.problem("kind", f'"{kind}" is none of {", ".join(KINDS)}')
    branch = reader.get("", data, "branch", str, "")
    if branch and not BRANCH.fullmatch(branch):
        reader.problem("branch", f'"{branch}" is not like mini/event-flow')
    engines, stubs = reader.words("", data, "engines"), reader.words("", data, "stubs")
    for engine in engines:
        if engine not in known_engines():
            reader.problem("engines", f'"{engine}" is none of {", ".join(known_engines())}')
    services = _services(reader, data, engines, stubs)
    commands = _programs(reader, data, {*engines, *stubs, *(service.name for service in services)})
    return Exercise(
        id=ident,
        folder=folder,
        title=reader.text("", data, "title"),
        kind=kind,
        points=_above_zero(reader, data, "points"),
        minutes=_above_zero(reader, data, "minutes"),
        size=_above_zero(reader, data, "size"),
        budget=_above_zero(reader, data, "budget"),
        concepts=reader.words("", data, "concepts"),
        needs=_ids(reader, "needs", reader.words("", data, "needs")),
        engines=engines,
        stubs=stubs,
        services=services,
        run=_commands(reader, data),
        behaviours=_behaviours(reader, data),
        not_proved=reader.text("", data, "not_proved"),
        options=_options(reader, data, engines),
        topics=_topics(reader, data, engines),
        contract=_contract(reader, data),
        figures=_figures(reader, data),
        branch=branch,
        commands=commands,
    )


def _above_zero(reader: Reader, data: Table, key: str) -> int:
    value = reader.need("", data, key, int)
    if value <= 0 and key in data:
        reader.problem(key, f"{value} is not above 0")
    return value


def _ids(reader: Reader, place: str, idents: tuple[str, ...]) -> tuple[str, ...]:
    for ident in idents:
        if not ID.fullmatch(ident):
            reader.problem(place, f'"{ident}" is not like day5.3')
    return idents


def _options(reader: Reader, data: Table, engines: tuple[str, ...]) -> dict[str, str]:
    options = reader.get("", data, "options", dict, {})
    for name, text in options.items():
        if name not in engines:
            reader.problem(f"[options] {name}", "is no engine of this exercise")
        if not isinstance(text, str):
            reader.problem(f"[options] {name}", "expected a string")
    return {str(name): str(text) for name, text in options.items()}


def _topics(reader: Reader, data: Table, engines: tuple[str, ...]) -> dict[str, int]:
    topics = reader.get("", data, "topics", dict, {})
    if topics and not any(engine_kinds()[engine].topics for engine in engines if engine in engine_kinds()):
        reader.problem("[topics]", "no engine of this exercise has topics")
    for name, partitions in topics.items():
        if not isinstance(partitions, int) or isinstance(partitions, bool) or partitions < 1:
            reader.problem(f"[topics] {name}", "expected how many partitions it has")
    return {str(name): int(partitions) for name, partitions in topics.items() if isinstance(partitions, int)}


def _services(
    reader: Reader, data: Table, engines: tuple[str, ...], stubs: tuple[str, ...]
) -> tuple[LearnerService, ...]:
    tables = reader.tables(data, "services")
    if not tables:
        reader.problem("services", "an exercise has at least one, [services.NAME]")
    taken = {CLIENT: "the outside world", DATABASE: "the database", **dict.fromkeys(known_engines(), "an engine")}
    for name in stubs:
        if not NAME.fullmatch(name) or name in taken:
            reader.problem("stubs", f'"{name}" is no name for a stub')
    taken |= dict.fromkeys(stubs, "a stub")
    found = []
    for name, table in tables.items():
        place = f"[services.{name}]"
        reader.known(place, table, SERVICE)
        if not NAME.fullmatch(name):
            reader.problem(place, "use small letters, digits and hyphens, a letter first")
        if name in taken:
            reader.problem(place, f'"{name}" is the name of {taken[name]}')
        found.append(_service(reader, place, name, table, {*engines, *stubs, *tables, DATABASE}))
    instances = [name for service in found for name in {service.name, *service.instances}]
    for name in sorted({name for name in instances if instances.count(name) > 1}):
        reader.problem("services", f'"{name}" would be two: a service and a replica')
    return tuple(found)


def _programs(reader: Reader, data: Table, taken: set[str]) -> tuple[LearnerService, ...]:
    """Programs that are no services, `[commands.NAME]`: nothing can be said of them yet but their names."""
    tables = reader.tables(data, "commands")
    for name, table in tables.items():
        place = f"[commands.{name}]"
        reader.known(place, table, ())
        if not NAME.fullmatch(name):
            reader.problem(place, "use small letters, digits and hyphens, a letter first")
        if name in taken:
            reader.problem(place, f'"{name}" is taken')
    return tuple(LearnerService(name=name) for name in tables)


def _service(reader: Reader, place: str, name: str, table: Table, targets: set[str]) -> LearnerService:
    links = reader.words(place, table, "links")
    for link in links:
        target, _, endpoint = link.partition(":")
        if target not in targets:
            reader.problem(f"{place} links", f'"{link}" is no stub, engine or service of this exercise')
        elif target == name:
            reader.problem(f"{place} links", f'"{link}" is linked to itself')
        elif endpoint and endpoint not in ENDPOINTS:
            reader.problem(f"{place} links", f'"{link}" ends with none of {", ".join(ENDPOINTS)}')
    if len(set(links)) < len(links):
        reader.problem(f"{place} links", "a name stands there twice")
    variables = reader.get(place, table, "variables", dict, {})
    for link, variable in variables.items():
        if link not in links:
            reader.problem(f"{place} variables", f'"{link}" is none of its links')
        if not VARIABLE.fullmatch(str(variable)):
            reader.problem(f"{place} variables", f'"{variable}" is no name of a variable')
    endpoints = reader.words(place, table, "endpoints") if "endpoints" in table else (HTTP,)
    if endpoints[:1] != (HTTP,) or not set(endpoints) <= {HTTP, *ENDPOINTS} or len(set(endpoints)) < len(endpoints):
        reader.problem(f"{place} endpoints", f"are {HTTP} and, after it, any of {', '.join(ENDPOINTS)}")
        endpoints = (HTTP,)
    replicas = reader.get(place, table, "replicas", int, 1)
    if not 1 <= replicas <= 9:
        reader.problem(f"{place} replicas", f"{replicas} is not between 1 and 9")
    carries = reader.get(place, table, "carries", str, "")
    env = reader.get(place, table, "env", dict, {})
    for key, value in env.items():
        if not VARIABLE.fullmatch(key) or key in GIVEN:
            reader.problem(f"{place} env.{key}", "is not a variable that a service may be given")
        if not isinstance(value, str):
            reader.problem(f"{place} env.{key}", "expected a string")
    return LearnerService(
        name=name,
        links=links,
        variables={str(link): str(variable) for link, variable in variables.items()},
        endpoints=endpoints,
        replicas=max(1, min(replicas, 9)),
        carries=_ids(reader, f"{place} carries", (carries,))[0] if carries else "",
        adds=reader.words(place, table, "adds") if "adds" in table else (),
        env={str(key): str(value) for key, value in env.items()},
    )


def _commands(reader: Reader, data: Table) -> dict[str, Command]:
    """How each language is built and run: the defaults, overridden by what the exercise says."""
    commands = dict(COMMANDS)
    for language, table in reader.tables(data, "run").items():
        place = f"[run] {language}"
        reader.known(place, table, RUN)
        commands[language] = _command(reader, place, table, COMMANDS.get(language))
    return commands


def _command(reader: Reader, place: str, table: Table, usual: Command | None) -> Command:
    """What the table says; what it does not say is as usual."""
    run = reader.get(place, table, "run", str, usual.run) if usual else reader.need(place, table, "run", str)
    return Command(run=run, build=reader.get(place, table, "build", str, usual.build if usual else ""))


def _contract(reader: Reader, data: Table) -> tuple[Promise, ...]:
    """What the brief promises of the wire (`lab.course.contract`)."""
    found = []
    for number, table in reader.rows("", data, "contract"):
        place = f"[[contract]] {number}"
        reader.known(place, table, PROMISE)
        answers = []
        for count, answer in reader.rows(place, table, "answers"):
            at = f"{place} answers {count}"
            reader.known(at, answer, REPLY)
            said = {language: str(answer[language]) for language in LANGUAGES if language in answer}
            if said and len(said) < len(LANGUAGES):
                reader.problem(at, f"says something in {', '.join(said)} only")
            code = reader.get(at, answer, "code", str, "")
            body = reader.get(at, answer, "body", str, "")
            if code and body:
                reader.problem(at, "has either a code or a body")
            answers.append(Reply(status=reader.need(at, answer, "status", int), code=code, body=body, says=said))
        if not answers:
            reader.problem(place, "promises no answer")
            continue
        part = reader.get(place, table, "part", str, "")
        found.append(Promise(request=reader.need(place, table, "request", str), answers=tuple(answers), part=part))
    return tuple(found)


def _figures(reader: Reader, data: Table) -> tuple[Figure, ...]:
    """What the exercise measures beside its verdicts."""
    found: list[Figure] = []
    for number, table in reader.rows("", data, "figures"):
        name = reader.need(f"[[figures]] {number}", table, "name", str)
        place = f"[[figures]] {name or number}"
        reader.known(place, table, FIGURE)
        if name and not name.isidentifier():
            reader.problem(place, "its name is no identifier")
        if any(name == other.name for other in found):
            reader.problem(place, "stands there twice")
        if (better := reader.need(place, table, "better", str)) not in ("lower", "higher"):
            reader.problem(f"{place} better", f'"{better}" is neither lower nor higher')
        found.append(
            Figure(
                name=name,
                says=reader.text(place, table),
                better="higher" if better == "higher" else "lower",
                ours=reader.need(place, table, "ours", float),
                unit=reader.get(place, table, "unit", str, ""),
                against=reader.get(place, table, "against", str, ""),
            )
        )
    names = {figure.name for figure in found}
    for figure in found:
        if figure.against and figure.against not in names - {figure.name}:
            reader.problem(f"[[figures]] {figure.name} against", f'"{figure.against}" is no other figure')
    return tuple(found)


def _behaviours(reader: Reader, data: Table) -> tuple[Behaviour, ...]:
    tables = reader.get("", data, "behaviours", list, [])
    if not tables or not all(isinstance(table, dict) for table in tables):
        reader.problem("behaviours", "an exercise promises something: [[behaviours]]")
        return ()
    found: list[Behaviour] = []
    for number, table in enumerate(tables, 1):
        ident = reader.need(f"[[behaviours]] {number}", table, "id", str)
        place = f"[[behaviours]] {ident or number}"
        reader.known(place, table, BEHAVIOUR)
        needs = reader.words(place, table, "needs")
        earlier = [behaviour.id for behaviour in found]
        if ident in earlier:
            reader.problem(place, "stands there twice")
        for need in needs:
            if need not in earlier:
                reader.problem(f"{place} needs", f'"{need}" is no behaviour above it')
        found.append(
            Behaviour(
                id=ident,
                says=reader.text(place, table),
                why=reader.text(place, table, "why"),
                read=_screen(reader, place, table),
                gold=reader.get(place, table, "gold", bool, False),
                needs=needs,
                run=reader.get(place, table, "run", str, ""),
                lasts=reader.get(place, table, "lasts", float, 0.0),
                lasts_in_the_gate=reader.get(place, table, "lasts_in_the_gate", float, 0.0),
            )
        )
    if all(behaviour.gold for behaviour in found):
        reader.problem("behaviours", "at least one must not be gold")
    return tuple(found)


def _screen(reader: Reader, place: str, table: Table) -> str:
    """The screen of a lesson that treats it; `lab.course.lint` sees whether there is one."""
    screen = reader.get(place, table, "read", str, "")
    if screen and not SCREEN.fullmatch(screen):
        reader.problem(f"{place} read".strip(), f'"{screen}" is not like day5#half-open-probes')
    return screen


def _wrong_services(folder: Path, exercise: Exercise) -> tuple[tuple[WrongService, ...], list[str]]:
    found, problems = [], []
    for path in _folders(folder / "wrong"):
        reader = Reader()
        try:
            table = parse(path / "wrong.toml")
        except Unreadable as error:
            problems.append(f"wrong/{path.name}/{error}")
            continue
        except OSError as error:
            problems.append(f"wrong/{path.name}/wrong.toml: {error.strerror}")
            continue
        found.append(_wrong(reader, path, table, exercise))
        problems += [f"wrong/{path.name}/wrong.toml: {problem}" for problem in reader.problems]
        if not (path / "change.patch").is_file() and not (path / HISTORY).is_file():
            problems.append(f"wrong/{path.name}/change.patch: missing")
    return tuple(found), problems


def _wrong(reader: Reader, path: Path, table: Table, exercise: Exercise) -> WrongService:
    reader.known("", table, WRONG)
    fails, codes = reader.need("", table, "fails", str), reader.words("", table, "codes")
    failed = next((behaviour for behaviour in exercise.behaviours if behaviour.id == fails), None)
    if fails and not failed:
        reader.problem("fails", f'"{fails}" is no behaviour of {exercise.id}')
    if not codes:
        reader.problem("codes", "missing")
    for code in codes:
        if not CODE.fullmatch(code):
            reader.problem("codes", f'"{code}" is not in kebab-case')
    seen_in = reader.get("", table, "seen_in", str, "")
    if seen_in and not seen_in.startswith("https://"):
        reader.problem("seen_in", f"{seen_in!r} is no https address")
    return WrongService(
        name=path.name,
        fails=fails,
        codes=codes,
        title=reader.text("", table, "title"),
        text=reader.text("", table, "text"),
        read=_screen(reader, "", table) or (failed.read if failed else ""),
        seen_in=seen_in,
    )


def _with_wrong(exercise: Exercise, wrong: tuple[WrongService, ...]) -> Exercise:
    order = [behaviour.id for behaviour in exercise.behaviours]
    return replace(exercise, wrong=tuple(sorted(wrong, key=lambda one: (order.index(one.fails), one.name))))


def _right_services(folder: Path, exercise: Exercise) -> tuple[tuple[RightService, ...], list[str]]:
    found, problems = [], []
    for path in _folders(folder / "right"):
        place, reader, table = f"right/{path.name}/{RIGHT_FILE}", Reader(), {}
        try:
            table = parse(path / RIGHT_FILE)
        except Unreadable as error:
            problems.append(f"right/{path.name}/{error}")
        except FileNotFoundError:
            pass  # it is run as Python is
        reader.known("", table, RIGHT)
        language = reader.get("", table, "language", str, "python")
        found.append(
            RightService(
                name=path.name,
                command=_command(reader, "", table, exercise.run.get(language)),
                packages=reader.words("", table, "packages"),
            )
        )
        problems += [f"{place}: {problem}" for problem in reader.problems]
    return tuple(found), problems


def _folders(folder: Path) -> Iterator[Path]:
    """The folders of stored services in it, without those that tools write."""
    for path in sorted(folder.glob("*/")):
        if not path.name.startswith((".", "__")):
            yield path
