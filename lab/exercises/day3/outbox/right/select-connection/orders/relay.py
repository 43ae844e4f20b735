"""Carries events from the table to the broker with pika's callbacks."""

import json
import sqlite3
import threading
import time
from contextlib import closing

import pika

PATIENCE = 3.0
"""Seconds that the broker has to confirm a batch."""
BATCH = 50


class Relay(threading.Thread):
    def __init__(self, path, url):
        super().__init__(daemon=True)
        self.path = path
        self.parameters = pika.URLParameters(url)

    def run(self):
        while True:
            self.sent = {}  # the number in the table of each publish that is not confirmed yet
            self.count = 0
            self.connection = pika.SelectConnection(
                self.parameters,
                on_open_callback=lambda connection: connection.channel(on_open_callback=self.opened),
                on_open_error_callback=self.ended,
                on_close_callback=self.ended,
            )
            self.connection.ioloop.start()
            time.sleep(0.5)

    def ended(self, connection, reason):
        line = {"level": "warn", "service": "orders", "msg": f"the relay begins anew: {reason!r}"}
        print(json.dumps({"ts": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), **line}), flush=True)
        connection.ioloop.stop()

    def opened(self, channel):
        self.channel = channel
        channel.add_on_close_callback(lambda *_: self.give_up())
        channel.exchange_declare("shop.events", "topic", durable=True, callback=self.declared)

    def declared(self, _frame):
        self.channel.confirm_delivery(self.answered, callback=lambda _frame: self.send())

    def send(self):
        """Publish the oldest events, all in their order, and count: the broker numbers them from 1 by itself."""
        with closing(sqlite3.connect(self.path, timeout=10)) as db:
            rows = db.execute("SELECT number, event FROM outbox ORDER BY number LIMIT ?", (BATCH,)).fetchall()
        if not rows:
            self.connection.ioloop.call_later(0.2, self.send)
            return
        for number, text in rows:
            event = json.loads(text)
            properties = pika.BasicProperties(
                message_id=event["id"],
                correlation_id=event["correlationid"],
                content_type="application/cloudevents+json",
                delivery_mode=2,
            )
            self.channel.basic_publish("shop.events", event["type"], text, properties)
            self.count += 1
            self.sent[self.count] = number
        self.overdue = self.connection.ioloop.call_later(PATIENCE, self.give_up)

    def answered(self, frame):
        upto = frame.method.delivery_tag
        tags = [tag for tag in self.sent if tag <= upto] if frame.method.multiple else [upto]
        numbers = [(self.sent.pop(tag),) for tag in tags if tag in self.sent]
        if isinstance(frame.method, pika.spec.Basic.Ack):
            with closing(sqlite3.connect(self.path, timeout=10)) as db, db:
                db.executemany("DELETE FROM outbox WHERE number = ?", numbers)
        if not self.sent:
            self.connection.ioloop.remove_timeout(self.overdue)
            self.send()

    def give_up(self):
        """What was not confirmed is still in the table; a new connection sends it again."""
        if self.connection.is_open:
            self.connection.close()
