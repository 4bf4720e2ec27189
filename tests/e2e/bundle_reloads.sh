#!/usr/bin/env bash
# A bundle of three modules, replaced again and again under traffic across five nodes, each in a layout of
# its own: at any moment every party runs one whole version, as its journal shows.
source "$(dirname "$0")/../lib/e2e.sh"
plan 3
count=${AF_TEST_COUNT:-20}
is_short || count=200

run /usr/bin/python3 "$ROOT/tests/lib/bundle_reloads.py" "$AFRUN" "$TMP" "$count"
read -r reloads steps versions <"$OUT"
if [ "$status" -eq 0 ] && [ "$reloads" -eq "$count" ] && [ "$steps" -gt "$count" ]; then
    ok "$steps steps in $reloads reloads are each of one version"
else
    not_ok "each step is of one version" "$(cat "$OUT" "$ERR")"
fi
if [ "${versions:-0}" -gt $((count / 2)) ]; then ok "$versions versions have sent something"; else not_ok "most versions have sent something" "$versions of $((count + 1))"; fi
