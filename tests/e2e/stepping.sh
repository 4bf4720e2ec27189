#!/usr/bin/env bash
# `afrun replay --step`: what happens in words, data that differ, stops, and back as well as forth. Commands come from a
# pipe or a terminal.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 39
cat >keeper.lua <<'END'
local af = require "af"
local words = require "words"
return af.flow {
  name = "keeper", mock = { keeper = 1, teller = 2 },
  roles = {
    keeper = {
      data = function() return { total = 0, by = {} } end, start = "hearing",
      states = {
        hearing = {
          [words.Tell] = function(party, event, from)
            if party.data.by[from] then return end
            party.data.by[from] = words.double(event.n)
            party.data.total = party.data.total + event.n
            print(party.data)
            if party.data.total == 3 then return "closing" end
          end,
          after = { 60, "closing" },
        },
        closing = {
          enter = function(party)
            party:broadcast(words.Close { total = party.data.total })
            party.data.by = nil
            return af.done { total = party.data.total }
          end,
        },
      },
    },
    teller = { start = "telling", states = { telling = {
      enter = function(party)
        party:send("keeper-1", words.Tell { n = tonumber(party.id:sub(-1)), tags = { "a", party.id } })
      end,
      [words.Close] = function(_, event) return af.done(event.total) end,
    } } },
  },
}
END
cat >words.lua <<'END'
local af = require "af"
local words = {
  Tell = af.event("tell", { n = af.integer, tags = af.list(af.string) }),
  Close = af.event("close", { total = af.integer }),
}
function words.double(n)
  return 2 * n
end
return words
END
check "a run" "$AFRUN" keeper.lua --mock -q --fifo --seed 3 --trace run.jsonl

# walk NAME COMMANDS TEXT…: a walk by these commands says each of these texts, in this order.
walk() {
    local name=$1 commands=$2 text from=1 at
    shift 2
    printf "$commands" | "$AFRUN" replay run.jsonl --step >steps 2>&1 || { not_ok "$name" "$(cat steps)" && return; }
    for text in "$@"; do
        at=$(tail -n "+$from" steps | grep -nF -m 1 -e "$text" | cut -d: -f1)
        [ -n "$at" ] || { not_ok "$name" "no '$text' from line $from on: $(cat steps)" && return; }
        from=$((from + at))
    done
    ok "$name"
}
walk "records are words" '\n\n\n\n\n\n\nx\n' "keeper-1 starts in hearing" "keeper-1 arms after, due at 60 s" "+ keeper-1 data.by = {}" \
    'teller-1 sends tell to keeper-1 { n = 1, tags = { "a", "teller-1" } }' "keeper-1 takes tell from teller-1" \
    "~ keeper-1 data.total: 0 → 1" "keeper-1 enters closing"
walk "what has changed is a difference" 't 5\nx\n' '+ keeper-1 data.by["teller-1"] = 2' "~ keeper-1 data.total: "
walk "what a handler prints shows its tables" 'c\n' 'records replayed'
walk "a party's data" 't 5\nd keeper-1\nx\n' '{ by = { ["teller-1"] = 2 }, total = 1 }'
walk "a result" 't 6\nx\n' "- keeper-1 data.by, which was"
walk "back, and forth again" 'n 4\nb\nb 2\nn\nt 1\nn\nx\n' "step 5" "step 4" "step 2" "step 3" "step 1" "step 2"
walk "back from the end" 't 1000\nb\nn\nb 3\nx\n' "the run ends: ok" "the run is over" "step 7" "the run is over" "step 5"
walk "back is never before the beginning" 'n\nb 50\nx\n' "step 2" "step 1"
walk "a stop at a state" 's state closing\ng\nx\n' "keeper-1 enters closing" "stopped at keeper-1: state closing" "step 6"
walk "a stop at a state that is passed through" 's state hearing\ng\nx\n' "stopped at keeper-1: state hearing" "step 2"
walk "a stop at an event" 's event close\ng\ng\nx\n' "stopped at teller-1: event close" "stopped at teller-2: event close"
walk "a stop at a line of the flow" 's line 14\ng\ng\ng\nx\n' "stopped at line keeper.lua:14" "stopped at line keeper.lua:14" "the run is over"
walk "a stop at a line of a module" 's line words.lua:7\ng\nx\n' "stopped at line words.lua:7" "step 5"
walk "no stop at that line of another file" 's line words.lua:12\ns line words.lua:9\ng\nx\n' "words.lua has no line 12" "the run is over"
walk "stops are told, and go" 's\ns state closing\ns line 3\ns line keeper.lua:4\ns\ns none\ns\ng\nx\n' "there are no stops" "state closing" "line 3" "line keeper.lua:4" "there are no stops" "there are no stops"
walk "a stop that is none" 's line zork\ns line 0\ns line -3\ns line 3x\ns line words.lua:\ns line 99999999999999999999\ns sate x\ns state\nx\n' "'zork' is no line: s line 12, s line FILE:12" \
    "'0' is no line" "'-3' is no line" "'3x' is no line" "'words.lua:' is no line" "'99999999999999999999' is no line" "s state NAME, s event TYPE or s line" "s state NAME"
