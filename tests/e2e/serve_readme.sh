# The examples of runtime/serve/README.md do what they say.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 11
source "$ROOT/tests/lib/serve.sh"

start_serve --node x # for a port that is free
port=${URL##*:}
stop_serve
awk '/^```sh$/ { on = 1; next } /^```$/ { on = 0 } on' "$ROOT/runtime/serve/README.md" >examples
sed -i "s/127\.0\.0\.1:9080/127.0.0.1:$port/; s,^afrun ,'$AFRUN' ," examples
echo 'kill %1; wait %1' >>examples
check "the examples run" bash examples
for text in '"data":{"task_id":"T"}' '"role":1,"role_name":"initiator"' '"type": "query"' '"message_uuid":"u-1"' \
    '"messages":[{' 'some bytes' '"node_id":"b"' 'afrun_contracts_pushed_total 2' 'afrun_contracts_acknowledged_total 1'; do
    says "they show $text" "$text" "$(cat "$OUT")"
done
never_says "none of them is refused" '"code":4' "$(cat "$OUT")"
