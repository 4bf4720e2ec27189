/* opts_zh.c: help in Chinese: the texts of rows by their English words; see opts.h. */
#include "cli/opts.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *english, *chinese;
} texts[] = {
    {"Form", "形式"},
    {"Part", "范围"},
    {"Output", "输出"},
    {"Run", "运行"},
    {"Faults", "故障"},
    {"Bounds", "界限"},
    {"Which node", "哪个节点"},
    {"Options", "选项"},
    {"Node", "节点"},
    {"What parties may reach", "参与方可以访问什么"},
    {"Limits", "限额"},
    {"For real", "真实运行"},
    {"Grants", "授权"},
    {"What it asks of a node", "它向节点要求什么"},
    {"where it goes (default: NAME.afb, of the flow's name)",
     "写到哪里（缺省：NAME.afb，取流程文件的名字）"},
    {"put this file in as well, as a program; may be repeated",
     "把这个文件作为程序一并放入；可重复给出"},
    {"sign it with this secret key (a file, of minisign -G)",
     "用此私钥签名（minisign -G 生成的文件）"},
    {"the least version that a node may take after this one (default: any)",
     "节点在此版本之后可以接受的最低版本（缺省：任意）"},
    {"the least afrun that may run it (default: this one)",
     "可以运行它的最低 afrun 版本（缺省：当前版本）"},
    {"it reads files below DIR", "它读取 DIR 之下的文件"},
    {"it writes files below DIR", "它写入 DIR 之下的文件"},
    {"it downloads from HOST", "它从 HOST 下载"},
    {"it runs PROGRAM", "它运行 PROGRAM"},
    {"a flow and its modules as one thing that nodes take whole",
     "把流程及其模块打成一个整体，由节点整体接受"},
    {"Loads the flow, finds the modules that it requires, and makes NAME.afb (a tar) or a folder, "
     "with manifest.json: its name and version, each file with size and SHA-256, and what it asks "
     "of a node. The same files and options give the same bytes. A node takes it in its flows "
     "folder, all of it or nothing; run, check and lint take it in place of a flow. With --sign it "
     "has manifest.json.minisig, which is what counts on a node with --trust.",
     "加载流程，找出它 require 的模块，生成 NAME.afb（tar）或文件夹，其中 manifest.json "
     "记有名字与版本、每个文件的大小和 "
     "SHA-256、以及它向节点要求什么。同样的文件和选项得到同样的字节。"
     "放进节点的流程文件夹后，节点要么整体接受，要么完全不接受；run、check 和 lint "
     "可以用它代替流程。加上 --sign 会有 manifest.json.minisig，在带 --trust 的节点上以它为准。"},
    {"The flow may be a bundle itself, which is then made anew, and signed.",
     "流程本身也可以是一个包：那就重新打包并签名。"},
    {"Service", "服务"},
    {"Callers", "调用者"},
    {"Tasks", "任务"},
    {"as a Mermaid sequence diagram", "画成 Mermaid 时序图"},
    {"as an SVG picture", "画成 SVG 图片"},
    {"as a page to explore: zoom, contents, filters; it needs nothing else",
     "画成可浏览的网页：缩放、目录、过滤；不依赖其他文件"},
    {"as one JSON object: parties, rows, findings", "输出一个 JSON 对象：参与方、各行、发现的问题"},
    {"columns of a text (default: the terminal's, else 80)",
     "文本的列数（缺省：终端的宽度，没有终端则为 80）"},
    {"draw a text with ASCII characters only", "只用 ASCII 字符绘制"},
    {"colours (default: on a terminal)", "颜色（缺省：在终端上才用）"},
    {"only the last N rows", "只要最后 N 行"},
    {"elide the middle of longer runs (default 200 for a text, 5000 for pictures; of JSON none)",
     "运行太长时省略中间（缺省：文本 200 行，图片 5000 行，JSON 不省略）"},
    {"elide nothing", "什么也不省略"},
    {"only these parties", "只看这些参与方"},
    {"only events of these types", "只看这些类型的事件"},
    {"messages as text (default) or lines of JSON", "消息用文本（缺省），或每条一行 JSON"},
    {"show this", "显示本帮助"},
    {"how many of each role (default: as the flow says); ROLE=A..B: each of these sizes in turn, "
     "told as one table",
     "每个角色的数量（缺省：按流程所写）；ROLE=A..B：依次检查各种规模，结果列成一张表"},
    {"an argument of the flow: strings as they are, the rest as JSON",
     "流程的参数：字符串照写，其余用 JSON"},
    {"af.fail is an outcome, not a violation (the default where a fault is allowed)",
     "af.fail 是一种结局，不算违反（允许故障时为缺省）"},
    {"each party may be reloaded to this version of the flow at any point",
     "每个参与方随时可能升级到流程的这个版本"},
    {"at most N contracts are lost, anywhere in a run", "一次运行中任意位置最多丢失 N 条合约消息"},
    {"at most N contracts are delivered twice", "最多 N 条合约消息被投递两次"},
    {"parties crash at most N times, and come back at any later step",
     "参与方最多崩溃 N 次，并在之后任意一步恢复"},
    {"in one absence a party misses at most K instants of timers, then it comes back (default: 2)",
     "一次缺席最多错过 K 个定时时刻，然后恢复（缺省：2）"},
    {"at most N parties vanish for good", "最多 N 个参与方永远消失"},
    {"quiet (the default): time passes only when nothing is in flight. N: besides, at most N "
     "timeouts come early. any: any timeout at any moment",
     "quiet（缺省）：没有在途消息时时间才前进。N：此外最多 N "
     "个超时提前到来。any：任何超时可在任何时刻到来"},
    {"keep the order of each sender and receiver (default: any order)",
     "保持每对发送者与接收者之间的顺序（缺省：任意顺序）"},
    {"runs of at most D steps", "每次运行最多 D 步"},
    {"N states, and what comes next after the last ones", "N 个全局状态，以及最后那些状态的下一步"},
    {"stop after this time", "到这个时间就停止"},
    {"what it may take, as 4G (default: half of what the machine, or a limit, has)",
     "可用的内存，如 4G（缺省：机器或限额的一半）"},
    {"end with the first violation (default: it is told, and the search goes on)",
     "遇到第一个违反即结束（缺省：先报告，再继续搜索）"},
    {"explore every state by every way, for plain counts",
     "以每一条路径探索每个状态，得到未约简的计数"},
    {"threads (default: the machine's cores); the answer is the same",
     "线程数（缺省：机器的核数）；结果相同"},
    {"write the first counterexample as a trace, for `chart` and `replay`",
     "把第一个反例写成轨迹，供 `chart` 与 `replay` 使用"},
    {"tell the result as one JSON object", "结果输出为一个 JSON 对象"},
    {"violations and the last line only", "只输出违反之处和最后一行"},
    {"the node's socket (default: $AFRUN_CONTROL)", "节点的套接字（缺省：$AFRUN_CONTROL）"},
    {"the node's state folder, where its socket is", "节点的状态目录，套接字在其中"},
    {"the task to take part in", "要参与的任务"},
    {"this node's role in it", "本节点在任务中的角色"},
    {"the task's nodes and their roles: role=ID,ID;role=ID (default: as the bus lists them)",
     "任务的节点及其角色：role=ID,ID;role=ID（缺省：按传输方式给出的列表）"},
    {"an argument of the flow", "流程的参数"},
    {"say what would become of each party, its data too; change nothing",
     "说明每个参与方及其数据会变成怎样；不做任何改动"},
    {"give handlers that wait so long to end (default 10s)",
     "正在等待的处理函数有这么长时间结束（缺省 10s）"},
    {"do not wait for them: run them again, from their event, in the new version",
     "不等它们：在新版本中从其事件重新执行"},
    {"go on with what comes, until Ctrl-C", "持续输出新内容，直到 Ctrl-C"},
    {"where to write the trace (default: standard output)", "轨迹写到哪里（缺省：标准输出）"},
    {"print the node's answer as one JSON object", "把节点的回答输出为一个 JSON 对象"},
    {"what to begin with (default: states)", "以什么样式开始（缺省：states）"},
    {"who this node is", "本节点是谁"},
    {"the transport: local:FILE, http://HOST:PORT or https://HOST:PORT",
     "传输方式：local:FILE、http://HOST:PORT 或 https://HOST:PORT"},
    {"the flows that may be launched: a file, or a bundle, each",
     "可以启动的流程所在目录：每个流程是一个文件，或一个流程包"},
    {"where parties, logs and the control socket are kept", "参与方、日志与控制套接字保存在哪里"},
    {"the key that seals secrets, and what parties keep (default: node.db.key in the state folder; "
     "made at need)",
     "封存机密与参与方所留字节的密钥（缺省：状态目录中的 node.db.key，需要时生成）"},
    {"where afrun ctl asks (default: control.sock in the state folder)",
     "afrun ctl 的入口（缺省：状态目录中的 control.sock）"},
    {"options of this command, and token, certificates, BASS login, as `name = value` (mode 600)",
     "本命令的选项，以及令牌、证书、BASS 登录信息，写成 `name = value`（权限 600）"},
    {"answer /metrics, /healthz and /readyz there, to whoever asks",
     "在那里回答 /metrics、/healthz 与 /readyz，不限询问者"},
    {"launch by afrun ctl alone, not when the service tells that a task was launched",
     "只由 afrun ctl 启动，服务通知任务已启动时不启动"},
    {"take a changed flow by afrun ctl reload or SIGHUP alone, not when it is seen",
     "流程改动只经 afrun ctl reload 或 SIGHUP 生效，看到改动时不自动生效"},
    {"parties may read files below DIR", "参与方可以读取 DIR 之下的文件"},
    {"parties may write files below DIR", "参与方可以写入 DIR 之下的文件"},
    {"parties may download from HOST", "参与方可以从 HOST 下载"},
    {"parties may run PROGRAM", "参与方可以运行 PROGRAM"},
    {"take only flows that this key signed (of minisign: RW…, or its file); 'KEY fed_*': flows of "
     "such names only; may be repeated",
     "只接受由此密钥签名的流程（minisign 公钥 RW… 或其文件）；'KEY fed_*' "
     "只限这样命名的流程；可重复给出"},
    {"a worker that is at one delivery for so long is killed (default 10s)",
     "处理一次投递超过这么久的工作进程会被终止（缺省 10s）"},
    {"of a task's log before another is begun (default 10)",
     "一个任务的日志达到多大时另起一个（缺省 10）"},
    {"of a party's journal (default 64)", "一个参与方的日志记录的大小（缺省 64）"},
    {"how long entries are kept whole (default 720h)", "记录完整保留多久（缺省 720h）"},
    {"run workers without seccomp, where the kernel refuses it",
     "内核不支持 seccomp 时，不用它运行工作进程"},
    {"run flows without a jail, as for a debugger", "不加隔离地运行流程，例如供调试器使用"},
    {"run nothing (status 3) where the system lacks a part of the jail",
     "系统缺少隔离的任何一部分时什么也不运行（退出码 3）"},
    {"warnings and errors only", "只输出警告和错误"},
    {"say more", "输出更多信息"},
    {"step by step: what happens next, a party's data, its queue",
     "逐步进行：下一步是什么、参与方的数据、它的队列"},
    {"all parties in this process, on a virtual clock", "所有参与方都在本进程中，使用虚拟时钟"},
    {"how many of each role (default: as the flow says)", "每个角色的数量（缺省：按流程所写）"},
    {"the run's only source of chance (default 1)", "运行中随机性的唯一来源（缺省 1）"},
    {"N runs, with the seeds S, S+1, … on all cores", "运行 N 次，种子为 S、S+1……，使用全部核"},
    {"stop after this virtual time (default 24h)", "到这个虚拟时间就停止（缺省 24h）"},
    {"af.fail is an outcome, not a failure of the run (the default where a fault is allowed)",
     "af.fail 是一种结局，不算运行失败（允许故障时为缺省）"},
    {"be one party for real: local:FILE, http://HOST:PORT or https://HOST:PORT",
     "作为一个参与方真实运行：local:FILE、http://HOST:PORT 或 https://HOST:PORT"},
    {"the party's role", "参与方的角色"},
    {"the node that we are", "我们是哪个节点"},
    {"the task", "任务"},
    {"the task's nodes and their roles (default: as the bus lists them)",
     "任务的节点及其角色（缺省：按传输方式给出的列表）"},
    {"keep the party in FILE (SQLite): the same command goes on after a crash or Ctrl-C",
     "把参与方保存在 FILE（SQLite）：崩溃或 Ctrl-C 之后，同一命令接着运行"},
    {"token, CA, client certificate and key, login (default: $AFRUN_CONFIG); never on the command "
     "line",
     "令牌、CA、客户端证书与密钥、登录信息（缺省：$AFRUN_CONFIG）；绝不写在命令行上"},
    {"with --mock: share the mock contexts of a script with other processes through FILE, in real "
     "time (default: $AFRUN_MOCK)",
     "与 --mock 同用：经 FILE 与其他进程共享脚本的模拟环境，使用真实时间（缺省：$AFRUN_MOCK）"},
    {"delay of each message (default 1ms..10ms; messages overtake)",
     "每条消息的延迟（缺省 1ms..10ms；后发的可能先到）"},
    {"keep the order of each sender and receiver", "保持每对发送者与接收者之间的顺序"},
    {"lose each message with probability P", "每条消息以概率 P 丢失"},
    {"deliver each message twice with probability P", "每条消息以概率 P 投递两次"},
    {"a party of the role crashes before an event, with probability P",
     "该角色的参与方在处理事件之前以概率 P 崩溃"},
    {"how long it is down then (default 10ms..60s)", "崩溃后停机多久（缺省 10ms..60s）"},
    {"N parties of the role, drawn by the seed, vanish for good (at T, or at an early moment drawn "
     "by the seed)",
     "该角色的 N 个参与方（由种子选定）永远消失（在时刻 T，或由种子选定的较早时刻）"},
    {"cut nodes or roles off from each other from T to U; random:P cuts at random, before a "
     "message with probability P, as long as --down says",
     "从 T 到 U 切断节点或角色之间的联系；random:P 在每条消息之前以概率 P 随机切断，时长由 --down "
     "决定"},
    {"reload each party to this version of the flow while the run goes on, one after the other "
     "around T; without T the order, when, and how fast are drawn by the seed",
     "运行过程中在时刻 T 前后逐个把参与方升级到流程的这个版本；不给 T "
     "时，顺序、时刻与快慢由种子决定"},
    {"write the run as JSON Lines, for `afrun chart` and `afrun replay` (-: standard output)",
     "把运行写成 JSON Lines，供 `afrun chart` 与 `afrun replay` 使用（-：标准输出）"},
    {"with all of the parties' data, not only a hash", "写入参与方的全部数据，而不只是散列值"},
    {"no logs of the parties", "不输出参与方的日志"},
    {"tracebacks, and more", "输出调用栈等更多信息"},
    {"scripts may read files below DIR too", "脚本还可以读取 DIR 之下的文件"},
    {"scripts may write files below DIR too", "脚本还可以写入 DIR 之下的文件"},
    {"scripts may download from HOST", "脚本可以从 HOST 下载"},
    {"scripts may run PROGRAM: a path, or a name found in PATH",
     "脚本可以运行 PROGRAM：路径，或 PATH 中能找到的名字"},
    {"where to listen (default 127.0.0.1:9080); port 0: any free one",
     "监听地址（缺省 127.0.0.1:9080）；端口 0：任一空闲端口"},
    {"where contracts live (default local:afrun.db)", "合约消息保存在哪里（缺省 local:afrun.db）"},
    {"options of this command, as `name = value` (mode 600)",
     "本命令的选项，写成 `name = value`（权限 600）"},
    {"a name by which callers without TLS call this service, beside this machine's, the address "
     "listened at, federated-service and playground-backend (again for more)",
     "不用 TLS 的调用者称呼本服务的名字，本机的名字、监听地址、federated-service 与 "
     "playground-backend 之外（可重复给出）"},
    {"believe the X-Forwarded-For, -Host and -Proto of the proxy at ADDRESS (again for more)",
     "相信位于 ADDRESS 的代理所说的 X-Forwarded-For、-Host 与 -Proto（可重复给出）"},
    {"where files are kept (default: beside the bus's file)",
     "文件保存在哪里（缺省：与传输文件同处）"},
    {"let an upload name a file below DIR instead of sending it (any caller can read all of DIR)",
     "上传时可以只给出 DIR 之下的文件名而不发送内容（任何调用者都能读取 DIR 的全部内容）"},
    {"serve TLS with this certificate (PEM)", "用此证书（PEM）提供 TLS"},
    {"its key (PEM, mode 600)", "证书的密钥（PEM，权限 600）"},
    {"who a caller with `Authorization: Bearer TOKEN` is: a file that `afrun token` writes, or "
     "lines "
     "of `token node-id` (mode 600)",
     "带 `Authorization: Bearer TOKEN` 的调用者是谁：由 `afrun token` 写成的文件，或每行 "
     "`token node-id`（权限 600）"},
    {"of a new one: how long it is taken, as 90d is 2160h (default: for ever)",
     "新令牌的有效时长，90 天写作 2160h（缺省：永久）"},
    {"of a new one: what people know it by", "新令牌的说明，供人辨认"},
    {"tokens of a service", "服务的令牌"},
    {"whether an audit log is whole", "审计日志是否完整"},
    {"log who did what (logins, tasks, launches, files, refusals; never contents) in a chain that "
     "`afrun audit verify` checks",
     "记录谁做了什么（登录、任务、启动、文件、拒绝；从不记录内容），写成哈希链，由 `afrun audit "
     "verify` 校验"},
    {"log there who launched, reloaded, stopped, sent or took out what; `afrun audit verify` "
     "checks",
     "记录谁启动、重载、停止、发送或取出了什么；由 `afrun audit verify` 校验"},
    {"Reads logs that `afrun serve --audit` and `afrun node --audit` have written, the older ones "
     "first, and says whether "
     "each "
     "line is as it was written, in one chain. Lines that were cut off at the end leave no trace "
     "in "
     "the file: compare the last chain with one that you have noted. Exit status 1 if a line was "
     "changed or is missing.",
     "读取 `afrun serve --audit` 和 `afrun node --audit` "
     "写成的日志（旧的在前），说明每一行是否与写入时一致且链条完整。末尾被截去的行在文件中"
     "不留痕迹：请将最后的链值与您另行记下的比较。有行被改动或缺失时退出状态为 1。"},
    {"Changes the file that `afrun serve --tokens` reads; a running service takes a change by "
     "itself. "
     "`new` draws a token for a node and prints it: the file keeps its digest alone, so it cannot "
     "be "
     "shown again. `list` names each by the first digits of its digest, its ID; `revoke` removes "
     "it.",
     "修改 `afrun serve --tokens` 所读的文件；运行中的服务会自行采用改动。`new` "
     "为节点生成令牌并打印："
     "文件只存其摘要，因此无法再次显示。`list` 以摘要的前几位（ID）列出各令牌；`revoke` "
     "将其删除。"},
    {"trust clients' certificates signed by this CA; their DNS name, else their common name, is "
     "the node",
     "信任由此 CA 签发的客户端证书；其 DNS 名（没有时为通用名）即节点"},
    {"but none that this list of that CA's says are revoked", "但不信任该 CA 的吊销列表中的证书"},
    {"a caller without a token, on this machine, is this node",
     "本机上没有令牌的调用者就是这个节点"},
    {"a caller without a token, on this machine, is named by the path: /node/<id>/… (for tests)",
     "本机上没有令牌的调用者由路径指明：/node/<id>/…（供测试）"},
    {"a file that holds the token of who creates and ends tasks",
     "存放任务管理者令牌的文件，由其创建和结束任务"},
    {"the nodes of every task that is used; role=ID,ID;role=ID",
     "所用的每个任务的节点；role=ID,ID;role=ID"},
    {"tasks spring up by use, and nodes join them by use",
     "任务一经使用即产生，节点一经使用即加入"},
    {"run them again at each save of a test, a flow or a module; Ctrl-C ends",
     "测试、流程或模块每次保存后重新运行；Ctrl-C 结束"},
    {"write the result to FILE as JUnit's XML", "把结果以 JUnit 的 XML 格式写到 FILE"},
    {"tell which states were never entered and which handlers never run",
     "列出从未进入的状态和从未执行的处理函数"},
    {"no progress", "不显示进度"},
    {"draw a trace as a sequence chart", "把轨迹画成时序图"},
    {"explore every interleaving", "探索每一种交错"},
    {"talk to a running node: launch, status, reload, retry, stop …",
     "与运行中的节点对话：启动、状态、升级、重试、停止……"},
    {"a new flow, its tests, and a README", "新建一个流程，及其测试和 README"},
    {"host flows on a node: launch, supervise, resume", "在节点上承载流程：启动、看护、恢复"},
    {"run a recorded run again, step by step", "逐步重演一次记录下来的运行"},
    {"run a flow, or sequential scripts", "运行流程或顺序脚本"},
    {"the message service for a node or a network", "供一个节点或一个网络使用的消息服务"},
    {"run the tests beside flows", "运行流程旁边的测试"},
    {"start a party of a flow of the node's folder", "启动节点目录中某个流程的一个参与方"},
    {"what each party is at: waiting for what, from whom", "每个参与方的状况：在等谁的什么"},
    {"bring its parties to the version in the folder, all or none",
     "把它的参与方全部升级到目录中的版本，否则一个也不升级"},
    {"bring them back to the version before", "退回之前的版本"},
    {"give a held party its event again", "把事件再次交给挂起的参与方"},
    {"have what it could not read, its dead letters, handed out again",
     "重新投递它读不了的消息（死信）"},
    {"end a party; the others are told that it failed", "结束一个参与方；其他各方会得知它失败"},
    {"what its party logged", "参与方的日志"},
    {"its journal as a trace, for afrun chart", "把它的记录写成轨迹，供 afrun chart 使用"},
    {"Draws what `afrun run --mock --trace TRACE.jsonl` wrote: who sent what to whom, states, "
     "faults, findings. `-` reads standard input.",
     "画出 `afrun run --mock --trace TRACE.jsonl` "
     "所写的内容：谁向谁发了什么、状态、故障、发现的问题。`-` 表示读标准输入。"},
    {"Walks every order of messages, losses, duplicates, crashes and timeouts within the given "
     "bounds, and tells what can go wrong, by the shortest run: a broken invariant, a handler that "
     "raises, af.fail, an unexpected event, stuck parties, no way left to the end.",
     "在给定的界限内走遍消息、丢失、重复、崩溃和超时的每一种顺序，并以最短的运行说明会出什么错：不"
     "变式被破坏、处理函数报错、af.fail、意外的事件、参与方卡住、再也无法结束。"},
    {"Exit status: 0 no violation was found; 1 one was; 2 the command line or the flow file is "
     "wrong; 3 the trace cannot be written; 130 interrupted before one was found. The last line "
     "says whether the answer is exhaustive.",
     "退出状态：0 没有发现违反；1 发现了；2 命令行或流程文件有误；3 轨迹无法写入；130 "
     "在发现之前被中断。最后一行说明结果是否穷尽。"},
    {"  launch FLOW --task T --role R   start a party of a flow of the node's folder",
     "  launch FLOW --task T --role R   启动节点目录中某个流程的一个参与方"},
    {"  status [TASK]                   what each party is at: waiting for what, from whom",
     "  status [TASK]                   每个参与方的状况：在等谁的什么"},
    {"  reload FLOW [--dry-run]         bring its parties to the version in the folder, all or "
     "none",
     "  reload FLOW [--dry-run]         全部升级到目录中的版本，否则一个也不升级"},
    {"  rollback FLOW [--dry-run]       bring them back to the version before",
     "  rollback FLOW [--dry-run]       退回之前的版本"},
    {"  retry TASK                      give a held party its event again",
     "  retry TASK                      把事件再次交给挂起的参与方"},
    {"  again TASK                      have what it could not read handed out again",
     "  again TASK                      重新投递它读不了的消息"},
    {"  stop TASK                       end a party; the others are told that it failed",
     "  stop TASK                       结束一个参与方；其他各方会得知它失败"},
    {"  forget TASK                     remove a party that has ended, with its journal and log",
     "  forget TASK                     删除已结束的参与方及其记录和日志"},
    {"  backup FILE                     copy what the node keeps, while it runs",
     "  backup FILE                     在节点运行时复制它保存的内容"},
    {"  log TASK [-f]                   what its party logged",
     "  log TASK [-f]                   参与方的日志"},
    {"  trace TASK [-o FILE | -f]       its journal as a trace, for afrun chart",
     "  trace TASK [-o FILE | -f]       把它的记录写成轨迹，供 afrun chart 使用"},
    {"Makes the folder NAME with NAME.lua, NAME_test.lua, README.md and .luarc.json, which tells "
     "an editor where the library is. The flow runs, checks and passes its tests as it is. A "
     "folder that is there is left alone (exit status 2).",
     "新建目录 NAME，其中有 NAME.lua、NAME_test.lua、README.md，以及告诉编辑器库在哪里的 "
     ".luarc.json。生成的流程可以直接运行、检查并通过测试。已有的目录不会改动（退出状态 2）。"},
    {"--from: states, two roles with states of their own; ask and gather, the patterns of these "
     "names; part, for other flows to build on; sequential, roles as plain functions.",
     "--from：states 为两个各有状态的角色；ask 与 gather 为同名的状态生成器；part "
     "为供其他流程使用的子协议；sequential 为普通函数形式的角色。"},
    {"Runs the parties of this node's tasks, each flow in a jailed worker process, and goes on "
     "with all of them after a crash. Parties are launched and looked at by `afrun ctl`. What "
     "scripts may reach is nothing but what is allowed here.",
     "运行本节点各任务的参与方，每个流程在一个受限的工作进程中；崩溃之后全部接着运行。用 `afrun "
     "ctl` 启动和查看参与方。脚本只能访问这里允许的东西。"},
    {"Runs what `afrun run --mock --trace TRACE.jsonl` recorded again, from the trace's seed and "
     "options, and stops where the flow's code now behaves otherwise (exit status 1). The flow is "
     "looked for beside the trace, here and in flows/, unless it is named.",
     "按轨迹的种子和选项重新运行 `afrun run --mock --trace TRACE.jsonl` "
     "记录的内容，在流程代码的行为与记录不同之处停下（退出状态 "
     "1）。没有指明流程时，在轨迹旁边、当前目录和 flows/ 中寻找。"},
    {"With --mock: runs all parties of a flow in this process, on a virtual clock, from a seed; "
     "the same flow, seed and options give the same run on every machine. A file without `return "
     "af.flow{…}` is a sequential script: it is one party; several scripts run together.",
     "用 "
     "--"
     "mock：在本进程中以虚拟时钟、由一个种子运行流程的所有参与方；流程、种子和选项相同，则在任何机"
     "器上的运行都相同。没有 `return af.flow{…}` "
     "的文件是顺序脚本：它是一个参与方；若干脚本可以一起运行。"},
    {"With --bus: runs one party for real, on a transport; the others are other processes, on this "
     "machine or on others.",
     "用 --bus：在某种传输方式上真实运行一个参与方；其他参与方是本机或其他机器上的其他进程。"},
    {"Exit status: 0 all parties ended well; 1 the flow failed; 2 the command line or the flow "
     "file is wrong; 3 the transport or a file failed; 130 interrupted.",
     "退出状态：0 所有参与方正常结束；1 流程失败；2 命令行或流程文件有误；3 传输或文件出错；130 "
     "被中断。"},
    {"Serves the federated-service API of the platform over a bus, so that parties, and the "
     "platform's own clients, exchange contracts and files. Secrets are in files, never on the "
     "command line. Beyond this machine it listens only if callers have tokens or certificates.",
     "在一种传输方式之上提供平台的 federated-service "
     "接口，使参与方以及平台自己的客户端可以交换合约消息和文件。秘密都在文件中，绝不写在命令行上。"
     "只有当调用者使用令牌或证书时，才监听本机以外的地址。"},
    {"Runs the files called *_test.lua below the folders (default: here), and the files that are "
     "named. Such a file requires \"af.test\": a party by itself that is given events, whole "
     "simulated runs, and checks.",
     "运行各目录之下（缺省：当前目录）名为 *_test.lua 的文件，以及直接指明的文件。这种文件引入 "
     "\"af.test\"：单独一个收到事件的参与方、整次模拟运行、检查。"},
    {"Each file runs in a Lua state of its own. The result is told as TAP, version 13. Exit "
     "status: 0 all have passed; 1 one has failed; 2 the command line is wrong, or there are no "
     "tests; 130 interrupted.",
     "每个文件在自己的 Lua 状态中运行。结果以 TAP 第 13 版输出。退出状态：0 全部通过；1 有失败；2 "
     "命令行有误或没有测试；130 被中断。"},
    {"afrun runs multi-party protocols written as Lua state machines.",
     "afrun 运行写成 Lua 状态机的多方协议。"},
    {"simulate all parties of a flow, from a seed", "由一个种子模拟流程的所有参与方"},
    {"`afrun FLOW.lua` is `afrun run FLOW.lua`; every command has --help.\n`afrun help af` lists "
     "what flows and scripts see, `afrun help af.event` tells of one name.\n",
     "`afrun FLOW.lua` 即 `afrun run FLOW.lua`；每个命令都有 --help。\n`afrun help af` "
     "列出流程与脚本可见的名字，`afrun help af.event` 说明其中一个。\n"},
    {"usage: ", "用法："},
    {"where contracts live (default local:afrun.db); http://… or https://…: be the sidecar of "
     "--node at that service, a hub",
     "合约消息保存在哪里（缺省 local:afrun.db）；http://… 或 https://…：作为 --node "
     "在该服务（中心）的边车"},
    {"options of this command, and of a sidecar token, certificates, BASS login, as `name = value` "
     "(mode 600)",
     "本命令的选项，以及边车的令牌、证书、BASS 登录信息，写成 `name = value`（权限 600）"},
    {"of a sidecar: where contracts wait while the hub is away (default afrun-sidecar.db)",
     "边车：中心不在时合约消息暂存在哪里（缺省 afrun-sidecar.db）"},
    {"hold a plain poll so long where nothing is there, at most 1s (default 0)",
     "没有消息时，普通轮询最多等待这么久，至多 1s（缺省 0）"},
    {"check again at each save of the flow or a module; Ctrl-C ends",
     "流程或模块每次保存后重新检查；Ctrl-C 结束"},
    {"tell the findings as one JSON object", "发现的问题输出为一个 JSON 对象"},
    {"the key that opens the secrets of a STATE (default: STATE.key)",
     "打开 STATE 中机密的密钥（缺省：STATE.key）"},
    {"step by step, back as well as forth: what happens, what changes, stops at a state, an event "
     "or a line",
     "逐步进行，可进可退：发生了什么、改变了什么，可在状态、事件或某一行停下"},
    {"with --mock: run again at each save of the flow or a module; Ctrl-C ends",
     "与 --mock 同用：流程或模块每次保存后重新运行；Ctrl-C 结束"},
    {"Looks for states that nothing enters (unentered), events that are never sent (unsent) or "
     "handled (unhandled), data that are read and never written (unwritten), states that ask and "
     "wait without an end (endless-wait), sums of floats in the order of arrival (arrival-order), "
     "secrets that are sent as they are (secret), lists in the data that only grow (growth), and "
     "math.random for a key (random-key).",
     "寻找无法进入的状态（unentered）、从不发送（unsent）或从不处理（unhandled）的事件、只读不写的"
     "数据（unwritten）、询问后无止境等待的状态（endless-wait）、按到达顺序累加的浮点数（arrival-"
     "order）、明文发送的秘密（secret）、只增不减的列表（growth），以及用作密钥的 "
     "math.random（random-key）。"},
    {"The flow is loaded, not run. A comment on a finding's line allows it: `-- lint: allow "
     "growth`. Exit status: 0 nothing was found; 1 something was; 2 the command line or the flow "
     "file is wrong.",
     "只加载流程，不运行。在所报的那一行写注释可以放行：`-- lint: allow growth`。退出状态：0 "
     "没有发现；1 有发现；2 命令行或流程文件有误。"},
    {"show results as they are, not only their types and sizes",
     "显示结果的原样，而不只是类型和大小"},
    {"how long a program takes (af.process.run), of a role or of all (default: no time)",
     "程序（af.process.run）运行多久，按角色或全部（缺省：不占时间）"},
    {"bytes a second that a file takes up or down, such as 10M (default: no time)",
     "上传或下载文件每秒的字节数，如 10M（缺省：不占时间）"},
    {"give a party an event from outside: its type, and its fields as a JSON object",
     "从外部给参与方一个事件：类型，以及作为 JSON 对象的字段"},
    {"The party takes it as soon as its state does not defer it, before what was received; its "
     "handler is given no sender (`from` is nil). EVENT is a type of the flow, JSON has its fields "
     "and is checked as what comes from the bus is; without JSON the event has none:",
     "参与方所在的状态不延后它时立即处理，先于收到的事件；处理函数得不到发送方（from 为 "
     "nil）。EVENT 是流程的事件类型，JSON "
     "给出它的字段，与总线上来的一样检查；不写 JSON 就没有字段："},
    {"have a party take nothing, whatever comes or is due, until it goes on",
     "让参与方暂停：无论来什么、什么到时都不处理，直到恢复"},
    {"have it go on", "让它恢复"},
    {"run a recorded run, or what a party has kept, again, step by step",
     "逐步重演记录下来的运行，或参与方保存的内容"},
    {"take what the platform's client uploads in its mock mode (all callers share its one task)",
     "接受平台客户端在 mock 模式下的上传（所有调用者共用它的一个任务）"},
    {"where POST /admin/backup writes copies of the bus's file",
     "POST /admin/backup 把传输文件的副本写到哪里"},
    {"how long a contract that all have acknowledged is known, so that it is not taken twice, and "
     "a broadcast kept for nodes that join later (default 168h)",
     "所有接收方都已确认的合约消息保留多久，以免再次处理；广播也为以后加入的节点保留这么久（缺省 "
     "168h）"},
    {"how long a file that no task names stays (default 24h)",
     "没有任务引用的文件保留多久（缺省 24h）"},
    {"warn when less is free on the disk of the bus (default 256)",
     "传输所在磁盘的剩余空间少于此数时警告（缺省 256）"},
    {"tell it as one JSON object", "输出为一个 JSON 对象"},
    {"the file's name there (default: node.db; of a service afrun.db, of a sidecar "
     "afrun-sidecar.db)",
     "目标文件名（缺省：node.db；服务则为 afrun.db，边车则为 afrun-sidecar.db）"},
    {"also where it goes back behind what was confirmed since", "即使会退回到之后已确认的内容之前"},
    {"remove a party that has ended, with its journal and log", "删除已结束的参与方及其记录和日志"},
    {"copy what the node keeps into a new file, while it runs",
     "在节点运行时把它保存的内容复制到新文件"},
    {"Reads a store of a service (`--bus local:FILE`), of a sidecar, of a node (node.db) or of a "
     "party "
     "(`--state FILE`), or a copy of one, and changes nothing. Exit status 1 if it is damaged.",
     "读取服务（`--bus local:FILE`）、边车、节点（node.db）或参与方（`--state "
     "FILE`）的存储或其副本，不做任何改动。损坏时退出状态为 1。"},
    {"Puts a copy that `afrun ctl backup` or POST /admin/backup has made into a folder, once it is "
     "known to be whole and to be no older than what is there. What was there stays beside it, as "
     "NAME.before. With --force it says which contracts must be asked for again.",
     "把 `afrun ctl backup` 或 POST /admin/backup "
     "所做的副本放进目录，前提是它完整，并且不比那里的旧。原有的文件以 NAME.before 留在旁边。用 "
     "--force 时，会说明哪些合约消息需要重新索取。"},
    {"what is probably wrong in a flow, and how to mend it", "流程中可能有什么问题，怎样改正"},
    {"say what is in a store's file, and whether it is whole",
     "说明存储文件里有什么，以及是否完好"},
    {"put a copy of a store back", "把存储的副本放回去"},
    {"Walks every order of messages, losses, duplicates, crashes and timeouts within the given "
     "bounds, and tells what can go wrong, by the shortest run: a broken invariant or monitor, a "
     "handler that raises, af.fail, an unexpected event, stuck parties, a property over time that "
     "need not come true, no way left to the end.",
     "在给定的界限内走遍消息、丢失、重复、崩溃和超时的每一种顺序，并以最短的运行说明会出什么错：不"
     "变式或监视器被破坏、处理函数报错、af."
     "fail、意外的事件、参与方卡住、关于时间的性质不必成立、再也无法结束。"},
    {"  send TASK EVENT [JSON]          give a party an event from outside, with these fields",
     "  send TASK EVENT [JSON]          从外部给参与方一个事件及其字段"},
    {"  pause TASK                      have a party take nothing, until it goes on",
     "  pause TASK                      让参与方暂停，不处理任何东西"},
    {"  resume TASK                     have it go on",
     "  resume TASK                     让它恢复"},
    {"  support FILE                    write its status, versions and sizes, without contents",
     "  support FILE                    写出状态、版本与大小，不含内容"},
    {"write status, versions and sizes into a new file, without contents",
     "把状态、版本与大小写进新文件，不含内容"},
    {"have a paused party go on", "让暂停的参与方恢复"},
    {"STATE is what `afrun run --state FILE` or a node (its node.db) has kept: the journal of each "
     "party is fed, in its order, to a party in this process, and its states, data and sends are "
     "compared. It runs the code that is kept with it, unless a flow is named.",
     "STATE 是 `afrun run --state FILE` 或节点（其 "
     "node."
     "db）保存的内容：把每个参与方的记录按顺序交给本进程中的一个参与方，并比较状态、数据和发送。除"
     "非指明流程，否则运行与之一起保存的代码。"},
};

bool af_opts_speak_chinese(void)
{
    static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = getenv(names[i]);
        if (value != NULL && value[0] != '\0')
            return strncmp(value, "zh", 2) == 0;
    }
    return false;
}

const char *af_opts_say(const char *english)
{
    for (size_t i = 0; af_opts_speak_chinese() && i < sizeof texts / sizeof texts[0]; i++)
        if (strcmp(texts[i].english, english) == 0)
            return texts[i].chinese;
    return english;
}
