#!/bin/sh
# Trains models with the real libraries and compares every row with the imported ones:
#   crates/pipeline/models/tests/peer/run.sh
# The libraries go into a virtual environment under target/; nothing else is written.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH= cd -- "$here/../../../../.." && pwd)
peer="${CARGO_TARGET_DIR:-$root/target}/peer"
mkdir -p "$peer"
if [ ! -x "$peer/venv/bin/pip" ]; then
    python3 -m venv --clear "$peer/venv" || { echo "python3-venv is missing: apt-get install python3-venv" >&2; exit 1; }
fi
"$peer/venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
"$peer/venv/bin/python" "$here/train.py" "$peer/models"
cd "$root"
cargo build --locked --quiet --release --workspace --example import_check
exec "${CARGO_TARGET_DIR:-target}/release/examples/import_check" "$peer/models"
