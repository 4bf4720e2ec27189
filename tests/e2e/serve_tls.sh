# TLS, and clients that are known by their certificates.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 29
source "$ROOT/tests/lib/serve.sh"
source "$ROOT/tests/lib/certificates.sh"

authority ca
authority other
certificate ca server /CN=localhost subjectAltName=DNS:localhost,IP:127.0.0.1
certificate ca a /CN=a
certificate ca two /CN=a/CN=b
certificate ca none /O=nobody
certificate ca wrong_use /CN=a extendedKeyUsage=serverAuth
certificate other stranger /CN=a
secret tokens "token-of-b-0123456789 b"

pop() { # pop CURL-OPTION…
    curl -sS --max-time 20 --cacert ca.pem -d '{"task_id":"T","channel":"federated"}' "$@" "$URL/fed-service/api/v2/message/pop" 2>&1
}
as() { pop --cert "$1.pem" --key "$1.key"; }

start_serve --tls-cert server.pem --tls-key server.key --client-ca ca.pem --tokens tokens --open-tasks
expect_output "https://127.0.0.1" cat serve.out
expect_output "certificates" cat serve.out
says "a certificate names its node" '"code":0' "$(as a)"
says "a token does over TLS as well" '"code":0' "$(pop -H 'Authorization: Bearer token-of-b-0123456789')"
says "the node is its common name" '"node_id":"a"' "$(curl -sS --cacert ca.pem --cert a.pem --key a.key -d '{"task_id":"T"}' "$URL/fed-service/api/v2/task/nodelist")"
says "neither: unknown" '"code":401' "$(pop)"
says "both, of two nodes: refused" '"code":401' "$(pop --cert a.pem --key a.key -H 'Authorization: Bearer token-of-b-0123456789')"
says "another authority's certificate is refused" '"code":401' "$(as stranger)"
says "… also with a token" '"code":401' "$(pop --cert stranger.pem --key stranger.key -H 'Authorization: Bearer token-of-b-0123456789')"
says "two names are none" '"code":401' "$(as two)"
says "no name is none" '"code":401' "$(as none)"
says "a server's certificate is no client's" '"code":401' "$(as wrong_use)"
# The client's own rules must not be what refuses: with these it would speak the old versions, too.
willing() { pop --cert a.pem --key a.key --tlsv1.0 --ciphers DEFAULT@SECLEVEL=0 "$@"; }
says "a client that would speak old TLS is served by the new" '"code":0' "$(willing --tls-max 1.2)"
for version in 1.0 1.1; do
    answer=$(willing --tls-max $version)
    case $answer in # an alert, or the end of the connection; never the client's own refusal
    *alert*|*SSL_ERROR_SYSCALL*|*'unexpected eof'*) ok "TLS $version is refused by the service" ;;
    *) not_ok "TLS $version is refused by the service" "$answer" ;;
    esac
done
never_says "plain HTTP is not spoken" '"code"' "$(curl -sS --max-time 5 "http://${URL#https://}/healthz" 2>&1)"
says "whom it does not know the client does not trust" "certificate" "$(curl -sS --cacert other.pem "$URL/healthz" 2>&1)"

head -c 2000000 /dev/urandom >big.bin
url=$(curl -sS --cacert ca.pem --cert a.pem --key a.key -F files=@big.bin "$URL/fed-service/api/v2/file/upload?task_id=T&durable=False" | grep -o 'https://[^"]*')
says "a file's URL is https" "https://" "$url"
curl -sS --cacert ca.pem --cert a.pem --key a.key -o got "$url"
cmp -s got big.bin && ok "a file goes up and down" || not_ok "a file goes up and down" "$url $(head -c 200 got)"
as_a() { curl -sS --cacert ca.pem --cert a.pem --key a.key --max-time 70 -d "$2" "$URL/fed-service/api/v2/message/$1"; }
as_a pop '{"task_id":"T","channel":"federated","wait_seconds":60}' >waited &
waiter=$!
await_parked_tls() {
    local i
    for ((i = 0; i < 400; i++)); do
        [[ $(curl -sS --cacert ca.pem "$URL/metrics") != *"polls_parked 1"* ]] || return 0
        sleep 0.05
    done
}
await_parked_tls
as_a push "$(message T '["a"]' '{"type":"wake"}')" >/dev/null
wait $waiter
says "a poll waits over TLS" '"wake"' "$(cat waited)"
stop_serve
[ $status -eq 0 ] && ok "it ends well" || not_ok "it ends well" "$(tail serve.err)"

# ---- Beyond this machine, by certificates alone. ----

start_serve --listen 0.0.0.0:0 --tls-cert server.pem --tls-key server.key --client-ca ca.pem --open-tasks
URL=https://127.0.0.1:${URL##*:}
says "certificates alone do" '"code":0' "$(as a)"
says "… and without one nobody is known" '"code":401' "$(pop)"
stop_serve

# ---- What it refuses to start. ----

expect_error "tls-key" 2 "$AFRUN" serve --listen 127.0.0.1:0 --node a --tls-cert server.pem
expect_error "only with them" 2 "$AFRUN" serve --listen 127.0.0.1:0 --client-ca ca.pem
expect_error "server.pem: cannot be used" 2 "$AFRUN" serve --listen 127.0.0.1:0 --node a --tls-cert server.pem --tls-key a.key
expect_error "empty.pem" 2 "$AFRUN" serve --listen 127.0.0.1:0 --tls-cert server.pem --tls-key server.key --client-ca empty.pem
: >empty.pem
expect_error "empty.pem: cannot be used" 2 "$AFRUN" serve --listen 127.0.0.1:0 --tls-cert server.pem --tls-key server.key --client-ca empty.pem
chmod 644 server.key
expect_error "chmod 600" 2 "$AFRUN" serve --listen 127.0.0.1:0 --node a --tls-cert server.pem --tls-key server.key
