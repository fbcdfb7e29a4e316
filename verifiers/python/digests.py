"""The digests over which Enliven signs, and the leaves of its state root."""

from keccak import keccak256

DOMAIN_TYPE = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
REPORT_TYPE = (b"Report(uint64 epoch,uint64 configCount,uint64 validUntil,bytes32 previousRoot,bytes32 stateRoot,"
               b"bytes32 directory,bytes32 receiptsRoot,bytes32 model,bytes32 manifest,bytes32 cut)")
HOT_REPORT_TYPE = b"HotReport(Report report,bytes32 hot)" + REPORT_TYPE


def word(number):
    """A whole number as 32 bytes; a negative one in two's complement."""
    if not -(1 << 255) <= number < 1 << 256:
        raise ValueError("a number does not fit in 32 bytes")
    return (number % (1 << 256)).to_bytes(32, "big")


def word64(number, what):
    """A number that must fit in a uint64, as 32 bytes."""
    if not 0 <= number < 1 << 64:
        raise ValueError(f"{what} does not fit in a uint64")
    return word(number)


def address_word(address):
    """An address as 32 bytes."""
    return bytes(12) + address


def report_digest(chain_id, oracle, report, hot):
    """What a committee signs (EIP-712): the report, or with hot traits the report and their digest."""
    domain = keccak256(
        keccak256(DOMAIN_TYPE) + keccak256(b"Enliven EpochOracle") + keccak256(b"1") + word(chain_id)
        + address_word(oracle))
    struct = keccak256(
        keccak256(REPORT_TYPE)
        + word64(report.epoch, "the epoch") + word64(report.config_count, "config_count")
        + word64(report.valid_until, "valid_until")
        + report.previous_root + report.state_root + report.directory + report.receipts_root
        + report.model + report.manifest + report.cut)
    if hot is not None:
        struct = keccak256(keccak256(HOT_REPORT_TYPE) + struct + hot)
    return keccak256(b"\x19\x01" + domain + struct)


def trait_word(value):
    """A trait's value as bytes32."""
    if isinstance(value, int):
        if not -(1 << 255) <= value < 1 << 255:
            raise ValueError("the value of a trait does not fit in an int256")
        return word(value)
    data = value.encode("utf-8")
    return data.ljust(32, b"\0") if len(data) < 32 else keccak256(data)


def state_leaf(state, receipt_digest):
    """The leaf of a token in the state root, from its state and the digest of its receipt."""
    encoded = (
        word(state.token_id) + word64(state.sequence, "the sequence") + state.metadata.digest + receipt_digest
        + word(5 * 32)  # where the list begins
        + word(len(state.traits)) + b"".join(trait_word(trait.value) for trait in state.traits))
    return keccak256(keccak256(encoded))


def merkle_root(leaf, siblings):
    """The root that a leaf and its siblings, from the leaf up, lead to."""
    node = leaf
    for sibling in siblings:
        node = keccak256(min(node, sibling) + max(node, sibling))
    return node
