# What a service is called, which proxies it believes, and what a browser may do with its files.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 53
source "$ROOT/tests/lib/serve.sh"

pop='{"task_id":"T","channel":"federated"}'

# named CODE HOST [CURL-OPTION…]: how a pop with that Host is answered.
named() {
    local code=$1 host=$2
    shift 2
    local answer
    answer=$(ask a pop "$pop" -H "Host: $host" "$@")
    says "Host '$host'$([ $# -eq 0 ] || echo ' of another service'): $code" "\"code\":$code" "$answer"
}

# ---- Its names. ----
start_serve --prefix-nodes --open-tasks --host hub.example --host Other.Example
port=${URL##*:}
for host in localhost "LocalHost:$port" 127.0.0.1 "127.0.0.1:$port" 127.8.9.1 '[::1]' "[::1]:$port" federated-service:9080 \
    playground-backend hub.example HUB.example:1 other.example; do
    named 0 "$host"
done
# What a page at evil.example would ask, whose name leads here.
for host in evil.example "evil.example:$port" hub.example.evil.example evil-hub.example localhost.evil.example 127.0.0.1.evil.example \
    192.0.2.1 "192.0.2.1:$port" '[2001:db8::1]' 'a b' 'localhost@evil.example' 'localhost:80:80' '[::1' 2130706433; do
    named 400 "$host"
done
says "a service tells which name it does not have" "'evil.example' is no name of this service (--host" "$(ask a pop "$pop" -H 'Host: evil.example')"
says "health is asked by its names, too" '"code":400' "$(curl -sS -H 'Host: evil.example' "$URL/healthz")"

# ---- Its files. ----
echo '<script>' >page.html
file=$(curl -sS -F files=@page.html "$URL/node/a/fed-service/api/v2/file/upload?task_id=T&durable=True" | grep -o 'http://[^"]*')
curl -sSI "$file" | tr -d '\r' >head
for line in 'X-Content-Type-Options: nosniff' 'Content-Disposition: attachment' 'Content-Type: application/octet-stream'; do
    grep -qx "$line" head && ok "a file has $line" || not_ok "a file has $line" "$(cat head)"
done

# ---- A proxy that nobody has named. ----
forwarded=(-H 'X-Forwarded-For: 203.0.113.7' -H 'X-Forwarded-Proto: https' -H 'X-Forwarded-Host: public.example')
says "who comes through a proxy is not on this machine" '"code":401' "$(ask a pop "$pop" "${forwarded[@]}")"
stop_serve

# ---- One that is named. ----
secret tokens 'token-of-a-0123456789 a
token-of-b-0123456789 b'
as() { call POST "/fed-service/api/v2/$2" "$3" -H "Authorization: Bearer token-of-$1-0123456789" "${@:4}"; }
upload() { curl -sS -F files=@page.html -H 'Authorization: Bearer token-of-a-0123456789' "$@" "$URL/fed-service/api/v2/file/upload?task_id=T"; }
where() { as b fed/network/node/detail '{"task_id":"T","node_id":"a"}'; }

start_serve --tokens tokens --open-tasks
as a message/pop "$pop" "${forwarded[@]}" >/dev/null
as b message/pop "$pop" >/dev/null
says "a caller's address is not what it says itself" '127.0.0.1' "$(where)"
says "… nor is the scheme, or the name" "\"f_url\":\"http://127.0.0.1" "$(upload "${forwarded[@]}")"
stop_serve

start_serve --tokens tokens --open-tasks --proxy 127.0.0.1
as a message/pop "$pop" "${forwarded[@]}" >/dev/null
as b message/pop "$pop" >/dev/null
says "a named proxy tells for whom it asks" '203.0.113.7' "$(where)"
as a message/pop "$pop" -H 'X-Forwarded-For: 198.51.100.1, 203.0.113.8' >/dev/null
says "… whose own word stands last" '203.0.113.8' "$(where)"
as a message/pop "$pop" -H 'X-Forwarded-For: nobody' >/dev/null
says "… and is an address" '127.0.0.1' "$(where)"
says "… and what it is called outside" '"f_url":"https://public.example/files/T/' "$(upload "${forwarded[@]}")"
says "… if that is a name" '"f_url":"https://127.0.0.1' "$(upload -H 'X-Forwarded-Proto: https' -H 'X-Forwarded-Host: a"b/')"
stop_serve

start_serve --prefix-nodes --open-tasks --proxy 127.0.0.1
says "nobody behind a named proxy is on this machine" '"code":401' "$(ask a pop "$pop")"
stop_serve

# ---- Beyond this machine. ----
address=$(hostname -I 2>/dev/null | tr ' ' '\n' | grep -m 1 -E '^[0-9.]+$')
if [ -n "$address" ]; then
    "$AFRUN" serve --listen 0.0.0.0:0 --tokens tokens --open-tasks >wide.out 2>wide.err &
    wide=$!
    for ((i = 0; i < 600; i++)); do
        port=$(sed -nE 's,.* listening at http://0.0.0.0:([0-9]+)\, .*,\1,p' wide.out)
        [ -z "$port" ] || break
        sleep 0.05
    done
    URL=http://$address:$port
    says "an address of this machine is a name" '"code":0' "$(as a message/pop "$pop")"
    says "… and another's is none" '"code":400' "$(as a message/pop "$pop" -H 'Host: 192.0.2.1')"
    kill -TERM $wide && wait $wide
fi

# ---- Options. ----
for wrong in 'a b' 'a:80' 'http://a' '' '[::1]'; do
    expect_error "--host" 2 "$AFRUN" serve --node a --host "$wrong"
done
for wrong in name 127.0.0.1:80 10.0.0.0/8 ''; do
    expect_error "--proxy" 2 "$AFRUN" serve --node a --proxy "$wrong"
done
expect_error "expected '0:0::1' in its short way, '::1'" 2 "$AFRUN" serve --node a --proxy 0:0::1
many=()
for ((i = 0; i < 17; i++)); do many+=(--host "h$i"); done
expect_error "there are at most 16" 2 "$AFRUN" serve --node a "${many[@]}"
