"""Giving parked records another chance, once somebody has removed the reason why they were parked."""

from __future__ import annotations

from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

from lab.chassis.broker import NotPublished, Outgoing, Publisher
from lab.chassis.kafka.record import message

_CONFIRM_WITHIN = 5.0
_ANSWER_WITHIN = 3.0


def replay(settings: dict[str, Any], dead: str, retry: str, publisher: Publisher) -> int:
    """Send every record that is in the topic `dead` now to `retry`, as a first attempt. Returns how many.

    Nothing is ever taken off a log: how far one has come is the offset that the group `<dead>.replay` commits, behind
    each record that was confirmed; so a crash in between makes a copy, not a loss. Raises NotPublished.
    """
    client = Consumer({**settings, "group.id": f"{dead}.replay", "enable.auto.commit": False})
    try:
        topic = client.list_topics(dead, timeout=_ANSWER_WITHIN).topics[dead]
        return sum(_move(client, TopicPartition(dead, number), retry, publisher) for number in topic.partitions)
    except (KafkaException, TimeoutError) as error:
        raise NotPublished(str(error)) from error
    finally:
        client.close()


def _move(client: Consumer, place: TopicPartition, retry: str, publisher: Publisher) -> int:
    first, end = client.get_watermark_offsets(place, timeout=_ANSWER_WITHIN)
    (known,) = client.committed([place], timeout=_ANSWER_WITHIN)
    offset = begin = max(first, known.offset)
    client.assign([TopicPartition(place.topic, place.partition, offset)])
    while offset < end:
        record = client.poll(_ANSWER_WITHIN)
        if record is None or record.error() is not None:
            raise NotPublished(f"{place.topic} cannot be read")
        parked = message(record)
        again = Outgoing("", retry, parked.body, parked.message_id, parked.correlation_id, key=parked.key)
        publisher.publish(again).result(_CONFIRM_WITHIN)
        offset += 1
        client.commit(offsets=[TopicPartition(place.topic, place.partition, offset)], asynchronous=False)
    return end - begin
