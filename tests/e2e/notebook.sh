# flows/notebook: the tutorial's two scripts, and its two mistakes, each named by its line.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 19
notebook=$ROOT/flows/notebook
mistakes=$ROOT/tests/data/notebook_mistakes
initiator=d54a3af2-83e2-4da6-bc8d-2dc03634612c
collaborator=2d7514b7-f2fc-4f6c-8d88-849339bd268a

# same_lines NAME: what was printed has exactly the lines of the standard input, in their order.
same_lines() {
    local expected
    expected=$(cat)
    if [ "$(grep -xF -e "$expected" "$OUT")" = "$expected" ]; then ok "$1"; else
        not_ok "$1" "$(diff <(echo "$expected") "$OUT")"
    fi
}

initiator_lines() {
    cat <<END
等待状态同步请求中 ...
收到状态查询消息，查询者为: $collaborator
等待状态同步响应中 ...
与 $collaborator 同步状态完成.
END
}

collaborator_lines() {
    cat <<END
发送状态查询请求
等待状态同步消息 ...
收到状态同步消息
任务发起方为: $initiator
当前训练轮次为: 11
当前任务参与方有: $initiator, 8983ba98-74ac-41eb-9588-2c2d57ecf8cb, 4c6db456-3ece-4e2f-a165-585d0a6f175c
与 $initiator 同步状态完成.
END
}

for seed in 1 2 3; do
    expect_output "2 parties done, 0 failed; 6 messages" \
        "$AFRUN" "$notebook/initiator.lua" "$notebook/collaborator.lua" --mock --seed $seed
    same_lines "the initiator prints the tutorial's lines (seed $seed)" < <(initiator_lines)
    same_lines "the collaborator prints the tutorial's lines (seed $seed)" < <(collaborator_lines)
    if [ "$(wc -l <"$OUT")" -eq 12 ]; then ok "and nothing else is printed"; else
        not_ok "and nothing else is printed" "$(cat "$OUT")"
    fi
done
expect_output "2 parties done, 0 failed" \
    "$AFRUN" "$notebook/collaborator.lua" "$notebook/initiator.lua" --mock

# line_of FILE TEXT [N]: the number of the N-th line that holds TEXT.
line_of() {
    grep -nF -e "$2" "$1" | sed -n "${3:-1}p" | cut -d: -f1
}

# The collaborator meets the copy of its own query, and the initiator waits in vain.
assertion=$(line_of "$mistakes/collaborator.lua" "assert(")
second_loop=$(line_of "$mistakes/initiator.lua" "contract_events" 2)
expect_error "$collaborator: $mistakes/collaborator.lua:$assertion: expected the state, got query{" 1 \
    "$AFRUN" "$mistakes/initiator.lua" "$mistakes/collaborator.lua" --mock
expect_error "$initiator (initiator.lua) is stuck: it waits at $mistakes/initiator.lua:$second_loop in" 1 \
    "$AFRUN" "$mistakes/initiator.lua" "$mistakes/collaborator.lua" --mock

# The initiator's loop has got its answer and goes on waiting.
expect_error "initiator.lua:$second_loop in contract_events" 1 \
    "$AFRUN" "$mistakes/initiator.lua" "$notebook/collaborator.lua" --mock
same_lines "it has printed its last line before" < <(initiator_lines)

# What a script asks for in vain takes no time away.
cat >asks.lua <<'LUA'
local af = require "af"
local contractor, begun = af.TaskMessageContractor("t"), af.now()
af.sleep(5)
print(pcall(function() contractor:upload_file("/no/such/file") end))
print("after", af.now() - begun)
LUA
expect_output "after	5.0" "$AFRUN" asks.lua --mock

# A content that is none of its event's is told, and counts.
cat >odd.lua <<'LUA'
local af = require "af"
local Odd = af.event("odd", { n = af.integer })
function Odd.event_to_contract(event) return { type = "odd", n = tostring(event.n) .. "?" } end
return af.flow { name = "odd", mock = { reader = 1, writer = 1 }, roles = {
  reader = function(party) for _ in party.contractor:contract_events { timeout = 5 } do error "it is read" end end,
  writer = { start = "writes", states = { writes = { may_end = true,
    enter = function(party) party:send("reader-1", Odd { n = 1 }) end } } },
} }
LUA
expect_output "1 party done, 0 failed, 1 resting; 1 messages, 0 dropped, 1 unexpected" "$AFRUN" odd.lua --mock
