// The queue: files that every instance works off. A job is a row of revisions, numbered from 1 on, and each change adds the
// next number. Of two who change it at the same time one is refused, so finding a job and taking it is one step.
//
// `due` is when somebody may take it: at once, after a pause, or, while it is running, when its worker has not been heard of
// for so long that it must be dead. Which jobs are not at their end is said by a mark for each, so that nobody has to look
// through all that there ever were.
import { randomUUID } from "node:crypto";
import { nameOf } from "./store.js";

const LONGEST_ERROR = 500;

export class Queue {
  #store;
  #attempts;
  #base;
  #lease;

  constructor(store, { attempts, base, lease }) {
    this.#store = store;
    this.#attempts = attempts;
    this.#base = base;
    this.#lease = lease;
  }

  /** A new job; its id. */
  add(user) {
    const id = randomUUID();
    const job = { user, round: 1, status: "queued", attempts: 0, due: Date.now(), result: null, fallback: false, error: null };
    this.#store.add(`job-${id}`, "1", job);
    this.#store.add("open", mark(id, job.round), {}); // killed before this, nobody was promised anything
    return id;
  }

  find(id) {
    return this.#store.latest(`job-${id}`)?.value;
  }

  /** Queue a job that has failed, with all its attempts. Whether it had failed. */
  again(id) {
    const { number, value: job } = this.#store.latest(`job-${id}`);
    if (job.status !== "failed") return false;
    const round = job.round + 1;
    this.#store.add("open", mark(id, round), {}); // first: a job without a mark would wait for ever
    return this.#change(id, number, { ...job, round, status: "queued", attempts: 0, due: Date.now(), error: null });
  }

  /** A job that is due, ours for one attempt, until the lease ends: `{id, number, job}`. Undefined if there is none. */
  claim() {
    const now = Date.now(); // the other instance and the next process read it, too
    for (const name of this.#store.names("open")) {
      const [id, round] = name.split("_");
      const { number, value: job } = this.#store.latest(`job-${id}`);
      if (job.round !== Number(round) || ended(job)) {
        if (job.round >= Number(round)) this.#store.remove("open", name);
        continue;
      }
      if (job.due > now) continue;
      if (job.attempts >= this.#attempts) {
        this.#conclude(id, number, job, "the last attempt was broken off"); // whoever made it died of it, or with it
        continue;
      }
      const taken = { ...job, status: "running", attempts: job.attempts + 1, due: now + this.#lease };
      if (this.#change(id, number, taken)) return { id, number: number + 1, job: taken };
    }
    return undefined;
  }

  /** The report comes first: there is one under each key, so it is right, whoever has the job now. */
  succeed({ id, number, job }, result) {
    this.#store.add(reportsOf(job.user), id, { finished: Date.now(), result });
    this.#change(id, number, { ...job, status: "succeeded", result });
  }

  /** The attempt failed: there is another one after a pause, or it was the last. */
  fail({ id, number, job }, why, final) {
    const error = why.slice(0, LONGEST_ERROR);
    if (final || job.attempts >= this.#attempts) {
      this.#conclude(id, number, job, error);
    } else {
      const pause = Math.random() * this.#base * 2 ** (job.attempts - 1);
      this.#change(id, number, { ...job, status: "queued", due: Date.now() + pause, error });
    }
  }

  /** An older report of the same user is better than none, if one says that it is old. */
  #conclude(id, number, job, error) {
    const reports = this.#store.all(reportsOf(job.user)).sort((one, other) => one.finished - other.finished);
    const last = reports.at(-1);
    const end = last ? { status: "succeeded", fallback: true, result: last.result } : { status: "failed" };
    this.#change(id, number, { ...job, ...end, error });
  }

  /** Whether nobody was faster. */
  #change(id, number, job) {
    return this.#store.add(`job-${id}`, String(number + 1), job);
  }
}

const mark = (id, round) => `${id}_${round}`;
const ended = (job) => job.status === "succeeded" || job.status === "failed";
const reportsOf = (user) => `reports-${nameOf(user)}`;
