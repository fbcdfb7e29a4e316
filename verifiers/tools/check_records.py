"""Checks the records in CAR files against docs/enliven.cddl, and that its rules refuse what is no record.

    python3 check_records.py FILE.car...     # exit code 0 if every record follows its rule and every changed one is refused
"""

import hashlib
import re
import sys
import zlib
from collections import Counter
from pathlib import Path

from cddl_verifier import Validator

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "python"))
import cid
import dagcbor
from cid import DAG_CBOR, RAW, Cid

SCHEMA = (Path(__file__).resolve().parents[2] / "docs" / "enliven.cddl").read_text("utf-8")
RULES = ("evidence", "epoch-list", "receipt", "cut", "model", "epoch-index")  # of dag-cbor blocks
MAX_UNPACKED = 8 << 20  # of a segment
LENGTH = 10  # of the lists of a record that is changed: longer ones are cut, or it would take minutes
VALIDATOR = Validator(SCHEMA)


# What a file holds

def read_car(path):
    """The one root of a CAR file, and its blocks by their CIDs."""
    data, at, sections = Path(path).read_bytes(), 0, []
    while at < len(data):
        size = shift = 0
        while True:
            byte, at = data[at], at + 1
            size, shift = size | (byte & 127) << shift, shift + 7
            if byte < 128:
                break
        if size > len(data) - at:
            raise ValueError("the CAR file is cut off")
        sections.append(data[at:at + size])
        at += size
    header = dagcbor.decode(sections[0])
    if header["version"] != 1 or len(header["roots"]) != 1:
        raise ValueError("not a CAR file of version 1 with one root")
    blocks = {}
    for section in sections[1:]:
        key, block = cid.from_bytes(section[:cid.SIZE]), section[cid.SIZE:]
        if hashlib.sha256(block).digest() != key.digest:
            raise ValueError(f"the block {key} does not hash to its CID")
        blocks[key] = block
    return header["roots"][0], blocks


def unpack(block):
    """The columns in the bytes of a segment."""
    stream = zlib.decompressobj()
    data = stream.decompress(block, MAX_UNPACKED)
    if not stream.eof or stream.unused_data:
        raise ValueError(f"not one zlib stream of at most {MAX_UNPACKED} bytes")
    return data


def problem(rule, data):
    """Why these bytes are not what the rule describes; None if they are."""
    result = VALIDATOR.validate(data, root_type=rule)
    return None if result.valid else "; ".join(f"{found.path_text}: {found.message}" for found in result.diagnostics)


def links(rule, record):
    """The records that a record leads to, each with its rule."""
    def of_report(report):
        for kind in ("cut", "model"):
            yield kind, Cid(DAG_CBOR, bytes.fromhex(report[kind][2:]))

    if rule == "evidence":
        yield from of_report(record["last"]["report"])
        yield from (("epoch-list", link) for link in record["earlier"])
        yield from (("receipt", token["receipt"]) for token in record["tokens"])
    elif rule == "epoch-list":
        for epoch in record["epochs"]:
            yield from of_report(epoch["report"])
    elif rule == "receipt":
        yield "receipt", record["previous"]
        yield "cut", record["cut"]
        yield "model", Cid(DAG_CBOR, bytes.fromhex(record["model"][2:]))
    elif rule == "cut":
        yield "cut", record["previous"]
        yield from (("segment", link) for link in record["segments"])
    elif rule == "epoch-index":
        yield "cut", record["cut"]
        yield "model", record["definition"][1]


class Records:
    """The records of some files: what was valid, and what was not."""

    def __init__(self):
        self.valid = {rule: [] for rule in (*RULES, "segment")}
        self.failed = []

    def read(self, path):
        """Checks every record of a file."""
        try:
            root, blocks = read_car(path)
        except (ValueError, LookupError) as error:
            self.failed.append(f"{path}: {error}")
            return
        rules = {}
        self.follow([("evidence", root)] if root.codec == DAG_CBOR else [], blocks, rules)
        # Some are named by a directory only.
        for key in blocks:
            if key.codec == DAG_CBOR and key not in rules:
                fitting = [rule for rule in RULES if not problem(rule, blocks[key])]
                if len(fitting) == 1:
                    self.follow([(fitting[0], key)], blocks, rules)
                else:
                    self.failed.append(f"{key}: {' and '.join(fitting) or 'no rule'}: it must follow exactly one")

    def follow(self, wanted, blocks, rules):
        """Checks records and what they lead to, as far as the file has it."""
        while wanted:
            rule, key = wanted.pop()
            if key not in blocks or rules.get(key) == rule:
                continue
            try:
                if key in rules:
                    raise ValueError(f"it is also wanted as {rules[key]}")
                rules[key] = rule
                if key.codec != (RAW if rule == "segment" else DAG_CBOR):
                    raise ValueError("its CID has another codec")
                data = unpack(blocks[key]) if rule == "segment" else blocks[key]
                record = dagcbor.decode(data)
                reason = problem(rule, data)
                if reason:
                    raise ValueError(reason)
            except (ValueError, zlib.error) as error:
                self.failed.append(f"{key}: {rule}: {error}")
                continue
            self.valid[rule].append(record)
            wanted.extend(links(rule, record))


