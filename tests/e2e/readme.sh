#!/usr/bin/env bash
# The code blocks of the READMEs do what they say (tests/lib/doc_blocks.py; that of the service has a test of its own).
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
for file in README.md flows/README.md; do
    run "$ROOT/tests/lib/doc_blocks.py" "$PROGRAM" "$ROOT/$file"
    while IFS= read -r line; do
        case $line in
        "ok "*) ok "${line#ok }" ;;
        "not ok "*) not_ok "${line#not ok }" "$(cat "$OUT" "$ERR")" ;;
        esac
    done < <(grep -E '^(not )?ok ' "$OUT")
    [ "$status" -eq 0 ] || not_ok "$file" "$(explain "status $status" doc_blocks.py)"
done
