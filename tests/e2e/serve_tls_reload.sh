#!/usr/bin/env bash
# Certificates that change while the service runs: its own, those of the clients' authority, and which of them are revoked; what is
# spoken; and by which name of a certificate a client is known.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 30
source "$ROOT/tests/lib/serve.sh"
source "$ROOT/tests/lib/certificates.sh"
source "$ROOT/tests/lib/parties.sh"
PATIENCE=50

revocable() { # revocable NAME: an authority, and its list of revoked ones, NAME.crl, with none
    authority "$1"
    : >"$1.index"
    printf '[ca]\ndefault_ca=a\n[a]\ndatabase=%s.index\ndefault_md=sha256\ndefault_crl_days=2\n' "$1" >"$1.cnf"
    openssl ca -config "$1.cnf" -gencrl -keyfile "$1.key" -cert "$1.pem" -out "$1.crl" 2>>openssl.err
}
revoke() { # revoke AUTHORITY NAME
    openssl ca -config "$1.cnf" -revoke "$2.pem" -keyfile "$1.key" -cert "$1.pem" 2>>openssl.err
    openssl ca -config "$1.cnf" -gencrl -keyfile "$1.key" -cert "$1.pem" -out "$1.crl.new" 2>>openssl.err
    mv "$1.crl.new" "$1.crl"
}
renew() { # renew NAME: put in place of the service's, as a program that renews them does
    cp "$1.pem" server.pem.new && cp "$1.key" server.key.new && chmod 600 server.key.new
    mv server.key.new server.key && mv server.pem.new server.pem
}
revocable ca
revocable second
certificate ca one "/CN=the first" subjectAltName=IP:127.0.0.1
certificate ca two "/CN=the second" subjectAltName=IP:127.0.0.1
certificate ca a /CN=a
certificate ca named "/CN=some machine" subjectAltName=DNS:b
certificate ca many "/CN=c" subjectAltName=DNS:c,DNS:d
certificate second fresh /CN=a
cat ca.pem second.pem >both.pem
cp ca.pem clients.pem
cp one.pem server.pem && cp one.key server.key && chmod 600 server.key

as() { # as NAME [CURL-OPTION…]
    curl -sS --max-time 20 --cacert ca.pem --cert "$1.pem" --key "$1.key" -d '{"task_id":"T","channel":"federated"}' "${@:2}" "$URL/fed-service/api/v2/message/pop" 2>&1
}
shown() { openssl s_client -connect "${URL#https://}" -CAfile ca.pem "$@" </dev/null 2>&1; }
shows() { grep -q "subject=.*$1" <<<"$(shown)"; }
answers() { grep -qF -e "$2" <<<"$(as "$1")"; }

start_serve --tls-cert server.pem --tls-key server.key --client-ca clients.pem --client-crl ca.crl --open-tasks
shows "the first" && ok "the certificate is shown" || not_ok "the certificate is shown" "$(shown)"
says "a client is known" '"code":0' "$(as a)"
node_of() { curl -sS --cacert ca.pem --cert "$1.pem" --key "$1.key" -d '{"task_id":"T"}' "$URL/fed-service/api/v2/task/nodelist"; }
says "its DNS name comes before its common name" '"node_id":"b"' "$(as named >/dev/null; node_of a)"
says "two of them are none" '"code":401' "$(as many)"

# ---- What is spoken. ----
for version in tls1_2 tls1_3; do
    says "$version, with secrets that are gone afterwards" "Verify return code: 0" "$(shown -$version)"
done
says "1.3 is chosen where it may" "TLSv1.3" "$(shown)"
says "1.2 by an authenticated cipher" "Cipher is ECDHE-ECDSA-AES128-GCM-SHA256" "$(shown -tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256)"
for cipher in ECDHE-ECDSA-AES128-SHA256 ECDHE-ECDSA-AES256-SHA; do
    says "$cipher is not spoken" "Cipher is (NONE)" "$(shown -tls1_2 -cipher "$cipher:@SECLEVEL=0")"
done

