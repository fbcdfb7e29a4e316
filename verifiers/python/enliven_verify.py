#!/usr/bin/env python3
"""Checks the tokens of an Enliven collection from a CAR file and the hash of one block, offline.

    python3 enliven_verify.py FILE.car --token 0x... --block 0x...

This is the light check of docs/verify.md, written from docs/formats.md and docs/verify.md alone, with nothing but
Python's standard library. The address of the token contract and the hash of the block must come from where you
trust them; everything else follows from the file. The exit code is 0 if every step passes and 1 if one fails.
"""

import argparse
import datetime
import json
import sys

import canonical_json
import car
import cid
import digests
import records
import rlp_trie
import secp256k1
import unixfs
from cid import Cid
from keccak import keccak256

STEPS = ("evidence", "anchor", "state", "quorum", "proof", "receipts", "content")

# Slots of the token contract and of the oracle.
SLOT_LAST, SLOT_STATE_ROOT, SLOT_DIRECTORY = 12, 13, 14
MAPPING_HELD, MAPPING_KEPT_AT = 23, 25
SLOT_EJECTED = 2
MAX_SIGNERS = 64


def verify(source, root, token, block_hash):
    """Goes through the steps until one fails; the outcome as a dictionary, in the form that --json prints.

    `source` has the blocks (anything with `get(cid)`), `root` is the CID of the record of evidence, `token` the
    20 bytes of the contract's address, `block_hash` the 32 bytes of the block's hash.
    """
    check = LightCheck(source, root, token, block_hash)
    outcome = {"valid": False, "steps": [], "failed_at": None, "error": None}
    for step in STEPS:
        try:
            detail = getattr(check, step)()
        except (ValueError, OSError, RecursionError) as error:
            message = "the data is nested too deeply" if isinstance(error, RecursionError) else str(error)
            outcome["steps"].append({"step": step, "passed": False, "detail": message})
            outcome["failed_at"], outcome["error"] = step, message
            return outcome
        outcome["steps"].append({"step": step, "passed": True, "detail": detail})
    outcome["valid"] = True
    outcome.update(check.findings())
    return outcome