walk "a stop at a line that is not there" 's line 36\ns line words.lua:0\ns line other.lua:1\ns line keeper:3\ns line ../x.lua:1\ns\nx\n' "keeper.lua has no line 36; a module's is FILE:N" \
    "'words.lua:0' is no line" "the flow has no file 'other.lua'" "the flow has no file 'keeper'" "the flow has no file '../x.lua'" "there are no stops"
walk "a stop at what the flow does not have" 's state closin\ns event tel\nx\n' \
    "there is no state 'closin'; did you mean 'closing'? There are closing, hearing, telling" "there is no event 'tel'; did you mean 'tell'?"
walk "a number that is none" 'n\nt -1\nt 0\nt 2x\nt\nn -1\nb -3\nb x\nn 3 \nx\n' "step 2" "'-1' is no step: t N, from 1" "'0' is no step" \
    "'2x' is no step" "'' is no step" "'-1' is no number of steps" "'-3' is no number" "'x' is no number" "step 2" "step 5"
walk "parties and queues" 't 4\np\nq keeper-1\nq nobody\nx\n' "hearing                  0 queued" "empty" "there is no party 'nobody'"
walk "what is no command" 'zork\nx\n' "the next step" "the next step"
walk "the end of the commands is the end of the run" '\n' "records replayed, all the same"
if [ "$(printf 'x\n' | "$AFRUN" replay run.jsonl --step | grep -c '{"')" -eq 0 ]; then ok "no JSON is shown"; else not_ok "no JSON is shown"; fi

# Of parties that are plain functions, and of scripts, the same.
cat >plain.lua <<'END'
local af = require "af"
local Word = af.event("word", {})
-- nothing runs here
return af.flow { name = "plain", mock = { one = 1, two = 1 }, roles = {
  one = function(party)
    party:send("two-1", Word {})
    return af.done(4)
  end,
  two = { start = "listening", states = { listening = { [Word] = function() return af.done() end } } },
} }
END
check "a run of a plain function" "$AFRUN" plain.lua --mock -q --trace run.jsonl
walk "a plain function is a party" 'd one-1\nn\nq one-1\nd one\np\ns state listenin\ns state listening\ns line 3\ns line 7\ng\np\nx\n' "one-1 is a plain function: it has no data, and no queue" \
    "one-1 starts" "one-1 is a plain function" "there is no party 'one'; did you mean 'one-1'?" "one-1                a plain function, done" "did you mean 'listening'?" \
    "nothing runs at line 3 of plain.lua" "stopped at line plain.lua:7" "two-1                listening"
if grep -q "in null" steps; then not_ok "which starts in no state" "$(cat steps)"; else ok "which starts in no state"; fi
cat >script.lua <<'END'
local af = require "af"
af.mock_context({ id = "a", nodes = { "a", "b" } }, function()
  af.TaskMessageContractor("t"):notify_task_completion(true)
end)
END
check "a run of a script" "$AFRUN" script.lua --mock -q --trace run.jsonl
walk "a script is walked through" 's state x\ns event y\ns line 4\ns line 3\ng\np\nd a\nd c\nx\n' "a script has no states and no events" "a script has no states" "stopped at line script.lua:" "a plain function" "there is no party 'c'"
check "a run again" "$AFRUN" keeper.lua --mock -q --fifo --seed 3 --trace run.jsonl

# On a terminal.
python3 - "$AFRUN" >terminal 2>&1 <<'END'
import os, pty, sys
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], [sys.argv[1], "replay", "run.jsonl", "--step"])
seen = b""
for command in [b"\n", b"s event close\n", b"g\n", b"b\n", b"x\n"]:
    while not seen.rstrip(b" ").endswith(b"s>"):
        seen += os.read(fd, 1000)
    os.write(fd, command)
    seen += os.read(fd, len(command))
try:
    while True:
        part = os.read(fd, 1000)
        if not part:
            break
        seen += part
except OSError:
    pass
_, status = os.waitpid(pid, 0)
print(seen.decode())
print("status", os.waitstatus_to_exitcode(status))
END
for text in "keeper-1 starts in hearing" "stopped at teller-1: event close" "status 0"; do
    if grep -qF -e "$text" terminal; then ok "on a terminal: $text"; else not_ok "on a terminal: $text" "$(cat terminal)"; fi
done

# print() shows what tables hold, here and in a run.
expect_error '{ by = { ["teller-1"] = 2 }, total = 1 }' 0 "$AFRUN" keeper.lua --mock --fifo --seed 3
cat >shown.lua <<'END'
local af = require "af"
local E = af.event("e", { x = af.integer })
local me = setmetatable({}, { __tostring = function() return "me" end })
local deep = {} deep.deep = deep
print({ 1, "a\n\"b\"", { [3] = 1.5, ["b c"] = true } }, "plain", {})
print({ e = E { x = 2 }, n = af.null, me = me }, me)
print(deep)
print({ [print] = 1 })
local many = {} for i = 1, 100000 do many[i] = i end
print(many)
END
expect_output '{ 1, "a\n\"b\"", { [3] = 1.5, ["b c"] = true } }	plain	{}' "$AFRUN" shown.lua --mock
expect_output '{ e = e{x=2}, me = me, n = null }	me' "$AFRUN" shown.lua --mock
expect_output '{ deep = { deep = { deep = { deep = { deep = { deep = { … } } } } } } }' "$AFRUN" shown.lua --mock
expect_output 'table: 1' "$AFRUN" shown.lua --mock
expect_output ', …' "$AFRUN" shown.lua --mock
