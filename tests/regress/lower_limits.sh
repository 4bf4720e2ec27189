# Limits that are lower than those of a worker stay as they are, and it runs: a batch system sets some.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 3
cat >one.lua <<'LUA'
local af = require "af"
return af.flow { name = "one", roles = { a = { start = "on", states = { on = {
  enter = function() return af.done(1) end,
} } } } }
LUA
limited() { (ulimit "$1" "$2" && shift 2 && exec "$@"); }
for limit in "-v 6000000" "-f 20000" "-n 40"; do
    if [[ $limit == -v* && $mode == sanitize ]]; then
        skip 1 "a build for the sanitizers asks for more addresses than any limit"
        continue
    fi
    # shellcheck disable=SC2086 # the option and its value
    expect_output "one: n done" limited $limit "$AFRUN" one.lua --bus "local:bus${limit%% *}.db" --node n --task t \
        --role a --peers a=n
done
