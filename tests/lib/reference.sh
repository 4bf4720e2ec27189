#!/usr/bin/env bash
# Says what is wrong with the reference, scripts/af/_meta/af.lua: reference.sh AFRUN. Nothing is said if all is well.
#
# A name that flows see and the stub lacks, or the other way round (the real `af` is walked, in a run); a text, type,
# example or Chinese text that is missing; an example that does not run in mock; files that were not made anew.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
afrun=$(realpath "$1")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

lua5.4 scripts/tool/reference.lua check

# ---- Names: of `af` and of the party in a run, of keys and options in the tables that check them. ----

# A copy of the library that shows the party's methods.
cp -r scripts "$folder/scripts"
sed -i '$i af.walked_party = require("af.party").methods' "$folder/scripts/af/init.lua"
cat >"$folder/walk.lua" <<'LUA'
local af = require "af"
local function walk(path, of)
  for name, value in pairs(of) do
    local deeper = ("%s.%s"):format(path, name)
    if path == "af.walked_party" then deeper = "party." .. name end
    if deeper ~= "af.walked_party" then print(deeper) end
    if type(value) == "table" and not tostring(path):find("EventFactory") and name ~= "event_factory" then
      walk(deeper, value)
    end
  end
end
walk("af", af)
for _, name in ipairs { "id", "role", "data", "state", "args", "contractor", "task_id" } do print("party." .. name) end
LUA
AFRUN_SCRIPTS=$folder/scripts "$afrun" "$folder/walk.lua" --mock 2>/dev/null | sed '$d' >"$folder/found"

cat >"$folder/walk_test.lua" <<'LUA'
local t = require "af.test"
for name in pairs(t) do t.test("t." .. name, function() end) end
LUA
"$afrun" test "$folder/walk_test.lua" | sed -n 's/.*\(t\.[a-z]*\)$/\1/p' >>"$folder/found"

# keys FILE TABLE NAME: the keys of a table in the library's source are what stands behind NAME.
keys() {
    lua5.4 - "$@" <<'LUA' >>"$folder/found"
local text = io.open("scripts/af/" .. arg[1]):read("a")
local body = assert(text:match("local " .. arg[2] .. " = (%b{})"), arg[2] .. " is not in " .. arg[1])
for name in pairs(load("return " .. body)()) do print(arg[3] .. "." .. name) end
LUA
}
keys flow.lua flow_keys flow
keys flow.lua role_keys role
keys flow.lua state_keys state
keys part.lua part_keys part
keys patterns.lua gather_kinds gather_options
keys patterns.lua ask_kinds ask_options
keys patterns.lua suspect_kinds suspect_options
keys task_message_contractor.lua event_options contract_events_options
keys task_message_contractor.lua info_names info
keys test.lua shown tested
keys test.lua party_options test_party_options
keys data_channel.lua send_options send_options
keys data_channel.lua receive_options receive_options
keys data_channel.lua sending_options sending_options
keys data_channel.lua receiving_options receiving_options

lua5.4 scripts/tool/reference.lua names | tr : . >"$folder/told"
sort -u "$folder/found" -o "$folder/found"
sort -u "$folder/told" -o "$folder/told"
comm -23 "$folder/found" "$folder/told" | while read -r name; do
    echo "$name has no text: add it to scripts/af/_meta/af.lua (types, errors, an example) and scripts/af/_meta/zh.lua;" \
        "then: lua5.4 scripts/tool/reference.lua write"
done
# Told and not found; what no walk can see (values that a call gives, names that a class has from another) is left out.
comm -13 "$folder/found" "$folder/told" | grep -E '^(af|t|tested|party|flow|role|state|part|[a-z_]+_options|info)\..' |
    grep -vxE 'flow\.migrate|af\.(TaskContractor|data_channel)\.task_id|af\.TaskMessageEventFactory\..*|.*\.CHANNEL' | while read -r name; do
    echo "$name is told of in scripts/af/_meta/af.lua, and is not there"
done

# ---- Examples. ----

mkdir "$folder/examples"
lua5.4 scripts/tool/reference.lua examples "$folder/examples"
cp flows/sync_state.lua "$folder/examples"
cd "$folder/examples" || exit 2
for example in *.lua; do
    words=("$example" --mock)
    [[ $example != *_test.lua ]] || words=(test "$example")
    "$afrun" "${words[@]}" >"$folder/out" 2>&1 || { echo "the example of ${example%.lua} does not run:" && head -n 5 "$folder/out"; }
done
