"""A procedure call over two queues: `rpc.py server` computes Fibonacci numbers, `rpc.py client N…` asks for them."""

import os
import sys
import uuid

import pika

connection = pika.BlockingConnection(
    pika.ConnectionParameters(host="127.0.0.1", port=int(os.environ["CONFORMANCE_AMQP"]))
)
channel = connection.channel()


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def on_request(ch, method, properties, body):
    ch.basic_publish(
        exchange="",
        routing_key=properties.reply_to,
        properties=pika.BasicProperties(correlation_id=properties.correlation_id),
        body=str(fib(int(body))),
    )
    ch.basic_ack(delivery_tag=method.delivery_tag)


class Client:
    def __init__(self):
        self.correlation_id = ""
        self.callback_queue = channel.queue_declare(queue="", exclusive=True).method.queue
        channel.basic_consume(queue=self.callback_queue, on_message_callback=self.on_response, auto_ack=True)

    def on_response(self, ch, method, properties, body):
        if self.correlation_id == properties.correlation_id:
            self.response = body

    def call(self, n):
        self.response = None
        self.correlation_id = str(uuid.uuid4())
        channel.basic_publish(
            exchange="",
            routing_key="rpc_queue",
            properties=pika.BasicProperties(reply_to=self.callback_queue, correlation_id=self.correlation_id),
            body=str(n),
        )
        while self.response is None:
            connection.process_data_events(time_limit=None)
        return int(self.response)


if sys.argv[1] == "server":
    channel.queue_declare(queue="rpc_queue")
    channel.basic_qos(prefetch_count=1)
    channel.basic_consume(queue="rpc_queue", on_message_callback=on_request)
    print("waiting", flush=True)
    channel.start_consuming()
else:
    client = Client()
    for n in sys.argv[2:]:
        print(f"fib({n}) = {client.call(int(n))}", flush=True)
    connection.close()
