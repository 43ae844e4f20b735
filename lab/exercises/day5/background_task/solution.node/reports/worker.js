// The worker: takes job after job off the queue, as long as the process lives.
import { setTimeout as pause } from "node:timers/promises";
import { NoReport } from "./client.js";
import { log } from "./service.js";

const AT_A_TIME = 4;
const POLL = 100;
const BREATH = 1000;

/** Some jobs beside each other, so that a slow report does not hold up all others. Whatever one of them meets, the worker goes
 * on: one that died silently looks from outside like a queue that is only long. */
export class Worker {
  #queue;
  #client;
  #stopping = false;
  #inHand = new Set();

  constructor(queue, client) {
    this.#queue = queue;
    this.#client = client;
  }

  start() {
    this.#run();
  }

  /** Take nothing new, and finish the attempts in hand. If that takes too long, their leases give the jobs back. */
  async stop() {
    this.#stopping = true;
    await Promise.allSettled(this.#inHand);
  }

  async #run() {
    while (!this.#stopping) {
      try {
        const claim = this.#inHand.size < AT_A_TIME ? this.#queue.claim() : undefined;
        if (!claim) {
          await pause(POLL);
          continue;
        }
        const work = this.#work(claim).catch((error) => log("error", "a job is left to its lease", { job: claim.id, traceback: error.stack }));
        this.#inHand.add(work);
        work.finally(() => this.#inHand.delete(work));
      } catch (error) {
        log("error", "the worker failed and goes on", { traceback: error.stack });
        await pause(BREATH);
      }
    }
  }

  /** The job's id is the key: if the answer to an earlier attempt was lost, this one gets the same report. */
  async #work(claim) {
    let report;
    try {
      report = await this.#client.make(claim.job.user, claim.id);
    } catch (error) {
      log("warn", `attempt ${claim.job.attempts} failed`, { event: "job", job: claim.id, reason: error.message });
      this.#queue.fail(claim, error.message, error instanceof NoReport && error.final);
      return;
    }
    this.#queue.succeed(claim, report);
  }
}
