# `afrun token`: tokens are kept as digests, run out, and are revoked while a service runs.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 62
source "$ROOT/tests/lib/serve.sh"

token() { "$AFRUN" token "$@"; }
as() { call POST "/fed-service/api/v2/$2" "$3" -H "Authorization: Bearer $1" "${@:4}"; }
pop='{"task_id":"T","channel":"federated"}'
known() { says "$1" '"code":0' "$(as "$2" message/pop "$pop")"; }
stranger() { says "$1" "${3:-the token is not known}" "$(as "$2" message/pop "$pop")"; }

# ---- The file. ----
run token new tokens a --label 'the hospital in the north'
a=$(cat "$OUT")
[[ $a =~ ^[A-Za-z0-9_-]{43}$ ]] && ok "a token has 32 bytes" || not_ok "a token has 32 bytes" "$a"
[ "$(stat -c %a tokens)" = 600 ] && ok "the file is its owner's" || not_ok "the file is its owner's" "$(stat -c %a tokens)"
grep -qF "$a" tokens && not_ok "the file holds no token" "$(cat tokens)" || ok "the file holds no token"
digest=$(printf %s "$a" | sha256sum | cut -c1-64)
grep -qx "sha256:$digest a label=the hospital in the north" tokens && ok "but its digest" || not_ok "but its digest" "$(cat tokens)"
printf '# by hand\nplain-token-0123456789 b\n\n' >>tokens
b=plain-token-0123456789
c=$(token new tokens c --expires 1h --json | jq -r .token)
soon=$(token new tokens soon --expires 1s --json | jq -r .token)
expect_output "(the file holds the token itself)" token list tokens
expect_output "${digest:0:12}  a                     never                 the hospital in the north" token list tokens
expect_output '"node":"a","label":"the hospital in the north","expires_s":0,"plain":false' token list tokens --json
expect_error "has no token of ID '000000000000'" 2 "$AFRUN" token revoke tokens 000000000000

# Many at once: none is lost.
for i in 1 2 3 4 5 6 7 8; do token new many "n$i" >/dev/null & done
wait
[ "$(token list many --json | jq '.tokens | length')" -eq 8 ] && ok "eight writers at once" || not_ok "eight writers at once" "$(cat many)"

# ---- A service that runs. ----
start_serve --tokens tokens --open-tasks || exit 1
known "a digest knows its token" "$a"
known "a plain line does, too" "$b"
known "… and one that will run out" "$c"
stranger "its digest is no token" "sha256:$digest"
session=$(call POST '/alpha-med/fed-bass?cmb=Login' "{\"UserName\":\"a\",\"Password\":\"$a\"}" | jq -r .Response.Data.Token)
dataset() { call POST '/alpha-med/fed-bass?cmb=VerifyTaskDataSetCallback' '{"TaskId":"T","VerifyResult":true}' -H "token: $session"; }
says "a login is by a token" '"Status":"OK"' "$(dataset)"
as "$a" message/pop "${pop%\}},\"wait_seconds\":60}" >waited &
poll=$!
# until_says TEXT COMMAND…: within 20 s
until_says() {
    local text=$1 i
    shift
    for ((i = 0; i < 200; i++)); do
        [[ $("$@") != *"$text"* ]] || return 0
        sleep 0.1
    done
    return 1
}
until_says "polls_parked 1" curl -sS "$URL/metrics"
expect_output "${digest:0:12}, of node a, is taken no more" token revoke tokens "${digest:0:12}"
until_says "the token is not known" as "$a" message/pop "$pop" && ok "a revoked token is known no more" || not_ok "a revoked token is known no more"
wait $poll
says "… its wait is over" '"code":0' "$(cat waited)"
says "… and its login" "the login is not known" "$(dataset)"
known "others are known as before" "$b"
grep -qx '# by hand' tokens && grep -qx "$b b" tokens && ok "other lines stay as they are" || not_ok "other lines stay as they are" "$(cat tokens)"
until_says "the token has run out" as "$soon" message/pop "$pop" && ok "a token runs out" || not_ok "a token runs out"
expect_output "has run out" token list tokens

# What is wrong changes nothing, and is told.
cp tokens good
echo 'sha256:12 d' >>tokens
until_says "tokens:6: expected sha256: and 64 hexadecimal digits" cat serve.err && ok "a wrong line is told" || not_ok "a wrong line is told" "$(cat serve.err)"
known "… and changes nothing" "$b"
chmod 644 tokens
kill -HUP $serve_pid
until_says "others may read or change it" cat serve.err && ok "SIGHUP has it read" || not_ok "SIGHUP has it read" "$(cat serve.err)"
known "… and nothing was changed" "$b"
rm tokens
until_says "No such file" cat serve.err && ok "a file that is gone is told" || not_ok "a file that is gone is told" "$(cat serve.err)"
known "… and nothing was changed by that" "$b"
(umask 077 && grep -v "^$b" good >tokens.new)
mv tokens.new tokens
until_says "the token is not known" as "$b" message/pop "$pop" && ok "a line that is taken out by hand is revoked" || not_ok "a line that is taken out by hand is revoked"
echo mine >tokens.new
d=$(token new tokens d)
says "a file of another beside it stays" mine "$(cat tokens.new)"
until_says '"code":0' as "$d" message/pop "$pop" && ok "a new one is known soon" || not_ok "a new one is known soon"
: >tokens
until_says "the token is not known" as "$d" message/pop "$pop" && ok "all may be revoked" || not_ok "all may be revoked"
stop_serve
[ "$status" -eq 0 ] && ok "the service ends well" || not_ok "the service ends well" "$(cat serve.err)"
expect_error "holds no token" 2 "$AFRUN" serve --listen 127.0.0.1:0 --tokens tokens

# ---- Wrong words. ----
expect_error "expected: afrun token new, list or revoke" 2 "$AFRUN" token
expect_error "expected: afrun token new FILE NODE" 2 "$AFRUN" token new tokens
expect_error "is no node's ID" 2 "$AFRUN" token new tokens 'a b'
expect_error "is no node's ID" 2 "$AFRUN" token new tokens '*'
expect_error "expected one line" 2 "$AFRUN" token new tokens a --label $'a\nb'
expect_error "are for a new one" 2 "$AFRUN" token list tokens --label x
expect_error "No such file" 2 "$AFRUN" token list nowhere
expect_error "is no file" 2 "$AFRUN" token list .
mkfifo pipe
expect_error "is no file" 2 timeout 10 "$AFRUN" token list pipe
for line in 'x' 'sha256:zz a' "sha256:$digest" "sha256:$digest a expires=tomorrow" "sha256:$digest a until=x" 'token *'; do
    (umask 077 && printf '# first\n%s\n' "$line" >wrong)
    expect_error "wrong:2: expected" 2 "$AFRUN" token list wrong
    cp wrong before
    expect_error "wrong:2: expected" 2 "$AFRUN" token new wrong a
    cmp -s wrong before && ok "a file that is wrong stays as it is" || not_ok "a file that is wrong stays as it is"
done
