"""Checks of every kind: each behaviour's name says what must become of it."""

import time

from lab.grading import behaviour, cannot_tell, eventually, expect, never, status, warn


@behaviour("passes")
def check_it_answers(http, stub):
    stub["users"].add(id="u-1", name="Aziz")
    answer = http.get("/user")
    expect(answer.json["name"] == "Aziz", "the user's name", got=answer, code="no-name", about=[answer])
    expect(stub["users"].count("GET /users/*") == 1, "one call", got=stub["users"].seen, code="calls")


@behaviour("passes")
def check_two_instances(http, system):
    instances = system.scale("shop", 2)
    answers = [http[name].get("/visits") for name in instances]
    expect([one.status for one in answers] == [200, 200], "two instances", got=answers, code="not-two")


@behaviour("passes")
def check_each_check_meets_a_fresh_system(http, system):
    assert system.env("shop")["COLOUR"] == "blue"
    first = http.get("/visits")
    expect(first.json["visits"] == 1 and first.json["colour"] == "blue", "one visit, blue", got=first.json, code="old")
    eventually(lambda: any("/visits" in line for line in system.last_words("shop")), "a line of its own on the visit")
    system.restart("shop", {"COLOUR": "red"})
    second = http.get("/visits")
    expect(second.json["visits"] == 2 and second.json["colour"] == "red", "two, red", got=second.json, code="lost")
    system.restart("shop", clean=True)
    third = http.get("/visits")
    expect(third.json["visits"] == 1, "one visit again", got=third.json, code="kept")


@behaviour("passes")
def check_memory_is_what_it_is_at_this_moment(http, system):
    before = system.rss("shop")
    assert http.get("/hoard").json == {"bytes": 50_000_000}
    assert before + 45_000_000 < system.rss("shop") < before + 80_000_000, (before, system.rss("shop"))
    system.kill("shop")
    assert system.rss("shop") == 0


@behaviour("fails")
def check_what_is_not_there(http):
    warn("this was to be expected")
    answer = http.get("/nothing")
    expect(answer.status == 200, "something at /nothing", got=answer, code="nothing-there", about=[answer])


@behaviour("fails")
def check_another_of_the_same(http):
    expect(http.get("/visits").status == 200, "visits", got="none", code="none")


@behaviour("fails")
def check_a_third_that_fails_otherwise(http):
    answer = http.get("/visits")
    expect(answer.status == 201, "a visit is 201", got=f"{answer.status}", code="no-visit", about=[answer])


@behaviour("times-out")
def check_what_never_comes():
    eventually(lambda: None, "the moon to fall", within=0.2, code="no-moon")


@behaviour("never")
def check_what_must_not_be(http):
    never(lambda: http.get("/visits").status, "an answer", code="answered")


@behaviour("skipped")
def check_that_is_not_reached():
    raise AssertionError


@behaviour("unknown")
def check_without_evidence():
    cannot_tell("it is too dark to see")


@behaviour("sick", start=False)
def check_a_sick_service(system):
    system.start("shop", {"SICK": "yes"})


@behaviour("crash")
def check_a_crash_is_an_answer(http, system):
    answer = http.get("/crash")
    assert answer.outcome == "unknown", answer
    assert answer.status is None
    assert system.wait_exit("shop") == 7
    refused = http.get("/visits")
    expect(refused.status == 200, "an answer after the crash", got=refused, code="crashed", about=[answer, refused])


@behaviour("ours")
def check_with_a_mistake_of_ours():
    assert 1 + 1 == 3


@behaviour("faults")
def check_faults(http, stub, faults, wire, system):
    with faults.on("shop->users", "refuse"):
        answer = http.get("/user")
        assert answer.outcome != "ok", answer
    stub["users"].add(id="u-1", name="Aziz")
    stub["users"].will(status(503), times=1)
    before = wire.mark()
    http.get("/user")
    seen = wire.flows("shop->users", "GET *", since=before)
    assert [flow.status for flow in seen] == ["503"], seen
    system.freeze("shop")
    assert http.get("/visits", timeout=0.3).outcome == "unknown"
    system.thaw("shop")
    assert http.get("/visits").status == 200


@behaviour("chance")
def check_that_chance_comes_from_the_seed(rng, new):
    expect(False, "nothing", got=f"{rng.random()} {new.id('order')}", code="chance")


@behaviour("hangs")
def check_that_we_made_without_an_end():
    while True:
        time.sleep(0.01)


@behaviour("dawdles")
def check_that_takes_too_long_because_of_the_service(http):
    while True:
        http.at_once([lambda: http.get("/dawdle")] * 2)


@behaviour("nests")
def check_an_answer_that_nests_without_end(http):
    answer = http.get("/nested")
    expect(answer.json is not None, "JSON", got=answer, code="no-json", about=[answer])


@behaviour("leaves", start=False)
def check_a_service_that_ends_well_at_once(system):
    system.start("shop", {"LEAVES": "yes"})


@behaviour("dead")
def check_what_is_dead_already(http, system):
    http.get("/crash")
    system.wait_exit("shop")
    system.kill("shop")
