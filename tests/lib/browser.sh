# Of tests of pages: what a browser finds there. Sourced after e2e.sh.

# has_browser: whether there is one; else the rest is skipped.
has_browser() {
    [ ! -x /usr/bin/chromium ] || [ ! -x /usr/bin/chromedriver ] || ! /usr/bin/python3 -c 'import selenium' 2>/dev/null || return 0
    skip_rest "there is no Chromium, or no chromedriver or python3-selenium"
    return 1
}

# browse PROGRAM ARGUMENT…: its cases, of tests/lib (browser.py: run), each a case here.
browse() {
    local line ended=
    export PROGRAM
    HOME=$TMP SE_OFFLINE=true /usr/bin/python3 "$ROOT/tests/lib/$1" "${@:2}" >cases 2>"$ERR" || true
    while IFS= read -r line; do
        case $line in
        "ok ends") ended=yes ;;
        "ok "*) ok "the page ${line#ok }" ;;
        "not ok "*) not_ok "the page ${line#not ok }" ;;
        "# "*) printf '%s\n' "$line" ;;
        esac
    done <cases
    [ -n "$ended" ] || not_ok "the browser's cases" "$(cat cases "$ERR")"
}