class LightCheck:
    """The steps of the light check. Each returns a short note and raises ValueError where it fails."""

    def __init__(self, source, root, token, block_hash):
        self.source = source
        self.files = unixfs.Reader(source)
        self.root = root
        self.token = token
        self.block_hash = block_hash
        self.receipts_of = []  # the latest receipt of each token
        self.held_of = []  # for each token: None, or the directory that it is kept at (a CID, or "nothing")

    # evidence

    def evidence(self):
        """The record itself."""
        if self.root.codec != cid.DAG_CBOR:
            raise ValueError("the root is not a record of evidence")
        record = records.parse_evidence(car.read_block(self.source, self.root))
        if record.version != 1:
            raise ValueError(f"the record of evidence is of version {record.version}")
        ids = [token.token_id for token in record.tokens]
        if any(one >= two for one, two in zip(ids, ids[1:])):
            raise ValueError("the tokens are not in the order of their ids, or one stands twice")
        oracles = [committee.oracle for committee in record.committees]
        if len(set(oracles)) != len(oracles):
            raise ValueError("an oracle stands twice among the committees")
        if record.tokens and record.earlier:
            raise ValueError("a record of tokens has earlier epochs")
        self.record = record
        return f"{_count(len(ids), 'token')} on chain {record.chain_id}"

    # anchor

    def anchor(self):
        """The header of the block."""
        if keccak256(self.record.state.header) != self.block_hash:
            raise ValueError("the header is not that of the block with the hash that is known")
        return f"block {_hex(self.block_hash)}"

    # state

    def state(self):
        """What the contracts hold at the block."""
        header = rlp_trie.decode(self.record.state.header)
        if not isinstance(header, list) or len(header) < 12:
            raise ValueError("the header is not a list of at least 12 fields")
        state_root = header[3]
        if not isinstance(state_root, bytes) or len(state_root) != 32:
            raise ValueError("the header has no state root")
        self.block_number = rlp_trie.number(header[8], "the number of the block")
        self.block_time = rlp_trie.number(header[11], "the time of the block")

        proofs = self.record.state
        if proofs.token.address != self.token:
            raise ValueError(f"the proof is for the contract {_hex(proofs.token.address)}")
        if proofs.token.code is not None:
            raise ValueError("the proof of the token contract has code")
        wanted = {SLOT_LAST, SLOT_STATE_ROOT, SLOT_DIRECTORY}
        for token in self.record.tokens:
            wanted |= {_held_slot(token.token_id), _kept_at_slot(token.token_id)}
        self.token_slots = _proven_account("token", proofs.token, state_root, wanted)
        self.oracle_slots = _proven_account("oracle", proofs.oracle, state_root, {SLOT_EJECTED})

        created = keccak256(rlp_trie.encode([proofs.oracle.address, rlp_trie.encode_number(1)]))[12:]
        if proofs.signers.address != created:
            raise ValueError("the list of signers is not the first contract that the oracle created")
        _proven_account("signers", proofs.signers, state_root, set())
        self.signers = _signers(proofs.signers.code)
        when = _time(self.block_time)
        return f"block {self.block_number} of {when}, {_count(len(self.token_slots), 'slot')} of the token"

    # quorum

    def quorum(self):
        """The last epoch, and who signed it."""
        last, report = self.record.last, self.record.last.report
        packed = self.token_slots[SLOT_LAST]
        believed = (packed & (1 << 160) - 1).to_bytes(20, "big")
        self.last_epoch = packed >> 160 & (1 << 32) - 1
        self.state_root = self.token_slots[SLOT_STATE_ROOT].to_bytes(32, "big")
        self.directory = Cid(cid.DAG_PB, self.token_slots[SLOT_DIRECTORY].to_bytes(32, "big"))
        if last.oracle != self.record.state.oracle.address:
            raise ValueError("the oracle of the last epoch is not the one that is proven")
        if report.epoch != self.last_epoch:
            raise ValueError(f"the token's last epoch is {self.last_epoch}, not {report.epoch}")
        if report.state_root != self.state_root:
            raise ValueError("the state root of the last epoch is not the one that the token holds")
        if report.directory != self.directory.digest:
            raise ValueError("the directory of the last epoch is not the one that the token holds")

        since = "" if last.oracle == believed else f"; by now the token believes the oracle {_hex(believed)}"
        committee = self._committee()
        digest = digests.report_digest(self.record.chain_id, last.oracle, report, last.hot)
        kind, signed = last.signed
        if kind == "group":
            self._check_group(committee, digest, signed)
            return f"epoch {self.last_epoch}, signed by the group{since}"
        needed = _quorum(len(committee.signers), committee.threshold, committee.ejected)
        members = [at for at in range(MAX_SIGNERS) if signed.signers >> at & 1]
        if signed.signers >> len(committee.signers):
            raise ValueError("a signer is named that is not in the list")
        if len(members) != len(signed.signatures):
            raise ValueError(f"there are {len(members)} signers and {len(signed.signatures)} signatures")
        if len(members) < needed:
            raise ValueError(f"{len(members)} signed, {needed} are needed")
        for at, signature in zip(members, signed.signatures):
            if secp256k1.recover_address(digest, signature) != committee.signers[at]:
                raise ValueError(f"the signature of signer {at} is not by that signer")
        return f"epoch {self.last_epoch}, signed by {len(members)} of {len(committee.signers)}, {needed} needed{since}"

    def _committee(self):
        """The committee of the last epoch, which must be as the chain has it."""
        last = self.record.last
        for committee in self.record.committees:
            if committee.oracle == last.oracle and committee.config_count == last.report.config_count:
                break
        else:
            raise ValueError("the committee of the last epoch is not in the record")
        if committee.signers != self.signers:
            raise ValueError("the signers of the committee are not those that are proven")
        if committee.ejected != self.oracle_slots[SLOT_EJECTED]:
            raise ValueError("the ejected signers of the committee are not those that are proven")
        return committee

    def _check_group(self, committee, digest, signature):
        if committee.group_key is None:
            raise ValueError("a group signed, and the committee has no key of a group")
        code = self.record.state.oracle.code
        if code is None:
            raise ValueError("a group signed, and the code of the oracle is not in the record")
        key = committee.group_key
        if key[:32] not in code:
            raise ValueError("the key of the group is not in the code of the oracle")
        point = int.from_bytes(key[:32], "big"), int.from_bytes(key[32:], "big")
        secp256k1.check_group_signature(point, digest, signature)

    # proof

    def proof(self):
        """The latest receipts, under the state root."""
        if not self.record.tokens:
            raise ValueError("the record is about no token")
        for token in self.record.tokens:
            try:
                receipt = self._receipt(token.receipt)
                if receipt.state.token_id != token.token_id:
                    raise ValueError(f"the receipt is of token {receipt.state.token_id}")
                leaf = digests.state_leaf(receipt.state, token.receipt.digest)
                if digests.merkle_root(leaf, token.proof) != self.state_root:
                    raise ValueError("the receipt does not lead to the state root")
            except ValueError as error:
                raise ValueError(f"token {token.token_id}: {error}") from None
            self.receipts_of.append(receipt)
        return f"{_count(len(self.record.tokens), 'leaf', 'leaves')} of the state root {_hex(self.state_root)}"

    def _receipt(self, link):
        if link.codec != cid.DAG_CBOR:
            raise ValueError(f"{link} is not a receipt")
        return records.parse_receipt(car.read_block(self.source, link))

    # receipts

    def receipts(self):
        """Each token's receipts, from the latest back to the mint."""
        read = 0
        for token, receipt in zip(self.record.tokens, self.receipts_of):
            try:
                if not 1 <= receipt.epoch <= self.last_epoch:
                    raise ValueError(f"the latest receipt is of epoch {receipt.epoch}, which was not accepted")
                while True:
                    read += 1
                    _check_receipt(receipt)
                    if receipt.previous is None:
                        break
                    before = self._receipt(receipt.previous)
                    _check_follows(receipt, before)
                    receipt = before
            except ValueError as error:
                raise ValueError(f"token {token.token_id}: {error}") from None
        return f"{_count(read, 'receipt')} back to the mint"

    # content

    def content(self):
        """The directory, the metadata and the files that they name."""
        for token, receipt in zip(self.record.tokens, self.receipts_of):
            try:
                name = f"{token.token_id}.json"
                if self.files.find(self.directory, name) != receipt.state.metadata:
                    raise ValueError(f"the directory has another {name} than the receipt")
                listed = self.files.find(self.directory, "receipts")
                if self.files.find(listed, str(token.token_id)) != token.receipt:
                    raise ValueError("the directory has another receipt")
                self._check_metadata(receipt.state.metadata)
                self.held_of.append(self._check_held(token.token_id))
            except ValueError as error:
                raise ValueError(f"token {token.token_id}: {error}") from None
        return (f"{_count(len(self.record.tokens), 'token')} with metadata, "
                f"{_count(self.files.blocks_of_files, 'block')} of files")

    def _check_metadata(self, link):
        """The JSON of a token must be there with every file that it names."""
        if link.codec != cid.RAW:
            raise ValueError(f"the metadata {link} is not a raw block")
        metadata = canonical_json.parse(car.read_block(self.source, link))
        for text in _named(metadata):
            target = _file_of(text)
            if target is not None:
                self.files.file_size(target)

    def _check_held(self, token_id):
        """What a token shows that its holder keeps as it is: None if it is not kept."""
        if not self.token_slots[_held_slot(token_id)] >> (token_id & 255) & 1:
            return None
        kept_at = self.token_slots[_kept_at_slot(token_id)]
        if kept_at == 0:
            return "nothing"
        directory = Cid(cid.DAG_PB, kept_at.to_bytes(32, "big"))
        self._check_metadata(self.files.find(directory, f"{token_id}.json"))
        return directory

    def findings(self):
        """What has been proven, in the form that --json prints."""
        tokens = []
        for receipt, held in zip(self.receipts_of, self.held_of):
            state = receipt.state
            tokens.append({
                "token_id": state.token_id,
                "subject": state.subject,
                "sequence": state.sequence,
                "epoch": state.epoch,
                "traits": [{"name": trait.name, "value": trait.value} for trait in state.traits],
                "metadata": str(state.metadata),
                "kept_at": None if held is None else str(held),
            })
        return {
            "chain_id": self.record.chain_id,
            "token": _hex(self.token),
            "block": {"hash": _hex(self.block_hash), "number": self.block_number, "time": self.block_time},
            "epoch": self.last_epoch,
            "state_root": _hex(self.state_root),
            "directory": str(self.directory),
            "tokens": tokens,
        }


