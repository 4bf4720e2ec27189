#!/usr/bin/env bash
# The system's clock is set back and forward under a running service: waits, leases and uuids go by a
# clock that nobody sets.
source "$(dirname "$0")/../lib/e2e.sh"
plan 9
source "$ROOT/tests/lib/parties.sh"
source "$ROOT/tests/lib/serve.sh"

library=$(find /usr/lib -name libfaketimeMT.so.1 2>/dev/null | head -n 1)
if [ -z "$library" ] || [[ $AFRUN == *sanitize* ]]; then # a sanitizer must be loaded first
    skip_rest "no libfaketime, or a sanitizer"
    exit
fi
echo "+0" >offset
real=$AFRUN
cat >faked <<SH
#!/bin/sh
LD_PRELOAD=$library FAKETIME_TIMESTAMP_FILE=$PWD/offset FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1 DONT_FAKE_MONOTONIC=1 exec "$real" "\$@"
SH
chmod +x faked
AFRUN=$PWD/faked

start_serve --bus local:serve.db --prefix-nodes --open-tasks || not_ok "the service starts" "$(cat serve.err)"
ask a push "$(message t '["b"]' | sed 's/"task_id"/"message_uuid":"u1","task_id"/')" >/dev/null
lease='{"task_id":"t","channel":"federated","lease_seconds":2,"holder":"h1"'
says "a contract is handed out" '"u1"' "$(ask b pop "$lease}")"

echo "-3600" >offset # an hour back
start_ms=$(date +%s%3N)
says "a pop that waits ends in its time" '"data":{}' \
    "$(ask c pop '{"task_id":"t","channel":"federated","wait_seconds":1}')"
took=$(($(date +%s%3N) - start_ms))
[ $took -ge 900 ] && [ $took -lt 10000 ] && ok "it waited a second" || not_ok "it waited a second" "$took ms"
other='{"task_id":"t","channel":"federated","lease_seconds":2,"holder":"h2","wait_seconds":20}'
says "the lease runs out in its time, and another has the contract" '"u1"' "$(ask b pop "$other")"
took=$(($(date +%s%3N) - start_ms))
[ $took -lt 10000 ] && ok "it did not wait an hour" || not_ok "it did not wait an hour" "$took ms"
says "a push is taken" '"code":0' "$(ask a push "$(message t '["b"]')")"
says "a uuid that is pushed again changes nothing" '"u1"' \
    "$(ask a push "$(message t '["b"]' | sed 's/"task_id"/"message_uuid":"u1","task_id"/')")"

# A party whose clock jumps: its timeouts hold, and time never goes back for it.
cat >times.lua <<'LUA'
local af = require "af"
local before, last = af.now(), 0
print("started")
for round = 1, 30 do
  af.sleep(0.1)
  print("round", round)
  af.expect(af.now() >= last, "time went back")
  last = af.now()
end
local took = last - before
af.expect(took > 2.9 and took < 20, "it took " .. took)
print("fine")
LUA
echo "+0" >offset
start_party times times.lua --node c --bus "$URL/node/c"
wait_line times.out started
echo "-7200" >offset
rounds=$(grep -c round times.out)
goes_on() { [ "$(grep -c round times.out)" -gt $((rounds + 1)) ]; }
until_true goes_on
echo "+86400" >offset
expect_ended times 0 "a party's time never goes back, nor jumps"

echo "-3600" >offset
stop_serve
start_serve --bus local:serve.db --prefix-nodes --open-tasks
says "a service that starts with its clock set back goes on" '"code":0' "$(ask a push "$(message t '["b"]')")"
stop_serve
stop_all
