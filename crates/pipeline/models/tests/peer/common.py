"""Rows of decimals, and the folders in which models and their own answers are left for the check."""

import json
import os

import numpy as np

# What stands for "not known" in a row of whole numbers.
MISSING = -999_999_999
# Decimal places of the features; the last two are categories.
SCALES = [2, 3, 1, 0, 4, 2, 0, 0]
NAMES = ["a", "b", "c", "d", "e", "f", "colour", "shape"]


def units(count, seed, missing):
    """Rows in whole units: six numbers of several scales, two categories of 6 and 40 values."""
    random = np.random.default_rng(seed)
    numbers = random.normal(size=(count, 6)) * [1.0, 0.3, 20.0, 5.0, 0.05, 2.0]
    rows = np.zeros((count, 8), dtype=np.int64)
    rows[:, :6] = np.round(numbers * [10.0**scale for scale in SCALES[:6]])
    rows[:, 6] = random.integers(0, 6, count)
    rows[:, 7] = random.integers(0, 40, count)
    if missing:
        for column in (0, 2, 4, 6):
            rows[random.random(count) < 0.15, column] = MISSING
    return rows


def reals(rows, scales):
    """The doubles nearest to the decimals, NaN for what is not known."""
    values = rows / np.array([10.0**scale for scale in scales])
    values[rows == MISSING] = np.nan
    return values


def signal(values):
    """What models are to learn."""
    filled = np.nan_to_num(values, nan=0.5)
    a, b, c, d, e, f, colour, shape = filled[:, :8].T
    waves = np.sin(2 * a) + b * c / 10 + np.where(d > 2, 1.5, -0.5) + 20 * e * f / 4
    return waves + np.array([0.0, 1.0, -1.0, 0.5, 0.2, -0.7])[colour.astype(int) % 6] + (shape % 7) / 7


class Check:
    """One model, its rows, and what its own library says of them."""

    def __init__(self, folder, name, file):
        self.path = os.path.join(folder, name)
        os.makedirs(self.path, exist_ok=True)
        self.file = os.path.join(self.path, file)
        self.document = {"file": file}

    def finish(self, rows, scales, names, missing=False, margins=None, chances=None, leaves=None, parts=None, **more):
        """`margins`, `chances`: rows by outputs; `leaves`: rows by trees; `parts`: rows by outputs by
        inputs and the base; `missing`: whether MISSING stands for what is not known, or what does."""
        count = len(rows)
        document = self.document
        known = MISSING if missing is True else missing if missing is not False else None
        document.update(scales=list(scales), names=list(names), missing=known)
        document["rows"] = np.asarray(rows).tolist()
        for name, table, digits in (("margins", margins, 2), ("chances", chances, 2), ("parts", parts, 3)):
            document[name] = None if table is None else np.asarray(table, dtype=np.float64).reshape(
                (len(table),) + ((-1,) if digits == 2 else np.asarray(table).shape[1:])
            ).tolist()
        document["leaves"] = None if leaves is None else np.asarray(leaves, dtype=np.int64).reshape(len(leaves), -1).tolist()
        document.update(more)
        assert margins is None or len(margins) == count
        with open(os.path.join(self.path, "check.json"), "w", encoding="utf-8") as file:
            json.dump(document, file)
        print(f"{os.path.basename(self.path)}: {count} rows", flush=True)
