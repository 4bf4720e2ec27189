#!/usr/bin/env bash
# Help, manual pages and completions: all from the rows of the options, so none lacks one.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 298
export MANWIDTH=100 MANPAGER=cat

"$AFRUN" --man list >pages
expect_output "ctl status" cat pages
while read -r -a page; do
    name="${page[*]}"
    "$AFRUN" "${page[@]}" --help >help
    run "$AFRUN" help "${page[@]}"
    if cmp -s "$OUT" help; then ok "help $name is $name --help"; else not_ok "help $name is $name --help" "$(diff "$OUT" help)"; fi
    "$AFRUN" --man "${page[@]}" >page.1
    missing=$(grep -oE '^ +(-., )?--[a-z-]+' help | grep -oE -e '--[a-z-]+' | while read -r option; do
        grep -qF -e "\\fB${option//-/\\-}\\fR" page.1 || echo "$option"
    done)
    if [ -z "$missing" ] && [ "$(grep -c -e '--[a-z]' help)" -gt 1 ]; then ok "the page of $name has its options"; else not_ok "the page of $name has its options" "$missing"; fi
    for shell in bash zsh fish; do
        "$AFRUN" --completion $shell >completion
        grep -oE '^ +(-., )?--[a-z-]+' help | grep -oE -e '--[a-z-]+' | while read -r option; do
            grep -qE -e "(--|-l )${option#--}([^a-z-]|\$)" completion || echo "$option"
        done >missing
        if [ ! -s missing ]; then ok "$shell completes the options of $name"; else not_ok "$shell completes the options of $name" "$(cat missing)"; fi
    done
done <pages

# clean NAME COMMAND…: it complains of nothing, where it is installed.
clean() {
    local name=$1
    shift
    if ! command -v "$1" >/dev/null; then
        skip 1 "there is no $1"
        return
    fi
    run "$@"
    if [ $status -eq 0 ] && [ ! -s "$ERR" ] && { [ "$1" = man ] || [ ! -s "$OUT" ]; }; then ok "$name"; else not_ok "$name" "$(explain "status $status" "$@")"; fi
}
"$AFRUN" --man >afrun.1
while read -r page; do
    "$AFRUN" --man $page >"afrun-${page// /-}.1"
done <pages
for page in afrun*.1; do
    clean "mandoc takes $page" mandoc -T lint -W style "$page"
    clean "man takes $page" man --warnings -l "$page"
done
expect_output 'afrun\-ctl\-status' cat afrun.1

"$AFRUN" --completion zsh >_afrun
"$AFRUN" --completion fish >afrun.fish
clean "zsh takes its completion" zsh -n _afrun
clean "fish takes its completion" fish --no-execute afrun.fish
if command -v zsh >/dev/null; then
    check "zsh knows how to complete" zsh -fc 'autoload -Uz compinit && compinit -u -D && source ./_afrun && [[ ${_comps[afrun]} == _afrun ]]'
else
    skip 1 "there is no zsh"
fi
if command -v fish >/dev/null; then
    export HOME=$TMP
    for line in "afrun ctl st=>status" "afrun run --mo=>--mock" "afrun f.lua --mo=>--mock" "afrun run --color a=>always" "afrun ctl launch --pee=>--peers" "afrun che=>check"; do
        expect_output "${line#*=>}" fish -c "source afrun.fish; complete -C '${line%=>*}'"
    done
    expect_output "none" fish -c "source afrun.fish; complete -C 'afrun check --mo' | string length -q; or echo none"
else
    skip 7 "there is no fish"
fi

expect_output "  retry TASK                      give a held party its event again" "$AFRUN" help ctl

# ---- In Chinese, where the language is. ----
expect_output "运行流程或顺序脚本" env LC_ALL=zh_CN.UTF-8 "$PROGRAM" --help
expect_output "用法：afrun check" env LC_ALL= LC_MESSAGES=zh_CN.UTF-8 "$PROGRAM" help check
expect_output "显示本帮助" env LC_ALL= LC_MESSAGES= LANG=zh_TW "$PROGRAM" help check
expect_output "show this" env LC_ALL=C LANG=zh_CN.UTF-8 "$PROGRAM" help check
expect_output "声明一种事件类型" env LC_ALL=zh_CN.UTF-8 "$PROGRAM" help af.event
expect_output "monitors?: table<string, af.MonitorKeys>  模拟与" env LC_ALL=zh_CN.UTF-8 "$PROGRAM" help flow
while read -r page; do
    env LC_ALL=zh_CN.UTF-8 "$PROGRAM" help $page | /usr/bin/python3 -c '
import re, sys
for row in re.split(r"\n(?= +(?:-., )?--)|\n\n", sys.stdin.read()):
    if not re.search("[\u4e00-\u9fff]", row) and not re.fullmatch("\\s*[a-z]+:\\s*", row):
        print(row)'
done <pages >untold
if [ ! -s untold ]; then ok "each text of help is there in Chinese"; else not_ok "each text of help is there in Chinese (scripts/af/_meta/zh_help.lua)" "$(cat untold)"; fi

expect_output "afrun ctl send t7 stop" "$AFRUN" help ctl send
expect_output "have a paused party go on" "$AFRUN" help ctl resume
for key in monitors eventually leads_to invariants may_end after; do
    expect_output "  $key?: " "$AFRUN" help $key
done
expect_output "flow (afrun help flow)" "$AFRUN" help monitors
expect_output '.TH AFRUN\-CTL\-STATUS 1 "' "$AFRUN" --man ctl status
expect_output 'afrun\-ctl\-status \- what each party is at' "$AFRUN" --man ctl status
expect_error "did you mean 'run'?" 2 "$AFRUN" help rn
expect_error "did you mean 'ctl status'?" 2 "$AFRUN" --man ctl statsu
expect_error "y: is one word too many for help" 2 "$AFRUN" help ctl status y
expect_error "--completion: takes the name of a shell: bash, zsh or fish" 2 "$AFRUN" --completion tcsh
expect_error "--wait: is no option of afrun ctl status" 2 "$AFRUN" ctl status --wait 1s
expect_error "--peers: is no option of afrun ctl log" 2 "$AFRUN" ctl log t --peers a=b