# Records that are none

# Fields that some rule lets be left out, that hold null, that hold numbers and other things, bytes of any length.
OPTIONAL = set(re.findall(r"\? (\w+):", SCHEMA))
NULLABLE = {"previous", "missing"}
MIXED = {"values"}
UNSIZED = {"header", "proof", "code"}
NAMED = {"reasons", "link", "attributions"}  # texts that are names of variants


def changes(value, path="", field=""):
    """Values that differ from a record in one place, each with that place, as no rule allows."""
    wrong = [other for other in (b"", [], {}) if not isinstance(value, type(other))]
    wrong += [] if field in NULLABLE else [None]
    if isinstance(value, Cid):
        wrong += [b"\0" + value.binary, str(value), value._replace(digest=value.digest[1:])]
    elif isinstance(value, dict):
        wrong += [{**value, "unknown": 0}]
        if len(value) == 1 and {*value} < {*VARIANTS}:
            wrong += [{**value, key: item} for key, item in VARIANTS.items() if key not in value]
        for key, item in value.items():
            if key not in OPTIONAL and field != "data":
                wrong.append({name: other for name, other in value.items() if name != key})
            for place, changed in changes(item, f"{path}/{key}", key):
                yield place, {**value, key: changed}
    elif isinstance(value, list):
        for at in {0, len(value) - 1} if value else ():
            for place, changed in changes(value[at], f"{path}/{at}", field):
                yield place, [*value[:at], changed, *value[at + 1:]]
    elif isinstance(value, bytes) and field not in UNSIZED:
        wrong += [value[1:], value + b"\0"]
    elif isinstance(value, int):
        wrong += [-1 << 64] + ([] if field in MIXED or value is True else [True])
        wrong += [value + 1] if field == "version" else []
    elif isinstance(value, str):
        wrong += [value + "?"] if field in NAMED else []
        wrong += [value[:-1], value + "0", value.upper()] if re.fullmatch("0x[0-9a-f]{64}", value) else []
    yield from ((path, other) for other in wrong)