# ---- Its own certificate. ----
exec 9<>"/dev/tcp/127.0.0.1/${URL##*:}" # somebody who is in the middle of nothing
renew two
if until_true shows "the second"; then ok "one that was renewed is shown"; else not_ok "one that was renewed is shown" "$(cat serve.err)"; fi
says "and clients are known as before" '"code":0' "$(as a)"
cp one.pem server.pem # of another key
if wait_line serve.err "certificates stay as they were: server.pem: cannot be used"; then ok "one that is not of its key is told"; else not_ok "one that is not of its key is told" "$(cat serve.err)"; fi
shows "the second" && ok "and not shown" || not_ok "and not shown" "$(shown)"
renew one
if until_true shows "the first"; then ok "what is right again is taken"; else not_ok "what is right again is taken" "$(cat serve.err)"; fi
chmod 644 server.key
kill -HUP "$serve_pid"
if wait_line serve.err "server.key: holds a secret"; then ok "a key that others may read is not"; else not_ok "a key that others may read is not" "$(cat serve.err)"; fi
chmod 600 server.key
exec 9>&-

# ---- Whom it believes. ----
says "another authority's is not known" '"code":401' "$(as fresh)"
cp both.pem clients.pem
if until_true answers fresh '"code":0'; then ok "until that is believed, too"; else not_ok "until that is believed, too" "$(as fresh) $(cat serve.err)"; fi
curl -sS --max-time 60 --cacert ca.pem --cert a.pem --key a.key -d '{"task_id":"T","channel":"federated","wait_seconds":50}' \
    "$URL/fed-service/api/v2/message/pop" >waited 2>&1 &
waiter=$!
parked() { curl -sS --cacert ca.pem "$URL/metrics" | grep -q "polls_parked 1"; }
until_true parked || not_ok "a poll waits" "$(cat waited)"
# A connection that is open is of nobody any more, once its certificate is revoked.
mkfifo asks
timeout 60 python3 - "$URL" <<'PY' >kept 2>&1 &
import http.client, json, ssl, sys
context = ssl.create_default_context(cafile="ca.pem")
context.verify_flags &= ~ssl.VERIFY_X509_STRICT # newer ones of Python want more of an authority than this one has
context.load_cert_chain("a.pem", "a.key")
connection = http.client.HTTPSConnection(sys.argv[1].split("//")[1], context=context, timeout=20)
def ask():
    connection.request("POST", "/fed-service/api/v2/message/pop", json.dumps({"task_id": "T", "channel": "federated"}))
    print(connection.getresponse().read().decode(), flush=True)
ask()
open("asks").read()
ask()
PY
keeper=$!
wait_line kept '"code":0' || not_ok "a connection is kept" "$(cat kept)"
revoke ca a
if until_true answers a '"code":401'; then ok "who is revoked is known no more"; else not_ok "who is revoked is known no more" "$(as a) $(cat serve.err)"; fi
timeout 20 sh -c 'echo go >asks'
wait $keeper
says "nor on a connection from before" '"code":401' "$(tail -n 1 kept)"
PATIENCE=20
until_true is_gone $waiter && ok "a poll that waits is over at once" || not_ok "a poll that waits is over at once" "$(cat waited)"
wait $waiter
never_says "nor does its poll go on waiting" '"content"' "$(cat waited)"
says "others are, as before" '"code":0' "$(as named)"
says "and of the other authority" '"code":0' "$(as fresh)"
echo nonsense >ca.crl
if wait_line serve.err "ca.crl: cannot be used"; then ok "a list that is none is told"; else not_ok "a list that is none is told" "$(cat serve.err)"; fi
says "and what was revoked stays so" '"code":401' "$(as a)"
stop_serve
[ $status -eq 0 ] && ok "it ends well" || not_ok "it ends well" "$(tail serve.err)"
expect_error "--client-crl only with that" 2 "$AFRUN" serve --listen 127.0.0.1:0 --node a --tls-cert server.pem --tls-key server.key --client-crl second.crl
expect_error "ca.crl: cannot be used" 2 "$AFRUN" serve --listen 127.0.0.1:0 --tls-cert server.pem --tls-key server.key --client-ca ca.pem --client-crl ca.crl
expect_error "second.crl: cannot be used" 2 "$AFRUN" serve --listen 127.0.0.1:0 --tls-cert server.pem --tls-key server.key --client-ca ca.pem --client-crl second.crl
