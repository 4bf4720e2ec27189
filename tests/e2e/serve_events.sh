#!/usr/bin/env bash
# What a service tells pages that follow it, without being asked again: what is news, to how many, and until when.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 8
source "$ROOT/tests/lib/serve.sh"
source "$ROOT/tests/lib/parties.sh"

token=admin-token-0123456789
secret admin $token
secret tokens 'token-of-a-0123456789 a'
events() { /usr/bin/python3 "$ROOT/tests/lib/ui_events.py" "$URL" "$@"; }

# Where nobody has a token whoever is on this machine may look, and this one rests while the others are tried.
start_serve --prefix-nodes --open-tasks --bus local:rests.db
ask a push "$(message T '["b"]')" >/dev/null
events "" rests >rests.out 2>&1 &
rests=$!
resting=$serve_pid

start_serve --prefix-nodes --open-tasks --admin-token admin --audit audit.log
sign_in() {
    curl -sS -o login.out -D login.head -H 'Content-Type: application/json' -d "{\"token\":\"$token\"}" "$URL/ui/login"
    cookie=$(sed -nE 's/^Set-Cookie: ([^;]*);.*/\1/pi' login.head | tr -d '\r')
}
sign_in
ask a push "$(message T '["b"]')" >/dev/null
says "who has no cookie is told nothing" '"code":401' "$(call GET /ui/events '')"
check "news is told, as it is answered" events "$cookie" tells
asked=$(call GET /metrics '' -H "Authorization: Bearer $token")
says "a stream is one request" 'afrun_requests_total{method="GET",path="ui_events",code="0"} 2' "$asked"

follow() {
    events "$cookie" ends >follows.out 2>&1 &
    follows=$!
    wait_line follows.out follows || not_ok "it follows" "$(cat follows.out)"
}
has_ended() {
    local status=0
    until_true is_gone $follows || kill $follows
    wait $follows || status=$?
    if [ $status -eq 0 ] && [ "$(cat follows.out)" = follows ]; then ok "$1"; else not_ok "$1" "$(cat follows.out)"; fi
}
follow
secret admin another-token-0123456789
has_ended "streams end with the token that has opened them"
token=another-token-0123456789
sign_in
follow
stop_serve
has_ended "… and with the service"
if [ $status -eq 0 ]; then ok "which they do not keep"; else not_ok "which they do not keep" "status $status: $(cat serve.err)"; fi

start_serve --tokens tokens --admin-token admin --quota streams=4 --proxy 127.0.0.1
sign_in
check "an address has its share of the streams, and who leaves frees it" events "$cookie" shares
stop_serve

until_true is_gone $rests || kill $rests
status=0
wait $rests || status=$?
if [ $status -eq 0 ]; then ok "a service that rests says nothing but a comment"; else not_ok "a service that rests says nothing but a comment" "$(cat rests.out)"; fi
serve_pid=$resting
stop_serve
