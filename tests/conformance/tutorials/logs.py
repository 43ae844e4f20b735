"""Publish and subscribe over any kind of exchange, each receiver with a temporary queue of its own.

`logs.py emit KIND KEY TEXT` publishes one line, `logs.py receive KIND KEY…` prints the lines whose keys it bound.
KIND is fanout, direct or topic.
"""

import os
import sys

import pika

role, kind, *words = sys.argv[1:]
exchange = {"fanout": "logs", "direct": "direct_logs", "topic": "topic_logs"}[kind]
connection = pika.BlockingConnection(
    pika.ConnectionParameters(host="127.0.0.1", port=int(os.environ["CONFORMANCE_AMQP"]))
)
channel = connection.channel()
channel.exchange_declare(exchange=exchange, exchange_type=kind)

if role == "emit":
    channel.basic_publish(exchange=exchange, routing_key=words[0], body=words[1])
    print(f"sent {words[0]}:{words[1]}")
    connection.close()
else:
    queue = channel.queue_declare(queue="", exclusive=True).method.queue
    for key in words:
        channel.queue_bind(exchange=exchange, queue=queue, routing_key=key)
    channel.basic_consume(
        queue=queue,
        on_message_callback=lambda ch, method, properties, body: print(
            f"received {method.routing_key}:{body.decode()}", flush=True
        ),
        auto_ack=True,
    )
    print("waiting", flush=True)
    channel.start_consuming()
