# One script in a mock context of three nodes: it hears what it tells all, at once, in virtual time.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 12

echo weights >model.bin
echo '{"auc":0.9}' >report.json
cat >single.lua <<'END'
local af = require "af"
local nodes = { "node-a", "node-b", "node-c" }
af.mock_context({ id = nodes[1], nodes = nodes }, function()
  local contractor = af.TaskMessageContractor("task-1")
  print("mock " .. tostring(af.is_mock_mode()) .. " " .. af.mock_node_id())
  print("nodes " .. table.concat(contractor:query_nodes(), " "))
  contractor:upload_task_achivement(nodes[1], "model.bin", "report.json")
  contractor:notify_task_completion(true)
  local begun = af.now()
  for event, info in contractor:contract_events { timeout = 3 } do
    print(event.type, af.TaskFileUpload:is(event) and event.file_type or event.result, info.from)
  end
  print("over after " .. (af.now() - begun))
end)
END
cat >expected <<'END'
mock true node-a
nodes node-a node-b node-c
task_file_upload	model	node-a
task_file_upload	report	node-a
notice_task_completion	true	node-a
over after 3.0
END
for mock in "" --mock; do
    start=$(date +%s%N)
    # shellcheck disable=SC2086 # nothing, or one option
    expect_output "single.lua: 1 party done, 0 failed" "$AFRUN" single.lua $mock --trace run.jsonl
    elapsed_ms=$((($(date +%s%N) - start) / 1000000))
    if diff expected <(head -n 6 "$OUT") >diff; then ok "it hears all three, in order"; else
        not_ok "it hears all three, in order" "$(cat diff)"
    fi
    if [ "$elapsed_ms" -lt 2500 ]; then ok "three seconds of waiting take none"; else
        not_ok "three seconds of waiting take none" "$elapsed_ms ms"
    fi
done

# What it uploaded can be fetched again; a file that is not there is an error, in mock too.
cat >again.lua <<'END'
local af = require "af"
af.mock_context({ id = "node-a", nodes = { "node-a" } }, function()
  local contractor = af.TaskMessageContractor("task-1")
  contractor:upload_metric_report("node-a", "report.json")
  for event in contractor:contract_events { timeout = 3 } do
    print(event.file_type, (af.download(event.file_url):gsub("\n", "")))
  end
  contractor:upload_model("node-a", "missing.bin")
end)
END
expect_error "again.lua:8: " 1 "$AFRUN" again.lua
if grep -q 'report	{"auc":0.9}' "$OUT"; then ok "the report is read back"; else
    not_ok "the report is read back" "$(cat "$OUT" "$ERR")"
fi
if grep '^afrun: ' "$ERR" | grep -q 'missing.bin'; then ok "the missing file is named"; else
    not_ok "the missing file is named" "$(cat "$ERR")"
fi

# Without a mock context and without --mock there is no network.
cat >alone.lua <<'END'
local af = require "af"
af.TaskMessageContractor("task-1"):notify_task_completion(true)
END
expect_error "alone.lua:2: " 1 "$AFRUN" alone.lua

# A context that names no nodes has none, which is told to who asks for them, and to nobody else.
cat >bare.lua <<'END'
local af = require "af"
af.mock_context({ id = "node-a" }, function()
  print("mock " .. tostring(af.is_mock_mode()) .. " " .. af.mock_node_id())
  print(#af.TaskMessageContractor("task-1"):query_nodes() .. " nodes")
end)
END
expect_output "0 nodes" "$AFRUN" bare.lua
if [ "$(cat "$ERR")" = "afrun: warning: node-a: query_nodes: the mock context names no nodes" ]; then
    ok "it is warned of, once"
else
    not_ok "it is warned of, once" "$(cat "$ERR")"
fi