# A record that has what files may not have, for each rule that needs one.
DIGEST = "0x" + 64 * "1"
LINK = Cid(DAG_CBOR, bytes(32))
NUMBERS = [-1 << 63, 0, (1 << 63) - 1]
TREE = {
    "output": 0, "input": [0, -1, -1], "threshold": [0, 0, 0], "left": [1, 0, 0], "right": [2, 0, 0],
    "value": [0, -5, 5], "cover": [9, 4, 5], "missing_left": [0], "sets": [{"node": 0, "left": [3, 4]}],
}
LAYERS = {
    "range": [[-9, 9]], "absent": [0], "layers": [{"weights": [[1]], "bias": [2], "shift": 3, "relu": True}],
}
IMPORTED = {
    "version": 2, "schema": DIGEST, "inputs": [{"own": "a"}], "missing": [-1], "outputs": ["points"],
    "explained": 0, "scale": 6, "form": {"trees": {"base": [1], "trees": [TREE]}}, "link": "identity",
    "attributions": "background", "background": [[1]],
    "origin": {"imported": {"format": "a format", "objective": "an objective", "file": DIGEST}},
}
REPORT = {
    "epoch": 1, "config_count": 1, "valid_until": 0, "previous_root": DIGEST, "state_root": DIGEST,
    "directory": DIGEST, "receipts_root": DIGEST, "model": DIGEST, "manifest": DIGEST, "cut": DIGEST,
}
SIGNED = [{"group": bytes(96)}, {"committee": {"signers": 3, "signatures": [bytes(65), bytes(65)]}}]
SAMPLES = [
    ("cut", {
        "version": 2, "epoch": 2, "watermark": -1, "partitions": [{"source": "s", "partition": 0, "offset": 1}],
        "previous": LINK, "segments": [Cid(RAW, bytes(32))],
    }),
    ("segment", {
        "version": 1, "id": ["a", "b"], "source": ["s", "s"], "type": ["t", "t"], "subject": ["A|B", "50%25"],
        "time": [-1, 86400000],
        "data": {"all": {"values": [True, "x"]}, "one": {"at": [1], "values": [-(1 << 53) + 1]}},
    }),
    ("segment", {
        "version": 1, "id": [""], "source": [""], "type": [""], "subject": [""], "time": [0], "data": {},
    }),
    ("epoch-index", {
        "version": 1, "epoch": 1, "directory": Cid(cid.DAG_PB, bytes(32)), "cut": LINK,
        "definition": [Cid(RAW, bytes(32)), LINK, Cid(RAW, bytes(32)), Cid(RAW, bytes(32))], "images": [Cid(RAW, bytes(32))],
    }),
    ("epoch-list", {"epochs": [
        {"oracle": bytes(20), "report": REPORT, "hot": DIGEST, "signed": signed} for signed in SIGNED
    ]}),
    ("model", IMPORTED),
    ("model", {
        **IMPORTED,
        "inputs": [{"own": "a"}, {"opponent": "b"}, {"difference": "c"}, {"context": ["d", -1]}],
        "missing": [None, 0, 1, None], "form": {"layers": LAYERS}, "attributions": {"sampled": 4096},
        "link": {"ordered": {"slope": 1, "lower": -2, "upper": 3}}, "reference": 10 * [NUMBERS],
    }),
    ("receipt", {
        "version": 1, "epoch": 2, "previous": LINK, "cut": LINK, "manifest": DIGEST, "model": DIGEST,
        "schema": DIGEST, "features": NUMBERS, "score": {"units": -1, "scale": 7},
        "attribution": {"base": 0, "parts": [-1]}, "before": [-1, "low"],
        "reasons": [
            {"changed": {"name": "a", "from": "low", "to": "high"}},
            {"moved": {"name": "b", "from": -1, "to": 1, "threshold": 2}},
            {"step_limited": {"name": "b", "wanted": 5, "allowed": 1}},
        ],
        "state": {
            "token_id": 1, "subject": "A", "sequence": 2, "epoch": 2, "changed_at": -1, "metadata": LINK,
            "traits": [{"name": "a", "value": "high"}, {"name": "b", "value": 1}],
        },
    }),
]
# Variants: two of them in one map are no value of an enum.
VARIANTS = {
    **SIGNED[0], **SIGNED[1], **IMPORTED["form"], "layers": LAYERS, "own": "a", "opponent": "b", "difference": "c",
    **{name: item for reason in SAMPLES[-1][1]["reasons"] for name, item in reason.items()},
}


def short(value):
    """A value with no list longer than LENGTH."""
    if isinstance(value, dict):
        return {key: short(item) for key, item in value.items()}
    return [short(item) for item in value[:LENGTH]] if isinstance(value, list) else value


def refused(rule, record):
    """How many ways to change a record its rule refuses, and where it takes one."""
    reason = problem(rule, dagcbor.encode(short(record)))
    count, taken = 0, [f"{rule}: a record that is to be changed: {reason}"] if reason else []
    for place, changed in changes(short(record)):
        if problem(rule, dagcbor.encode(changed)):
            count += 1
        else:
            taken.append(f"{rule}: it also takes another {place or 'record'}")
    return count, taken


def main(paths):
    """Prints what was found; the exit code."""
    records = Records()
    for path in paths:
        records.read(path)
    failed, counts = records.failed, Counter()
    samples = {rule: [] for rule in records.valid}
    for rule, record in SAMPLES:
        samples[rule].append(record)
    for rule, found in records.valid.items():
        # The first, the last and one between: receipts of a mint and of later changes.
        some = {0, len(found) // 2, len(found) - 1} if found else ()
        for record in [*(found[at] for at in some), *samples[rule]]:
            count, taken = refused(rule, record)
            counts[rule] += count
            failed += taken
        print(f"{rule:<12} {len(found):>6} valid  {counts[rule]:>6} changed ones refused")
    for line in failed:
        print(f"FAILED {line}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1:]))
