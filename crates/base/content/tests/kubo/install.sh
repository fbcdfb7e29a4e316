#!/bin/bash
# Builds Kubo, the IPFS node, from its Go module into target/kubo, once; prints the path of the program. Without Go it
# says so and ends with 3.
set -euo pipefail
cd "$(dirname "$0")/../../../../.."
# 0.43.1 is made with a fork of libp2p that the module proxy does not give.
VERSION=v0.43.0
program=$PWD/target/kubo/ipfs-$VERSION
if [ ! -x "$program" ]; then
    command -v go >/dev/null 2>&1 || {
        echo "kubo: Go is missing, so Kubo cannot be built; with it (apt-get install golang-go) it is" >&2
        exit 3
    }
    echo "kubo: building Kubo $VERSION with Go; some minutes, once" >&2
    mkdir -p target/kubo
    # Its go.mod excludes modules, so `go install` refuses it; in its own folder it is what its makers release.
    folder=$(cd target/kubo && go mod download -json "github.com/ipfs/kubo@$VERSION" |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["Dir"])')
    (cd "$folder" && go build -trimpath -o "$program.part" ./cmd/ipfs) >&2
    mv "$program.part" "$program"
fi
echo "$program"
