#!/usr/bin/env bash
# Every row of the interface for a plain client, through a sidecar to a hub with TLS and tokens; and the same, and contracts
# both ways, while the hub or a sidecar is killed again and again: none lost, none doubled, all in order.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 77
source "$ROOT/tests/lib/serve.sh"

through() { # through NAME WHAT [KILLS]
    local folder
    folder=$(mktemp -d -p "$TMP")
    cd "$folder" || exit 1
    tap "$1" python3 "$ROOT/tests/lib/sidecars.py" "$AFRUN" "$ROOT/tests/data/tls" "${@:2}"
    cd "$TMP" || exit 1
}
kills=20 others=4
is_short || kills=100 others=30
through "through sidecars" rows
through "the hub killed meanwhile" rows $others
through "the hub killed" hub $kills
through "the sender's sidecar killed" sender $others
through "the receiver's sidecar killed" receiver $others
