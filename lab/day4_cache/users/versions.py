"""Version vectors: how many writes of each region a row has in it, `{"tashkent": 3, "samarkand": 1}`.

They say what no clock can: whether one row was written by somebody who had seen the other, or whether neither had.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel

Versions = Mapping[str, int]


class Record(BaseModel):
    """A user as one region knows it; `by` is the region in which the name was given."""

    id: str
    name: str
    versions: dict[str, int]
    by: str


def counted(versions: Versions, region: str) -> dict[str, int]:
    """The vector after one more write in the region."""
    return {**versions, region: versions.get(region, 0) + 1}


def covers(one: Versions, other: Versions) -> bool:
    """Whether `one` has in it every write that `other` has."""
    return all(one.get(region, 0) >= count for region, count in other.items())


def merged(ours: Record, theirs: Record) -> tuple[Record, bool]:
    """What both regions make of the two rows, each for itself, and whether they were in conflict: neither was written
    with the other in sight. Then one name has to go. The row with more writes wins, then the region whose name comes
    later: any rule will do, as long as both follow it and it needs no clock."""
    if covers(ours.versions, theirs.versions):
        return ours, False
    if covers(theirs.versions, ours.versions):
        return theirs, False
    winner = max(ours, theirs, key=lambda record: (sum(record.versions.values()), record.by))
    regions = ours.versions.keys() | theirs.versions.keys()
    both = {region: max(ours.versions.get(region, 0), theirs.versions.get(region, 0)) for region in sorted(regions)}
    return winner.model_copy(update={"versions": both}), True
