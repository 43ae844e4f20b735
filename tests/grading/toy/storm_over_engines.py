"""An engine is killed by a schedule."""

from lab.faults.schedule import Schedule
from lab.grading import behaviour, expect


@behaviour("calls")
def check_the_engine_is_back(chaos, system, redis):
    redis.set("seen", "before")
    before = system.pid("redis")
    with chaos.playing(chaos.schedule(Schedule.of([(0.05, "freeze redis for 1s"), (0.1, "kill redis")]))):
        pass
    expect(system.pid("redis") not in (None, before), "another redis", got=system.pid("redis"), code="none")
    expect(redis.ping(), "an answer", got="none", code="deaf")
