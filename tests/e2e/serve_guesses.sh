# Who tries tokens is answered later and later; who has a right one is not, from the same address or not.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 18
source "$ROOT/tests/lib/serve.sh"

secret tokens 'token-of-a-0123456789 a
token-of-b-0123456789 b'
secret admin admin-token-0123456789
start_serve --tokens tokens --admin-token admin --audit audit.log --proxy 127.0.0.1
call POST /admin/tasks '{"task_id":"T","members":[{"node_id":"a"},{"node_id":"b"}]}' -H 'Authorization: Bearer admin-token-0123456789' >/dev/null
tap "wrong tokens" python3 "$ROOT/tests/lib/guesses.py" "$URL"

status_text=$(call GET /status '' -H 'Authorization: Bearer admin-token-0123456789')
guessed=$(sed -nE 's/.*"wrong_tokens":([0-9]+).*/\1/p' <<<"$status_text")
[ "${guessed:-0}" -gt 200 ] && ok "status counts them" || not_ok "status counts them" "$status_text"
numbers=$(curl -sS "$URL/metrics" -H 'Authorization: Bearer admin-token-0123456789')
says "… as do metrics" "afrun_wrong_tokens_total $guessed" "$numbers"
says "none is held any more" 'afrun_requests_held 0' "$numbers"

# Those that still wait when it ends are answered.
python3 "$ROOT/tests/lib/guesses.py" "$URL" leave >left &
leaver=$!
until grep -q waits left; do sleep 0.01; done
stop_serve
wait $leaver
[ "$status" -eq 0 ] && ok "it ends well" || not_ok "it ends well" "$(cat serve.err)"
says "who still waited was answered" 401 "$(cat left)"
lines=$(grep -c '"outcome":401' audit.log)
[ "$lines" -lt 60 ] && ok "the audit log has an entry a minute of each address" || not_ok "the audit log has an entry a minute of each address" "$lines of $guessed"
run "$AFRUN" audit verify audit.log
[ "$status" -eq 0 ] && ok "… and is whole" || not_ok "… and is whole" "$(cat "$OUT")"
