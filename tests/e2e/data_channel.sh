# The data channel in mock: calls of scripts, states of flows, what it refuses.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
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
wrong 'channel:send_stream { target = "b" }' "send_stream: needs data_stream, a string of bytes"
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
expect_error "wrong_state.lua:3: data_channel.sending: needs target, data and done" 2 "$AFRUN" wrong_state.lua --mock
sed -i 's/data = "x" }/data = "x", done = "s", state = { after = { 1, "s" } } }/' wrong_state.lua
expect_error "wrong_state.lua:3: data_channel.sending: the state's 'after' is the channel's own" 2 "$AFRUN" wrong_state.lua --mock
