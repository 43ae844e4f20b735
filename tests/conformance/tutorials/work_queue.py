"""Work queues: `work_queue.py task TEXT` adds a task that must not get lost, `work_queue.py worker` does one at a time.

A task takes a tenth of a second a dot; one that says `stuck` is never finished.
"""

import os
import sys
import time

import pika

connection = pika.BlockingConnection(
    pika.ConnectionParameters(host="127.0.0.1", port=int(os.environ["CONFORMANCE_AMQP"]))
)
channel = connection.channel()
channel.queue_declare(queue="task_queue", durable=True, arguments={"x-queue-type": "quorum"})


def work(ch, method, properties, body):
    print(f"received {body.decode()}{' again' if method.redelivered else ''}", flush=True)
    if b"stuck" in body and not method.redelivered:
        time.sleep(3600)
    time.sleep(body.count(b".") / 10)
    print(f"done {body.decode()}", flush=True)
    ch.basic_ack(delivery_tag=method.delivery_tag)


if sys.argv[1] == "task":
    channel.basic_publish(
        exchange="",
        routing_key="task_queue",
        body=sys.argv[2],
        properties=pika.BasicProperties(delivery_mode=pika.DeliveryMode.Persistent),
    )
    print(f"sent {sys.argv[2]}")
    connection.close()
else:
    channel.basic_qos(prefetch_count=1)
    channel.basic_consume(queue="task_queue", on_message_callback=work)
    print("waiting", flush=True)
    channel.start_consuming()