def _held_slot(token_id):
    return int.from_bytes(keccak256(digests.word(token_id >> 8) + digests.word(MAPPING_HELD)), "big")


def _kept_at_slot(token_id):
    return int.from_bytes(keccak256(digests.word(token_id) + digests.word(MAPPING_KEPT_AT)), "big")


def _proven_account(name, account, state_root, wanted):
    """The slots of an account, by number, after the account and each of them have been proven."""
    numbers = [int.from_bytes(slot.slot, "big") for slot in account.slots]
    if numbers != sorted(wanted):
        raise ValueError(f"the slots of {name} are not exactly those that are wanted, in their order")
    expected = rlp_trie.encode([
        rlp_trie.encode_number(account.nonce),
        account.balance.lstrip(b"\0"),
        account.storage_root,
        account.code_hash,
    ])
    try:
        found = rlp_trie.prove(state_root, keccak256(account.address), account.proof)
    except ValueError as error:
        raise ValueError(f"the account of {name}: {error}") from None
    if found is None:
        raise ValueError(f"the account of {name} does not exist")
    if found != expected:
        raise ValueError(f"the account of {name} is not as the record says")
    for slot, number in zip(account.slots, numbers):
        value = slot.value.lstrip(b"\0")
        try:
            found = rlp_trie.prove(account.storage_root, keccak256(slot.slot), slot.proof)
        except ValueError as error:
            raise ValueError(f"slot {_hex(slot.slot)} of {name}: {error}") from None
        if found != (rlp_trie.encode(value) if value else None):
            raise ValueError(f"slot {_hex(slot.slot)} of {name} does not hold what the record says")
    if account.code is not None and keccak256(account.code) != account.code_hash:
        raise ValueError(f"the code of {name} does not have its hash")
    return {number: int.from_bytes(slot.value, "big") for slot, number in zip(account.slots, numbers)}


