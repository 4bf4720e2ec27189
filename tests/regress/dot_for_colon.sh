# A contractor's method that was called with '.' for ':' ended the process by a signal: what a script
# leaves out of a call must be missed in words, whoever answers it.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 20

said() { # NAME STATUS TEXT COMMAND…
    local name=$1 expected=$2 text=$3
    shift 3
    run timeout 30 "$@"
    if [ "$status" -eq "$expected" ] && grep -qF -e "$text" "$ERR"; then
        ok "$name"
    else
        not_ok "$name" "$(explain "exit status $status" "$@")"
    fi
}
script() { # LINE…
    { echo 'local af = require "af"' && printf '%s\n' "$@"; } >script.lua
}
for call in 'C.contract_events { timeout = 1 }' 'C.new_contract({}, "a", af.NoticeTaskCompletion { result = true })' \
    'C.notify_task_completion(true)' 'C.query_nodes()' 'C.upload_file("x")' 'C.report_progress(1)'; do
    method=${call#C.} method=${method%%[ (]*}
    script 'local C = af.TaskMessageContractor' "$call"
    said "$method of the class is refused at its line" 2 "script.lua:3: $method: call it with a colon" "$AFRUN" script.lua --mock
    script 'af.mock_context({ id = "a", nodes = { "a" } }, function()' 'local C = af.TaskMessageContractor("t")' "$call" 'end)'
    said "$method of an object is refused at its line" 1 "script.lua:4: $method: call it with a colon" "$AFRUN" script.lua --mock
    said "… and in a shared mock store" 1 "script.lua:4: $method: call it with a colon" "$AFRUN" script.lua --mock --shared store.db
done
script 'return af.flow { name = "x", roles = { a = function(party)' \
    'for e in party.contractor.contract_events { timeout = 1 } do end' 'end } }'
said "a sequential role is refused at its line" 1 "script.lua:3: contract_events: call it with a colon" "$AFRUN" script.lua --mock

# A typo in an option would mean "for ever".
script 'af.mock_context({ id = "a", nodes = { "a" } }, function()' \
    'for e in af.TaskMessageContractor("t"):contract_events { tmeout = 1 } do end' 'end)'
said "an option that is none is refused" 1 "script.lua:3: contract_events: 'tmeout' is not an option of it" "$AFRUN" script.lua --mock
