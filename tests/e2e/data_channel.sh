# The data channel in mock: calls of scripts, states of flows, what it refuses.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 49
data=$ROOT/tests/data/data_channel

expect_output "3 parties done, 0 failed" "$AFRUN" "$data/sender.lua" "$data/receiver_1.lua" \
    "$data/receiver_2.lua" --mock --seed 1
for line in "one	r1	nil" "both	r1 r2" "unwanted	nil	'r2' refused: data from 's' is not expected" \
    "results	result-1	result-2" "got	s	1011	0	255" "got	s	to both" "got	r1	from r1"; do
    if grep -qF -- "$line" "$OUT"; then ok "it says '$line'"; else not_ok "it says '$line'" "$(cat "$OUT")"; fi
done
expect_in_log() { if grep -qF -- "$1" "$OUT" "$ERR"; then ok "the receiver's log says '$1'"; else not_ok "the receiver's log says '$1'" "$(cat "$OUT" "$ERR")"; fi; }
expect_in_log "data of 's' is refused: data from 's' is not expected"

# As states of a flow, under all that may happen on the way.
flow=$ROOT/flows/model_exchange.lua
runs=${AF_TEST_COUNT:-$([ -n "${AF_TEST_LONG:-}" ] && echo 1000 || echo 100)}
expect_output "4 parties done, 0 failed; 40 messages" "$AFRUN" "$flow" --mock
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock --runs "$runs" --latency 1ms..5s
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock --runs "$runs" --crash client:0.05 \
    --crash aggregator:0.05 --duplicate 0.05
expect_output '"result":{"model":[1.75,1.75],"rounds":3}' "$AFRUN" "$flow" --mock --json --seed 7

