"""The worker: takes job after job off the queue, as long as the process lives."""

from __future__ import annotations

import logging
import threading

from reports.client import NoReport, ReportClient
from reports.queue import Claim, Queue

log = logging.getLogger(__name__)

_POLL = 0.1
_BREATH = 1.0


class Worker:
    """Some threads, so that a slow report does not hold up all others. Whatever one of them meets, it goes on: a worker
    that died silently looks from outside like a queue that is only long."""

    def __init__(self, queue: Queue, client: ReportClient, threads: int) -> None:
        self._queue = queue
        self._client = client
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._run, name=f"worker-{n}", daemon=True) for n in range(threads)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self, seconds: float) -> None:
        """Take nothing new, and finish the attempt in hand. If that takes longer, the lease gives the job back."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(seconds)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                if claim := self._queue.claim():
                    self._work(claim)
                else:
                    self._stopping.wait(_POLL)
            except Exception:
                log.exception("a worker failed and goes on")
                self._stopping.wait(_BREATH)

    def _work(self, claim: Claim) -> None:
        """The job's id is the key: if the answer to an earlier attempt was lost, this one gets the same report."""
        try:
            report = self._client.make(claim.user_id, claim.job_id)
        except NoReport as error:
            log.warning("job %s, attempt %d: %s", claim.job_id, claim.attempt, error, extra={"event": "job"})
            self._queue.fail(claim, str(error), final=error.final)
        except Exception as error:
            log.exception("job %s, attempt %d", claim.job_id, claim.attempt)
            self._queue.fail(claim, repr(error), final=False)
        else:
            self._queue.succeed(claim, report)
