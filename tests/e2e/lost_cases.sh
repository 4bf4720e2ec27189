#!/usr/bin/env bash
# A test that loses cases fails, however it ends: its plan is said first, and make test compares.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 15
source "$ROOT/tests/lib/serve.sh"

mkdir -p results build/release
ln -s "$PROGRAM" build/release/afrun
# file PLAN: what stands behind it, as a test of this folder, is run as make test runs it: its line goes to `told`.
file() {
    { printf 'source "%s/tests/lib/e2e.sh"\n%s\n' "$ROOT" "$1" && cat; } >file.sh
    TMPDIR=$TMP "$ROOT/tests/lib/run_one.sh" "$TMP/results" release file.sh >told 2>&1
}
# fails TEXT: it did, and says that.
fails() {
    says "$1" "$2" "$(grep '^FAIL  file.sh ' told)"
}

file "plan 2" <<'END'
ok "one"
ok "two"
END
says "all cases that are planned pass" "pass  file.sh  " "$(cat told)"
says "and are counted" " 2 passed, 0 failed " "$(cat told)"

file "plan 3" <<'END'
ok "one"
exit 0
ok "two"
END
fails "an exit in the middle" "1 passed, 1 failed"
fails "is told by the numbers" "ran 1 of 3 cases"
run env AFRUN="$PROGRAM" bash file.sh
if [ "$status" -eq 1 ] && grep -qxF "# ran 1 of 3 cases" "$OUT"; then ok "by the file itself, too"; else
    not_ok "by the file itself, too" "$(explain "exit status $status" file.sh)"
fi

file "plan 2" <<'END'
ok "one"
(kill -KILL $BASHPID; ok "two")
:
END
fails "a subshell that dies" "ran 1 of 2 cases"

file "plan 2" <<'END'
ok "one"
(ok "two")
END
fails "a case in a subshell, which counts for itself" "exit status 1"

file "plan 3" <<'END'
printf 'ok %s\n' a b | while read -r line; do ok "$line"; done
printf 'ok %s\n' c d >lines
while read -r line; do ok "$line"; done <lines
END
fails "more cases than planned" "ran 4 of 3 cases"

file "plan 3" <<'END'
ok "one"
echo 'print("ok two"); raise SystemExit("it breaks")' >cases.py
python3 cases.py 2>/dev/null | while read -r _; do :; done
END
fails "cases of a program that breaks" "ran 1 of 3 cases"

file "" <<'END'
ok "one"
END
fails "a file without a plan" "ran 1 of 0 cases"

# ---- What cannot be tried is a case that is skipped. ----
file "plan 4" <<'END'
ok "one"
skip 2 "there is no printer"
ok "four"
END
says "what is skipped is counted apart" "pass  file.sh  " "$(cat told)"
says "each case" " 2 passed, 0 failed, 2 skipped " "$(cat told)"
file "plan 4" <<'END'
ok "one"
skip_rest "there is no printer"
exit
END
says "or all that is left" " 1 passed, 0 failed, 3 skipped " "$(cat told)"
file "plan 3" <<'END'
run "$AFRUN" "$ROOT/flows/sync_state.lua" --mock --json
ok "one"
skip_rest "there is no printer"
END
says "but what was answered as JSON is looked at" " 2 passed, 0 failed, 1 skipped " "$(cat told)"
file "plan 3" <<'END'
skip 3 "there is no printer"
END
fails "a file of which nothing was tried" "ran no case"