# A receiver that nobody runs: the sender says who has not answered.
cat >alone.lua <<'LUA'
local af = require "af"
af.mock_context({ id = "a", nodes = { "a", "b", "c" } }, function()
  local channel = af.data_channel(af.TaskMessageContractor("t"))
  local begun = af.now()
  print(channel:send_stream { target = "b", data_stream = "x", timeout = 7.5 })
  print("after", af.now() - begun)
  print(pcall(channel.batch_send_stream, channel, {
    target = { "c", "b", "b" }, data_stream = "x", timeout = 1, ensure_all_succ = true }))
  print(pcall(channel.batch_receive_stream, channel, {
    source_list = { "c", "b" }, timeout = 1, ensure_all_succ = true }))
  print(#channel:batch_send_stream { target = "b", data_stream = "x", timeout = 1 })
end)
LUA
run "$AFRUN" alone.lua
for line in "nil	'b' did not answer in time" "after	7.5" \
    "false	batch_send_stream: not all have the data: 'b' did not answer in time; 'c' did not answer in time" \
    "batch_receive_stream: no data from 'b', 'c' in time"; do
    if grep -qF -- "$line" "$OUT"; then ok "it says '$line'"; else not_ok "it says '$line'" "$(cat "$OUT" "$ERR")"; fi
done

# Calls that are wrong.
wrong() { # LUA TEXT
    cat >wrong.lua <<LUA
local af = require "af"
af.mock_context({ id = "a", nodes = { "a", "b" } }, function()
  local channel = af.data_channel(af.TaskMessageContractor("t"))
  $1
end)
LUA
    expect_error "wrong.lua:4: $2" 1 "$AFRUN" wrong.lua
}
wrong 'channel:send_stream("b", "x")' "send_stream: expected a table of options, got a string"
wrong 'channel:send_stream { target = "b" }' "send_stream: one of data_stream, path and ref must be given"
wrong 'channel:send_stream { target = "b", data_stream = "x", path = "y" }' "send_stream: 'data_stream' and 'path': one of data_stream, path and ref is sent"
wrong 'channel:batch_receive_stream { source_list = { "b" }, path = "y" }' "batch_receive_stream: 'path' must be a function"
wrong 'channel:send_stream { target = "*", data_stream = "x" }' "send_stream: target[1] is no node's ID"
wrong 'channel:send_stream { target = "b", data_stream = "x", retries = 3 }' "send_stream: 'retries' is not an option of it"
wrong 'channel:batch_send_stream { target = {}, data_stream = "x" }' "batch_send_stream: 'target' names no node"
wrong 'channel:receive_stream { source = "b", timeout = -1 }' "receive_stream: timeout: expected a number of seconds, got -1"
wrong 'af.data_channel("t")' "af.data_channel: expected a TaskMessageContractor"

# In a flow.
cat >wrong_state.lua <<'LUA'
local af = require "af"
return af.flow { name = "x", roles = { a = { start = "s", states = {
  s = af.data_channel.sending { target = "b", data = "x" },
} } } }
LUA
expect_error "wrong_state.lua:3: data_channel.sending: needs target, done, and one of data, path and ref" 2 "$AFRUN" wrong_state.lua --mock
sed -i 's/data = "x" }/data = "x", done = "s", state = { after = { 1, "s" } } }/' wrong_state.lua
expect_error "wrong_state.lua:3: data_channel.sending: the state's 'after' is the channel's own" 2 "$AFRUN" wrong_state.lua --mock
sed -i 's/, state = .*}/, timeout = 3, every = 3 }/' wrong_state.lua
expect_error "wrong_state.lua:3: data_channel.sending: either timeout, or every and tries" 2 "$AFRUN" wrong_state.lua --mock
sed -i 's/, timeout = 3, every = 3 }/, failed = "nowhere" }/' wrong_state.lua
expect_error "'failed' names the unknown state 'nowhere'" 2 "$AFRUN" wrong_state.lua --mock

cat >in_handler.lua <<'LUA'
local af = require "af"
return af.flow { name = "x", mock = { a = 1 }, roles = { a = { start = "s", states = { s = { enter = function(party)
  local channel = af.data_channel(party.contractor)
  if #party.state == 1 then return af.done(channel:CALL) end
end } } } } }
LUA
for call in 'send_stream { target = "a-1", data_stream = "x" }|sending' 'batch_send_stream { target = "a-1", data_stream = "x" }|sending' \
    'receive_stream { source = "a-1" }|receiving' 'batch_receive_stream { source_list = { "a-1" } }|receiving'; do
    sed "s/CALL/${call%|*}/" in_handler.lua >handler.lua
    expect_error "handler.lua:4: ${call%% *}: a handler does not wait for events; let a state do it: af.data_channel.${call#*|} {" 1 "$AFRUN" handler.lua --mock
    if grep -q "uploads" "$OUT" "$ERR"; then not_ok "and uploads nothing" "$(cat "$OUT" "$ERR")"; else ok "and uploads nothing"; fi
done

# ---- Files by their paths. ----
printf 'model\0of s' >s.bin
cat >paths.lua <<'LUA'
local af = require "af"
af.mock_context({ id = "s", nodes = { "s", "r" } }, function()
  local channel = af.data_channel(af.TaskMessageContractor("t"))
  print("sent", channel:batch_send_stream { target = "s", path = "s.bin", timeout = 0.01 }[1])
  local by = channel:batch_receive_stream { source_list = { "s" }, timeout = 5,
    path = function(source) return "from-" .. source .. ".bin" end }
  print("got", by.s)
end)
LUA
expect_output "got	from-s.bin" "$AFRUN" paths.lua --mock
check "a script's file is there, whole" cmp s.bin from-s.bin

# A sender offers again and a receiver asks again, until need of them are served; what is refused says why.
cat >few.lua <<'LUA'
local af = require "af"
local Ready = af.event("ready", { to = af.id })
local function path(party, source) return ("%s-of-%s.bin"):format(party.id, source or party.id) end
return af.flow { name = "few", mock = { server = 1, client = 3 }, args = { need = af.optional(af.integer, 2) }, roles = {
  server = { start = "collect", states = { collect = af.data_channel.receiving {
    source = function(party) return party:nodes("client") end,
    ask = function(party) return Ready { to = party.id } end, path = path, label = "1",
    every = 10, tries = 5, need = function(party) return party.args.need end,
    received = function(party, source, file)
      if source == "client-3" then return "it has no columns" end
      party.data.last = file
    end,
    done = function(party, ids, missing) return af.done { ids = ids, missing = missing } end,
  } } },
  client = { start = "waiting", states = {
    waiting = { [Ready] = "offer", ignore = { af.AcceptSfSendingData } },
    offer = af.data_channel.sending {
      target = function(party) return party:nodes("server") end, path = "s.bin", label = "1", every = 10, tries = 4,
      done = function(_, ids) return af.done(ids) end, failed = function(_, why) return af.done(why) end,
      state = { ignore = { Ready } },
    },
  } },
} }
LUA
expect_output '"result":{"ids":["client-1","client-2"],"missing":["client-3"]}' "$AFRUN" few.lua --mock --json
run "$AFRUN" few.lua --mock --json
grep -qF "'server-1' refused: it has no columns" "$OUT" && ok "who was refused knows why" || not_ok "who was refused knows why" "$(cat "$OUT")"
grep -qF "data of 'client-3' is refused: it has no columns" "$ERR" && ok "and so does the receiver's own log" || not_ok "and so does the receiver's own log" "$(cat "$ERR")"
cmp -s s.bin server-1-of-client-2.bin && ok "the file stands where the flow wants it" || not_ok "the file stands where the flow wants it" "$(ls)"
expect_output "$runs runs, 0 failed" "$AFRUN" few.lua --mock --runs "$runs" --drop 0.1 --duplicate 0.1 --arg need=1
expect_error "no data from 'client-3' in time" 1 "$AFRUN" few.lua --mock --arg need=3
rm -f server-1-of-client-*.bin
expect_output "exhaustive" "$AFRUN" check few.lua --parties client=2 --drop 1
[ -z "$(ls server-1-of-* 2>/dev/null)" ] && ok "a check writes no file" || not_ok "a check writes no file" "$(ls)"
