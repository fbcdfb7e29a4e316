"""What the peers of `./bench streaming` share: reading the events, and the sums that must be equal."""

import collections
import csv

HOUR = 3_600_000
FIRST = 144  # The first of the last 24 hours of the week.


def read(path: str) -> list[tuple[int, int, int]]:
    """Key, time and amount of each event."""
    with open(path, newline="") as file:
        return [(int(row["key"]), int(row["time"]), int(row["amount"])) for row in csv.DictReader(file)]


def sums(tiles: dict[tuple[int, int], tuple]) -> list[int]:
    """The sums over all keys of what the last 24 hours hold, from the tile of each key and hour."""
    windows = collections.defaultdict(list)
    for (key, hour), tile in sorted(tiles.items()):
        if hour >= FIRST:
            windows[key].append(tile)
    values = []
    for window in windows.values():
        count, total, least, most, last = zip(*window)
        values.append((sum(count), sum(total), min(least), max(most), last[-1]))
    return [sum(column) for column in zip(*values)]
