# Programs that a flow runs: only those that were granted, whole, and with an id of the call.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
api=$ROOT/tests/data/api

expect_output "2 parties done, 0 failed" "$AFRUN" "$api/process.lua" --mock --allow-run sh
expect_error "sh: is outside of what the script may run; grant it with --allow-run sh" 1 \
    "$AFRUN" "$api/process.lua" --mock
expect_error "--allow-run: 'no-such-program' is no program that is found in PATH" 2 \
    "$AFRUN" "$api/process.lua" --mock --allow-run no-such-program
expect_error "--allow-run: './here.sh' is no program" 2 \
    "$AFRUN" "$api/process.lua" --mock --allow-run ./here.sh
expect_error "--allow-net: expected HOST or HOST:PORT, got 'http://a'" 2 \
    "$AFRUN" "$api/process.lua" --mock --allow-net http://a

# ids SEED [OPTION…]: the call ids of a run, one a line.
ids() {
    run "$AFRUN" "$api/process.lua" --mock --allow-run sh --seed "$1" --trace ids.jsonl "${@:2}"
    grep -o '"party":"runner-1","result":.*' ids.jsonl |
        grep -oE '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}'
}

ids 1 >first
ids 1 >again
ids 2 >other
if [ "$(sort -u first | wc -l)" -eq 3 ]; then ok "each call has an id of its own"; else
    not_ok "each call has an id of its own" "$(cat first)"
fi
check "the same run has the same ids" cmp first again
if ! cmp -s first other; then ok "another seed has others"; else not_ok "another seed has others"; fi
ids 1 --crash runner:0.9 --down 1ms..2ms >crashed
check "a handler that runs again has the ids that it had" cmp first crashed
check "the trace of programs is drawn" "$AFRUN" chart ids.jsonl
expect_output "runs sh: status 3" "$AFRUN" chart ids.jsonl

# A path is granted as well as a name; nothing but the program's name is in the trace.
mkdir tools
printf '#!/bin/sh\necho "$0" "$@"\n' >tools/train.sh
chmod +x tools/train.sh
cat >path.lua <<'END'
local af = require "af"
local result = af.process.run("./tools/train.sh", { args = { "--rounds", "3" } })
af.expect(result.output == "./tools/train.sh --rounds 3\n" or
  result.output:find("/tools/train.sh %-%-rounds 3\n$"), result.output)
END
expect_output "1 party done" "$AFRUN" path.lua --mock --allow-run tools/train.sh --trace path.jsonl
expect_error "grant it with --allow-run ./tools/train.sh" 1 "$AFRUN" path.lua --mock --allow-run sh
if grep -q '"program":"train.sh","status":0' path.jsonl && ! grep -q tools path.jsonl; then
    ok "no path is in the trace"
else
    not_ok "no path is in the trace" "$(cat path.jsonl)"
fi

# Ctrl-C while a program runs: it is ended, and so is what it started.
cat >long.lua <<'END'
local af = require "af"
af.process.run("sh", { args = { "-c", "echo $$ >pid; sleep 1000 & wait" } })
END
"$AFRUN" long.lua --mock --allow-run sh >"$OUT" 2>"$ERR" &
runner=$!
for _ in $(seq 1000); do [ -s pid ] && break; sleep 0.01; done
kill -INT $runner
wait $runner
status=$?
if [ $status -eq 130 ]; then ok "Ctrl-C ends the run"; else not_ok "Ctrl-C ends the run" "status $status"; fi
# Those of the program's group that are not dead; a zombie waits for its new parent only.
alive() { ps -e -o pgid=,stat=,args= | awk -v group="$(cat pid)" '$1 == group && $2 !~ /^[ZX]/'; }
for _ in $(seq 1000); do [ -n "$(alive)" ] || break; sleep 0.01; done
if [ -z "$(alive)" ]; then ok "and the program"; else not_ok "and the program" "$(alive)"; fi
