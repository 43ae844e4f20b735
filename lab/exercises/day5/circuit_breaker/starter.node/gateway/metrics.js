// What breakers do, for those who watch: a gauge, a counter, a log line.
import { CLOSED } from "./breaker.js";
import { log } from "./service.js";

const WORDS = ["closed", "open", "half-open"];
const states = new Map();
const transitions = new Map();

/** What to call at each change of the state of breaker `name`, which is closed now. */
export function reporter(name) {
  const labels = `name="${name}"`;
  states.set(labels, CLOSED);
  return (state) => {
    const word = WORDS[state];
    const change = `${labels},to="${word}"`;
    states.set(labels, state);
    transitions.set(change, (transitions.get(change) ?? 0) + 1);
    log("warning", `breaker ${name} is ${word}`, { event: "breaker", name, state: word });
  };
}

/** All of it in Prometheus' text format, as an answer. */
export function exposition() {
  const lines = [
    "# TYPE breaker_state gauge",
    ...[...states].map(([labels, state]) => `breaker_state{${labels}} ${state}`),
    "# TYPE breaker_transitions_total counter",
    ...[...transitions].map(([labels, count]) => `breaker_transitions_total{${labels}} ${count}`),
  ];
  return { status: 200, headers: { "Content-Type": "text/plain; version=0.0.4" }, body: lines.join("\n") + "\n" };
}
