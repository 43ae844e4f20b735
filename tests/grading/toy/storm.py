"""Two behaviours that are judged by one run under a schedule of faults; the second does not bear a kill."""

from lab.faults.schedule import Schedule
from lab.grading import behaviour, eventually, expect

DRAWN = [(0.1, "status shop->users 503 for 1s"), (0.3, "kill shop-1"), (0.4, "latency shop->users 10ms for 200ms")]


def play(chaos, http, system, stub):
    before = system.pid("shop")
    stub["users"].add(id="u-1", name="Aziz")
    with chaos.playing(chaos.schedule(Schedule.of(DRAWN))):
        answers = http.open_loop([lambda: http.get("/visits")] * 3, seconds=0.2)
    eventually(lambda: http.get("/visits").status == 200, "the shop to be there again")
    even = chaos.settle(lambda: False, "nothing", waiting=lambda: False, within=20, rest=0.3)
    return {"before": before, "after": system.pid("shop"), "answers": len(answers), "even": even}


@behaviour("calls")
def check_clients_came(memory, chaos, http, system, stub):
    storm = memory.once(lambda: play(chaos, http, system, stub))
    expect(storm["answers"] == 3 and storm["even"] is False, "three answers, and then rest", got=storm, code="none")


@behaviour("lives")
def check_it_was_not_killed(memory, chaos, http, system, stub):
    storm = memory.once(lambda: play(chaos, http, system, stub))
    expect(system.pid("shop") == storm["after"], "the run as it was left", got=storm, code="another-run")
    expect(storm["after"] == storm["before"], "a shop that was never killed", got=storm, code="killed")
