# Programs that a flow runs: only those that were granted, whole, and with an id of the call.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 22
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

# Files that a program reads and writes itself, beside the script's memory.
cat >files.lua <<'END'
local af = require "af"
local function run(text, options)
  options.args = { "-c", text }
  return af.process.run("sh", options)
end
local result = run("tr a-z A-Z; echo said >&2", { input_path = "in.txt", output_path = "out.txt" })
af.expect(result.status == 0 and result.output == "" and result.errors == "said\n", "as with a pipe")
af.expect(run("cat", { input_path = "out.txt" }).output == "WEIGHTS\n", "one reads what another wrote")
af.expect(run("echo half; exit 3", { output_path = "half.txt" }).status == 3, "a status is a result")
print(select(2, pcall(run, "yes", { output_path = "much.txt", timeout = 0.05 })))
print(select(2, pcall(run, "cat", { input_path = "/etc/hostname" })))
print(select(2, pcall(run, "cat", { output_path = "/tmp/outside.txt" })))
print(select(2, pcall(run, "cat", { input_path = "." })))
print(select(2, pcall(run, "cat", { input = "x", input_path = "in.txt" })))
END
echo weights >in.txt
run "$AFRUN" files.lua --mock --allow-run sh
for text in "sh: not over after 0.05 s" "/etc/hostname: is outside of what the script may reach; grant its folder with --allow-read" \
    "/tmp/outside.txt: is outside of what the script may reach; grant its folder with --allow-write" "sh: cannot be started: Invalid argument" \
    "either 'input' or 'input_path'"; do
    grep -qF -e "$text" "$OUT" && ok "it says '$text'" || not_ok "it says '$text'" "$(cat "$OUT" "$ERR")"
done
if [ "$(cat out.txt)" = WEIGHTS ] && [ "$(stat -c %a out.txt)" = 600 ] && [ -z "$(ls half.txt* much.txt* 2>/dev/null)" ]; then
    ok "a file is there whole, or not at all"
else
    not_ok "a file is there whole, or not at all" "$(ls -l)"
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
