"""Hello world: `hello.py send TEXT` puts one message into a queue, `hello.py receive` prints what arrives."""

import os
import sys

import pika

connection = pika.BlockingConnection(
    pika.ConnectionParameters(host="127.0.0.1", port=int(os.environ["CONFORMANCE_AMQP"]))
)
channel = connection.channel()
channel.queue_declare(queue="hello", durable=True, arguments={"x-queue-type": "quorum"})

if sys.argv[1] == "send":
    channel.basic_publish(exchange="", routing_key="hello", body=sys.argv[2])
    print(f"sent {sys.argv[2]}")
    connection.close()
else:
    channel.basic_consume(
        queue="hello",
        on_message_callback=lambda ch, method, properties, body: print(f"received {body.decode()}", flush=True),
        auto_ack=True,
    )
    print("waiting", flush=True)
    channel.start_consuming()
