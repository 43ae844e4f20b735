// A counter by one label, in Prometheus' text format.

export class Counter {
  #name;
  #label;
  #counts;

  /** Begins with 0 for the values that are `known`: nobody can watch a series that is not there. */
  constructor(name, label, known = []) {
    this.#name = name;
    this.#label = label;
    this.#counts = new Map(known.map((value) => [value, 0]));
  }

  add(value) {
    this.#counts.set(value, (this.#counts.get(value) ?? 0) + 1);
  }

  /** As an answer. */
  exposition() {
    const lines = [...this.#counts].map(([value, count]) => `${this.#name}{${this.#label}="${value}"} ${count}`);
    const body = [`# TYPE ${this.#name} counter`, ...lines, ""].join("\n");
    return { status: 200, headers: { "Content-Type": "text/plain; version=0.0.4" }, body };
  }
}
