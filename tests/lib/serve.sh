# serve.sh: what the tests of the service share; sourced after e2e.sh.
#
#     start_serve --prefix-nodes --open-tasks     listens at a free port: $URL, $serve_pid
#     ask a push '{"task_id":…}'                  one call of node a by its prefix; prints the answer
#     stop_serve                                  ends it; $status is how

# start_serve OPTION…: its output is in serve.out and serve.err. Returns 1 if it ended at once.
start_serve() {
    : >serve.out
    "$AFRUN" serve --listen 127.0.0.1:0 "$@" >serve.out 2>>serve.err </dev/null &
    serve_pid=$!
    local i
    for ((i = 0; i < 600; i++)); do
        URL=$(sed -nE 's,.* listening at (https?://[^ ]+)\, .*,\1,p' serve.out)
        [ -z "$URL" ] || return 0
        kill -0 $serve_pid 2>/dev/null || break
        sleep 0.05
    done
    wait $serve_pid
    return 1
}

stop_serve() {
    kill -TERM $serve_pid 2>/dev/null
    status=0
    wait $serve_pid || status=$?
}

# secret FILE TEXT: a file that only its owner reads.
secret() {
    (umask 077 && printf '%s\n' "$2" >"$1")
}

# call METHOD PATH BODY [CURL-OPTION…]: the answer's body.
call() {
    local method=$1 path=$2 body=$3
    shift 3
    curl -sS --max-time 70 -X "$method" -H 'Content-Type: application/json' --data-binary "$body" \
        "$@" "$URL$path"
}

# ask NODE push|pop|ack|… BODY [CURL-OPTION…]
ask() {
    local node=$1 what=$2 body=$3
    shift 3
    case $what in push | pop | ack) what=message/$what ;; esac
    call POST "/node/$node/fed-service/api/v2/$what" "$body" "$@"
}

# message TASK TARGETS-AS-JSON [CONTENT]: a push's body.
message() {
    printf '{"task_id":"%s","node_id_list":%s,"message_title":"task_inside","message_content":%s,"message_time":1,"channel":"federated"}' \
        "$1" "$2" "${3:-{\"type\":\"x\"\}}"
}

# says NAME TEXT ANSWER: TEXT is somewhere in it.
says() {
    case $3 in
    *"$2"*) ok "$1" ;;
    *) not_ok "$1" "expected '$2' in: ${3:0:2000}" ;;
    esac
}

# never_says NAME TEXT ANSWER
never_says() { # an empty answer says nothing at all, and so shows nothing
    case $3 in
    "") not_ok "$1" "the answer is empty" ;;
    *"$2"*) not_ok "$1" "found '$2' in: ${3:0:2000}" ;;
    *) ok "$1" ;;
    esac
}

# metric NAME: a number of the service's.
metric() {
    curl -sS "$URL/metrics" | sed -n "s/^afrun_$1 //p"
}

# await_parked N: until so many polls wait, bounded.
await_parked() {
    local i
    for ((i = 0; i < 600; i++)); do
        [ "$(metric polls_parked)" != "$1" ] || return 0
        sleep 0.05
    done
}

# tap NAME COMMAND…: its TAP lines become cases of this test.
tap() {
    local name=$1 line why=
    shift
    run "$@"
    while IFS= read -r line; do
        case $line in
        "not ok "*) not_ok "$name: ${line#not ok }" "$(grep -A4 -F "$line" "$OUT")" ;;
        "ok "*) ok "$name: ${line#ok }" ;;
        esac
    done <"$OUT"
    [ "$status" -eq 0 ] || not_ok "$name: ran" "$(explain "exit status $status" "$@")"
}

# peak_kb: the most memory the service has had.
peak_kb() {
    sed -n 's/^VmHWM:[[:space:]]*\([0-9]*\) kB/\1/p' /proc/$serve_pid/status
}
