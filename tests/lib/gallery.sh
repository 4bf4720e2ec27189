#!/usr/bin/env bash
# gallery.sh AFRUN FLOWS FOLDER [NAME…]: draws each flow's states and a run of it as SVG into the folder, and their page, which has a row
# for each. With names: these flows alone, and no page. The same program and flows draw the same bytes. A row that ends with a name is
# another run of a flow, and has no states of its own.
set -euo pipefail
afrun=$(realpath "$1") flows=$(realpath "$2") folder=$3
shift 3
mkdir -p "$folder"
folder=$(realpath "$folder") trace=$(mktemp) page=$(mktemp)
trap 'rm -f "$trace" "$page"' EXIT

# draw NAME FLOW OPTION…
draw() {
    local name=$1 flow=$2
    shift 2
    (cd "$flows" && "$afrun" "$flow.lua" --mock --quiet --seed 1 --trace "$trace" "$@") >/dev/null
    "$afrun" chart "$trace" --svg --max-rows 12 >"$folder/$name.run.svg"
    [ "$name" = "$(basename "$flow")" ] || return 0
    "$afrun" chart --states "$flows/$flow.lua" --svg >"$folder/$name.states.svg"
}

cat >"$page" <<'MD'
# Gallery / 图集

What the flows of this folder look like: the states of each role, and a run, whose middle is left out where it is long. `make gallery` draws
all of it; each picture is what `afrun chart --states FLOW.lua --svg` and `afrun chart TRACE.jsonl --svg` give.

本目录各流程的样子：每个角色的状态图，以及一次运行（长的省去中间）。全部由 `make gallery` 画出；每张图就是
`afrun chart --states FLOW.lua --svg` 和 `afrun chart TRACE.jsonl --svg` 的输出。

In a state's box stands on what it does something: events, timers (`after`, `timeout`), its being entered (`enter`), and how a gather or a part
ends (`when done`). A line leads from there to the next state; `↻` stands for the same one, entered again. A double border: the run may end
while parties rest there.

状态框里的每一行是它有所动作的时机：事件、定时器（`after`、`timeout`）、进入该状态（`enter`），以及收集或子协议结束（`when done`）。
线从那一行引向下一个状态；`↻` 表示重新进入同一状态。双线边框表示：参与方停在那里时，运行也可以结束。
MD

while IFS='|' read -r flow options english chinese name; do
    name=${name:-$(basename "$flow")}
    if [ $# -gt 0 ] && [[ " $* " != *" $name "* ]]; then continue; fi
    draw "$name" "$flow" $options
    states=
    [ "$name" != "$(basename "$flow")" ] || states=$'\n'"![$name: states / 状态]($name.states.svg)"$'\n'
    cat >>"$page" <<MD

## [$name](../$flow.lua)

$english

$chinese
$states
![$name: a run / 一次运行]($name.run.svg)
MD
done <<'FLOWS'
sync_state|--parties participant=2|Two roles and three messages: each participant learns where the training stands.|两个角色、三种消息：每个参与方得知训练进行到了哪里。
fed_avg|--parties participant=2|Federated averaging in rounds, as the platform's own programs speak it.|按轮进行的联邦平均，与平台自己的程序使用同样的事件。
async_avg|--parties participant=2|Averaging that waits for nobody: updates are folded in as they come.|不等任何人的平均：更新一到就并入模型。
swarm|--parties peer=3|Averaging without a server: each round an instance of consensus, led by a peer.|没有服务器的平均：每一轮都是一次共识，由其中一个节点主持。
secure_aggregation|--parties client=3|The sum of the clients' vectors, of which the server learns none.|求各客户端向量之和，而服务器得不到其中任何一个。
psi|--parties collaborator=2|Which items all parties have, and nothing else of their sets.|各方共有哪些元素，除此之外对彼此的集合一无所知。
psi|--parties collaborator=1 --arg protocol=rsa --arg bits=1024 --allow-run python3|The same in the events of the platform's own programs, which may be either side: RSA, by a program.|同样的求交，使用平台自己程序的事件（任何一方都可以是平台的程序）：RSA，由外部程序计算。|psi_rsa
hetero_round|--parties collaborator=1|Training on columns that several have, of the same people: a host has the labels.|同一批人的各列分在几方手里：host 一方有标签。
fed_stats|--parties site=2|Statistics of all sites' columns, as far as each site's own policy allows.|汇总各站点各列的统计量，以各站点自己的披露规则为限。
hist_boost|--parties party=2|Boosted trees from counts of each party's rows.|由各方数据行的计数生成提升树。
cyclic|--parties trainer=2|One model that goes from trainer to trainer.|一个模型在训练方之间依次传递。
cross_site_eval|--parties site=2|Each site's model on each site's data.|用每个站点的数据评估每个站点的模型。
beacon|--parties peer=3|A random value that nobody could choose.|谁也无法左右的随机数。
dkg|--parties peer=3|Shares of a secret key that nobody has ever had.|谁也不曾持有的私钥，各方只有它的份额。
protocols/handshake||The tutorial's handshake.|教程中的握手。
protocols/training_round||A round with dropout, small enough to be checked whole.|允许掉线的一轮训练，小到可以完整检查。
protocols/alternating_bit||A channel that loses and repeats, made reliable by one bit.|用一个比特让会丢失、会重复的信道变得可靠。
protocols/two_phase_commit||All parties commit, or none does.|要么全部提交，要么全不提交。
protocols/ring_election||A leader is elected on a ring.|在环上选出领导者。
protocols/mutual_exclusion||One at a time, by Ricart and Agrawala's clocks.|按 Ricart 和 Agrawala 的时钟，每次只让一个进入。
protocols/paxos||A value is chosen once, though proposers compete.|提议者相互竞争，也只会选定一个值。
FLOWS
[ $# -gt 0 ] || cat "$page" >"$folder/README.md"
