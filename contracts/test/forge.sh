#!/bin/sh
# Unit, fuzz and invariant tests with forge, on the checked-in artifacts. `forge.sh [CALLS]`: how often the invariant
# test calls the Byzantine handler; 100000 (some minutes) unless told.
set -eu
cd "$(dirname "$0")/.."
calls=${1:-100000}
FOUNDRY_INVARIANT_DEPTH=400
FOUNDRY_INVARIANT_RUNS=$((calls / FOUNDRY_INVARIANT_DEPTH))
export FOUNDRY_INVARIANT_DEPTH FOUNDRY_INVARIANT_RUNS
exec node_modules/@foundry-rs/forge-linux-amd64/bin/forge test
