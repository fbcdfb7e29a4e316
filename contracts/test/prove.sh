#!/bin/sh
# What halmos proves, and that it finds a mistake that is put in. Takes some five minutes. `prove.sh HALMOS`
set -eu
cd "$(dirname "$0")/.."
halmos=$(realpath "$1")
PATH="$PWD/node_modules/@foundry-rs/forge-linux-amd64/bin:$PATH"
FOUNDRY_PROFILE=symbolic
export PATH FOUNDRY_PROFILE

# Dynamic arguments: bytes and texts of 38 bytes (one run of one slot of hot traits), arrays of one.
prove() {
    "$halmos" --forge-build-out node_modules/.forge/symbolic --contract "$1" --no-status \
        --default-bytes-lengths 38 --default-array-lengths 1 2>&1 | grep -E 'PASS|FAIL|Counterexample|test result|Error'
}

prove EpochProof | tee node_modules/.forge/proof.txt
prove FrozenProof | tee -a node_modules/.forge/proof.txt
[ "$(grep -c 'Symbolic test result: 1 passed; 0 failed' node_modules/.forge/proof.txt)" = 2 ]

# A proof that cannot fail proves nothing: an epoch that grows by two must be refuted.
proof=test/symbolic/Symbolic.t.sol
cp "$proof" node_modules/.forge/Symbolic.t.sol
trap 'cp node_modules/.forge/Symbolic.t.sol "$proof"' EXIT
sed -i 's/uint256(epoch) + 1/uint256(epoch) + 2/' "$proof"
prove EpochProof | grep -q Counterexample
echo "a mistake that was put in was found"
