"""A Celery application over AMQP: `python -m celery -A celery_app worker`. Results come back by the rpc:// backend."""

import os

from celery import Celery

app = Celery("tasks", broker=f"amqp://guest:guest@127.0.0.1:{os.environ['CONFORMANCE_AMQP']}//", backend="rpc://")
app.conf.update(
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
    result_expires=60,
    task_default_queue=os.environ.get("CELERY_QUEUE", "celery"),
    task_default_queue_type=os.environ.get("CELERY_QUEUE_TYPE", "classic"),
    # Quorum queues know prefetch by consumer only; Celery finds that out by itself.
    worker_detect_quorum_queues=True,
)


@app.task
def add(x, y):
    return x + y


@app.task(bind=True, max_retries=3, acks_late=True)
def third_time_lucky(self):
    if self.request.retries < 2:
        raise self.retry(countdown=0.1)
    return self.request.retries


@app.task
def fail():
    raise ValueError("as asked")
