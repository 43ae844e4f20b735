"""What can be asked of a broker (its APIs), by number, as far as the lab knows them by name."""

from __future__ import annotations

PRODUCE, FETCH, LIST_OFFSETS, METADATA = 0, 1, 2, 3
OFFSET_COMMIT, OFFSET_FETCH, FIND_COORDINATOR = 8, 9, 10
JOIN_GROUP, HEARTBEAT, LEAVE_GROUP, SYNC_GROUP, DESCRIBE_GROUPS = 11, 12, 13, 14, 15
API_VERSIONS, DESCRIBE_CLUSTER, CONSUMER_GROUP_HEARTBEAT = 18, 60, 68

NAMES = {
    PRODUCE: "produce",
    FETCH: "fetch",
    LIST_OFFSETS: "list-offsets",
    METADATA: "metadata",
    OFFSET_COMMIT: "commit",
    OFFSET_FETCH: "offset-fetch",
    FIND_COORDINATOR: "find-coordinator",
    JOIN_GROUP: "join",
    HEARTBEAT: "heartbeat",
    LEAVE_GROUP: "leave",
    SYNC_GROUP: "sync",
    DESCRIBE_GROUPS: "describe-groups",
    16: "list-groups",
    17: "sasl-handshake",
    API_VERSIONS: "api-versions",
    19: "create-topics",
    20: "delete-topics",
    21: "delete-records",
    22: "init-producer-id",
    23: "offset-for-leader-epoch",
    24: "add-partitions-to-txn",
    25: "add-offsets-to-txn",
    26: "end-txn",
    28: "txn-offset-commit",
    32: "describe-configs",
    36: "sasl-authenticate",
    37: "create-partitions",
    42: "delete-groups",
    DESCRIBE_CLUSTER: "describe-cluster",
    CONSUMER_GROUP_HEARTBEAT: "heartbeat",
    69: "describe-groups",
    71: "get-telemetry-subscriptions",
    72: "push-telemetry",
}

FLEXIBLE = {
    PRODUCE: 9,
    FETCH: 12,
    METADATA: 9,
    OFFSET_COMMIT: 8,
    FIND_COORDINATOR: 3,
    JOIN_GROUP: 6,
    HEARTBEAT: 4,
    LEAVE_GROUP: 4,
    SYNC_GROUP: 4,
    API_VERSIONS: 3,
    DESCRIBE_CLUSTER: 0,
    CONSUMER_GROUP_HEARTBEAT: 0,
}
"""The version from which on each of those that are read is written flexibly."""

HIGHEST = {
    PRODUCE: 9,
    FETCH: 12,
    METADATA: 12,
    OFFSET_COMMIT: 9,
    FIND_COORDINATOR: 6,
    JOIN_GROUP: 9,
    HEARTBEAT: 4,
    LEAVE_GROUP: 5,
    SYNC_GROUP: 5,
    DESCRIBE_CLUSTER: 2,
}
"""The highest version that is read. The tap says so where a broker says which versions it speaks, and clients keep to
it. In later ones topics have ids instead of names, and answers name other brokers where nobody would look for them."""

MOST = 200
"""The number of no API is higher: what asks for one is not Kafka."""

ERRORS = {
    -1: "UNKNOWN_SERVER_ERROR",
    1: "OFFSET_OUT_OF_RANGE",
    2: "CORRUPT_MESSAGE",
    3: "UNKNOWN_TOPIC_OR_PARTITION",
    5: "LEADER_NOT_AVAILABLE",
    6: "NOT_LEADER_OR_FOLLOWER",
    7: "REQUEST_TIMED_OUT",
    10: "MESSAGE_TOO_LARGE",
    14: "COORDINATOR_LOAD_IN_PROGRESS",
    15: "COORDINATOR_NOT_AVAILABLE",
    16: "NOT_COORDINATOR",
    19: "NOT_ENOUGH_REPLICAS",
    20: "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
    22: "ILLEGAL_GENERATION",
    25: "UNKNOWN_MEMBER_ID",
    26: "INVALID_SESSION_TIMEOUT",
    27: "REBALANCE_IN_PROGRESS",
    29: "TOPIC_AUTHORIZATION_FAILED",
    30: "GROUP_AUTHORIZATION_FAILED",
    35: "UNSUPPORTED_VERSION",
    45: "OUT_OF_ORDER_SEQUENCE_NUMBER",
    46: "DUPLICATE_SEQUENCE_NUMBER",
    79: "MEMBER_ID_REQUIRED",
    82: "FENCED_INSTANCE_ID",
}

ROUTINE = (27, 79)
"""Errors by which a coordinator says what comes next: a member is to join anew, or once more with the id it got."""


def name(api: int) -> str:
    return NAMES.get(api, f"api-{api}")


def error(code: int) -> str:
    """What an error's number means; empty for none."""
    return ERRORS.get(code, f"error {code}") if code else ""


def flexible(api: int, version: int) -> bool:
    """Whether a version of an API that is read is a flexible one."""
    return version >= FLEXIBLE.get(api, 1 << 15)


def readable(api: int, version: int) -> bool:
    """Whether more than the header of it is read."""
    return api in FLEXIBLE and version <= HIGHEST.get(api, version)