def _signers(code):
    """The addresses in the code of the list of signers."""
    if code is None:
        raise ValueError("the code of signers is not in the record")
    count, rest = divmod(len(code) - 1, 20)
    if code[:1] != b"\0" or rest or count > MAX_SIGNERS:
        raise ValueError("the code of signers is not a list")
    return [code[1 + 20 * at:21 + 20 * at] for at in range(count)]


def _least(signers):
    """How many of so many signers must sign at least, so that a third of them can be faulty."""
    faulty = (signers - 1) // 3
    return (signers + faulty) // 2 + 1


def _quorum(signers, threshold, ejected):
    """How many must sign: the threshold, or fewer if some were ejected."""
    if not _least(signers) <= threshold <= signers:
        raise ValueError(f"the threshold of {signers} signers is {threshold}")
    gone = bin(ejected).count("1")
    if gone == 0 or gone >= signers:
        return threshold
    return max(_least(signers - gone), threshold - gone)


def _check_receipt(receipt):
    """What must hold in each receipt, and in a mint."""
    if receipt.version != 1:
        raise ValueError(f"a receipt is of version {receipt.version}")
    if receipt.attribution.base + sum(receipt.attribution.parts) != receipt.score.units:
        raise ValueError(f"the attribution of the receipt of epoch {receipt.epoch} does not sum to its score")
    for what, link, codec in (("cut", receipt.cut, cid.DAG_CBOR), ("metadata", receipt.state.metadata, cid.RAW)):
        if link.codec != codec:
            raise ValueError(f"the {what} {link} of the receipt of epoch {receipt.epoch} is a CID of another kind")
    if receipt.state.epoch != receipt.epoch:
        raise ValueError(f"the state in the receipt of epoch {receipt.epoch} is of epoch {receipt.state.epoch}")
    if receipt.previous is None:
        if receipt.state.sequence != 1:
            raise ValueError(f"the mint has the sequence {receipt.state.sequence}")
        if receipt.before:
            raise ValueError("the mint has traits of before")


