#!/usr/bin/env bash
# What newcomers get wrong: each file of tests/data/mistakes says in its first two lines how it is run, with which status
# that ends, and what must be said.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 168
for file in "$ROOT"/tests/data/mistakes/*.lua; do
    how=$(sed -n '1s/^-- afrun FILE //p' "$file")
    says=$(sed -n '2s/^-- //p' "$file")
    read -ra arguments <<<"${how%:*}"
    tail -n +1 "$file" >"$(basename "$file")"
    expect_error "$says" "${how##*: }" "$AFRUN" "$(basename "$file")" "${arguments[@]}"
done