def _check_follows(receipt, before):
    """A receipt and the one before it."""
    if receipt.state.token_id != before.state.token_id or receipt.state.subject != before.state.subject:
        raise ValueError(f"the receipt before that of epoch {receipt.epoch} is of another token or subject")
    if receipt.state.sequence != before.state.sequence + 1:
        raise ValueError(f"the sequence of the receipt of epoch {receipt.epoch} does not follow")
    if receipt.epoch <= before.epoch:
        raise ValueError(f"the receipt of epoch {receipt.epoch} is not later than the one before it")
    if receipt.before != [trait.value for trait in before.state.traits]:
        raise ValueError(f"the receipt of epoch {receipt.epoch} does not list the traits of the one before it")


def _named(metadata):
    """The texts in a token's JSON that can name a file."""
    if not isinstance(metadata, dict):
        return []
    properties = metadata.get("properties")
    svg = properties.get("image_svg") if isinstance(properties, dict) else None
    found = [metadata.get("image"), metadata.get("animation_url"), svg]
    return [text for text in found if isinstance(text, str)]


def _file_of(text):
    """The CID in a text `ipfs://CID`, or None if the text is anything else."""
    if not text.startswith("ipfs://"):
        return None
    try:
        found = cid.from_text(text[len("ipfs://"):])
    except ValueError:
        return None
    return found if found.codec in (cid.RAW, cid.DAG_PB) else None


def _count(number, what, plural=None):
    return f"{number} {what if number == 1 else plural or what + 's'}"


def _hex(data):
    return "0x" + data.hex()


def _time(seconds):
    try:
        return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return f"{seconds} seconds after 1970"


def _printable(text):
    """A text without what could confuse a terminal."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in str(text))


def _argument(size, what):
    """A reader of `0x` and hexadecimal digits on the command line."""
    def read(text):
        try:
            if not text.startswith("0x"):
                raise ValueError
            data = bytes.fromhex(text[2:])
        except ValueError:
            data = b""
        if len(data) != size or len(text) != 2 + 2 * size:
            raise argparse.ArgumentTypeError(f"{what} is 0x and {2 * size} hexadecimal digits")
        return data
    return read


def _print(outcome):
    width = max(len(step) for step in STEPS)
    for step in outcome["steps"]:
        word = "ok    " if step["passed"] else "FAILED"
        print(f"{step['step']:<{width}}  {word}  {_printable(step['detail'])}")
    if not outcome["valid"]:
        print(f"not valid: {outcome['failed_at']}: {_printable(outcome['error'])}")
        return
    for token in outcome["tokens"]:
        print(f"token {token['token_id']}: {_printable(token['subject'])}, change {token['sequence']}, "
              f"of epoch {token['epoch']}")
        for trait in token["traits"]:
            print(f"    {_printable(trait['name'])}: {_printable(trait['value'])}")
        print(f"    metadata: {token['metadata']}")
        if token["kept_at"] == "nothing":
            print("    its holder keeps it as it is; it shows nothing")
        elif token["kept_at"] is not None:
            print(f"    its holder keeps it as it is in the directory {token['kept_at']}")
    print(f"valid: epoch {outcome['epoch']} of {outcome['token']} on chain {outcome['chain_id']}")


def check_file(path, token, block_hash):
    """The outcome for a CAR file; a file that cannot be read fails at the first step."""
    try:
        source = car.CarFile(path)
    except (ValueError, OSError) as error:
        message = f"cannot read {path}: {error.strerror}" if isinstance(error, OSError) else str(error)
        step = {"step": STEPS[0], "passed": False, "detail": message}
        return {"valid": False, "steps": [step], "failed_at": STEPS[0], "error": message}
    try:
        return verify(source, source.root, token, block_hash)
    finally:
        source.close()


def main(arguments=None):
    """The command line."""
    parser = argparse.ArgumentParser(description="Checks tokens of an Enliven collection from a CAR file, offline.")
    parser.add_argument("file", metavar="FILE.car", help="what `enliven export` wrote for one or more tokens")
    parser.add_argument("--token", required=True, type=_argument(20, "an address"), metavar="0x...",
                        help="the address of the token contract")
    parser.add_argument("--block", required=True, type=_argument(32, "the hash of a block"), metavar="0x...",
                        help="the hash of the block that the file is anchored at")
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON")
    options = parser.parse_args(arguments)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    outcome = check_file(options.file, options.token, options.block)
    if options.json:
        print(json.dumps(outcome, indent=2))
    else:
        _print(outcome)
    return 0 if outcome["valid"] else 1


if __name__ == "__main__":
    sys.exit(main())
