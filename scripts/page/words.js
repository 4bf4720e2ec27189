// The page's words in Chinese, by the English ones; `{}` stands for what is put in.
const zh = {
  "Jump to the failure": "跳到出错处", "Keys": "按键", "Views": "视图", "Knobs": "参数", "Run": "运行",
  "Parties": "参与方", "States": "状态", "Source": "源代码", "Seed": "种子", "Latency": "延迟",
  "Drop": "丢失", "Duplicate": "重复", "Crash": "崩溃", "Partition": "网络分割", "Until": "截止",
  "Arguments, one a line": "流程参数，每行一个", "A thousand seeds": "一千个种子",
  "ended well": "正常结束", "failed": "失败", "stuck": "卡住", "not over": "未结束", "Search": "搜索",
  "Party": "参与方", "Type": "类型", "Rows of the run": "运行的各行", "File": "文件",
  "the next row, the one before": "下一行、上一行", "the first row, the last": "第一行、最后一行",
  "to the line of the flow": "到流程的那一行", "to the next failure": "到下一处出错",
  "search the rows": "搜索各行", "the seed before, the next one": "上一个种子、下一个种子",
  "to the thousand seeds: arrows and Enter choose one": "到一千个种子：用方向键和回车选一个",
  "the next seed that failed": "下一个失败的种子", "the views": "各视图", "run again": "重新运行",
  "open and close this": "打开、关闭本说明", "Close": "关闭", "all parties": "所有参与方",
  "all types": "所有类型", "{} rows": "{} 行", "{} of {} rows": "{}／{} 行",
  "running …": "运行中……", "{} of {} seeds failed": "{}／{} 个种子失败",
  "seed {}: {}": "种子 {}：{}", "{} runs, from seed {}: {}": "{} 次运行，首见于种子 {}：{}",
  "{} parties, {} done; {} messages, {} dropped; {} s": "{} 个参与方，{} 个完成；{} 条消息，丢失 {} 条；{} 秒",
  "ok": "正常", "until": "未结束", "interrupted": "被中断", "active": "进行中", "down": "已崩溃",
  "lost": "已消失", "done": "完成", "new": "未开始", "deferred": "推迟", "timer": "定时器",
  "on the way to it": "正发往它的消息", "due in {} s": "{} 秒后到期", "due": "到期", "it was {}": "原为 {}",
  "from {}": "来自 {}", "row {} of {}, {} s": "第 {}／{} 行，{} 秒", "{} more parties": "另有 {} 个参与方",
  "no row": "没有行", "line {}": "第 {} 行", "entered {} times": "进入 {} 次",
  "copy": "重复副本", "in flight": "在途", "dropped": "丢失", "ignored": "忽略", "late": "迟到", ", ": "，", "{}: {}": "{}：{}",
  "The studio has ended.": "studio 已结束。", "network": "网络",
  // The service, and the node.
  "the hub": "中心服务", "{} s": "{} 秒", "{} min": "{} 分钟", "{} h": "{} 小时", "{} d": "{} 天", "at most {}": "最多 {}", "{}/s": "{}/秒",
  "nothing": "没有", "look at this one": "看这一项", "Sign out": "退出", "Sign in": "登录",
  "The admin's token (--admin-token)": "管理员令牌（--admin-token）", "Tasks": "任务", "One task": "单个任务", "Rates": "速率",
  "Audit log": "审计日志", "Task": "任务", "Node": "节点", "Waits": "等待", "Oldest": "最久", "Role": "角色", "Lease": "租约",
  "Polls": "轮询", "Progress": "进度", "Results": "结果", "Dead letters": "死信", "Tasks and nodes": "任务与节点", "Hold": "暂停",
  "Contracts": "合约", "Refusals": "拒绝", "Limits": "限额", "hold the contracts, have them go on": "暂停或继续合约",
  "pushed": "推送", "handed out": "发出", "acknowledged": "确认", "rejected": "拒收", "requests": "请求",
  "a push takes (median)": "推送用时（中位数）", "a push takes (99 %)": "推送用时（99 %）", "contracts that wait": "等待的合约",
  "polls that wait": "等待的轮询", "connections": "连接", "Request": "请求", "Code": "代码", "Times": "次数", "others": "其他",
  "Limit": "限额", "Of": "归属", "Used": "已用", "At most": "上限", "task {}, node {}: {} wait": "任务 {}，节点 {}：{} 个等待",
  ", the oldest {}": "，最久 {}", ", leased by {}": "，租给 {}", ", {} dead letters": "，死信 {} 个", "Choose a task": "请选择任务",
  "ended {}": "结束于 {}", "The service has no such task.": "服务没有此任务。", "Files": "文件", "{} files, {}": "{} 个文件，{}",
  "Told by nodes": "节点所报", "When": "时间", "What": "内容", "Text": "文字", "Value": "值", "From": "来自", "Contract": "合约",
  "Why": "原因", "progress": "进度", "result": "结果", "dataset": "数据集", "launch": "启动", "completion": "完成", "unknown": "未知",
  "{} contracts have passed": "已有 {} 个合约经过", ", {} were too fast to be shown": "，{} 个太快未显示", "No.": "序号", "Who": "谁",
  "Outcome": "结果", "The service keeps none (--audit FILE).": "服务未记录（--audit FILE）。",
  "version {}, over {}, up {}; {} polls wait, {} connections": "版本 {}，总线 {}，已运行 {}；{} 个轮询等待，{} 个连接",
  "The service has not answered for {}: {}": "服务已 {} 未应答：{}",
  // The node.
  "One party": "单个参与方", "Launches": "启动", "Flows": "流程", "Status": "状况", "Since": "自从", "State": "状态", "Flow": "流程",
  "Waits for, or why": "等待什么，或原因", "Waiting events": "等待的事件", "Unsent": "未发出", "Actions": "操作", "Journal": "日志账",
  "Read the journal": "读取日志账", "Data": "数据", "Show the data": "显示数据", "Log": "日志", "Launches that wait": "等待批准的启动",
  "Launches that came to nothing": "未成的启动", "Not taken": "未采用", "Event": "事件", "Its fields, as JSON": "字段（JSON）",
  "The node's audit log has it, if it keeps one.": "若节点有审计日志，此操作会记入其中。",
  "held": "被扣住", "broken": "已损坏", "lost contact": "失去联系", "slow": "缓慢", "paused": "已暂停", "waiting": "等待中", "resting": "歇息",
  "loading": "加载中", "sending": "发送中", "task {}: {} since {}": "任务 {}：{}，已 {}", ", in state {}": "，状态 {}", "{}: done": "{}：已完成",
  "Retry": "重试", "Pause": "暂停", "Resume": "继续", "Send an event": "发送事件", "Dead letters again": "重发死信", "Stop": "停止",
  "Its event is given to it again, in the flow's version that stands in the folder.": "按目录中流程的版本，把它的事件再给它一次。",
  "It takes nothing, whatever comes or is due, until it goes on.": "在继续之前，无论来了什么或到期什么，它都不处理。",
  "It goes on with what has come meanwhile.": "它接着处理其间到来的事件。",
  "It is given the event as from outside; its handler sees no sender.": "事件如同来自外部；处理函数看不到发送者。",
  "What it could not read is handed out again.": "它读不了的合约会再次发出。",
  "It ends; the others of its task are told that it failed. This cannot be undone.": "它结束，同一任务的其他参与方会得知它失败。此操作不可撤销。",
  "The node has no such party.": "节点没有此参与方。", "Choose a party": "请选择参与方", "Nothing has come from": "尚无来自", "Events that wait": "等待的事件",
  "Deferred": "推迟", "Result": "结果", "{}, {}": "{}，{}", "Grants it wants": "所需授权", "Not granted": "未授权", "Worker": "工作进程",
  "process {}, began again {} times": "进程 {}，重启 {} 次", "Timer": "定时器", "{} fires in {}": "{} 将在 {} 后触发",
  "Its handler waits for": "处理函数在等待", "since {} s": "自 {} 秒起", "reading …": "读取中……",
  "What the party keeps is shown here; secrets stay hashes.": "此处显示参与方保存的数据；机密仍为哈希。", "✓ nothing was found": "✓ 未发现问题",
  "✓ nothing was found as far as it came": "✓ 在已查范围内未发现问题", "✗ something was found": "✗ 发现问题", "! there is no verdict": "! 没有结论",
  "Wanted by": "请求者", "the operator": "操作员", "not known": "未知", "Peers": "同伴", "Arguments": "参数", "Signed by": "签名者",
  "nobody was asked for": "未要求签名", "under way …": "进行中……", "Launch": "启动", "Refuse": "拒绝",
  "What is shown is launched: if its files are others by now, nothing is.": "启动的是所显示的内容：若文件已变，则不启动。",
  "The launch goes, and is not made.": "取消此启动。", "Reload": "重载", "Roll back": "回退", "{} now": "立即{}",
  "All of its parties on this node are moved, or none.": "本节点上它的所有参与方一起变更，或都不变。",
  "{} would bring {} parties to version {}": "{}会把 {} 个参与方带到版本 {}", "version {} → {}": "版本 {} → {}", "Before": "之前", "After": "之后",
  "Its data stay as they are.": "数据不变。", "{} is refused: nothing would be changed": "{}被拒绝：不会有任何改变",
  "{} parties; versions {}": "{} 个参与方；版本 {}", "What would a reload do?": "重载会怎样？", "What would a roll back do?": "回退会怎样？",
  "{} parties, {} held or broken, {} launches wait; over {}, up {}": "{} 个参与方，{} 个被扣住或损坏，{} 个启动在等待；总线 {}，已运行 {}",
  "The node has not answered for {}: {}": "节点已 {} 未应答：{}",
  // Check.
  "Check": "检查", "Lost, at most": "至多丢失", "Doubled, at most": "至多重复", "Crashes, at most": "至多崩溃",
  "Vanish, at most": "至多消失", "Early timeouts": "提前超时", "Instants missed": "错过的时刻", "Depth": "深度",
  "States, at most": "至多状态数", "Time": "时间", "In order of sending": "按发送顺序", "Cancel": "取消", "cancelled": "已取消",
  "{} states, depth {}, {} s": "{} 个状态，深度 {}，{} 秒",
  "is a way left to the end? {} states left, depth {}, {} s": "是否还能走到结束？还剩 {} 个状态，深度 {}，{} 秒",
  "violations: {}": "{} 处违反", "no violation": "没有违反", "exhaustive: {}": "已穷尽：{}", "not exhaustive ({}): {}": "未穷尽（{}）：{}",
  "it needs: {}": "它需要：{}", "(believed)": "（推测）", "waits for {}": "等待 {}", "Explore from here": "从这里探索",
  "steps: {}": "{} 步", "never reached: {}": "从未到达：{}", "it has told nothing": "没有回答",
  // Explore.
  "Explore": "探索", "From the start": "从头开始", "As a trace": "存为跟踪文件", "As a test": "存为测试", "Path": "路径",
  "the start": "开始", "steps that can come next: {}": "接下来可能的步骤：{}", "The run has ended here.": "运行在此结束。",
  "Stuck: nothing can happen any more.": "卡住：再也不会发生什么。", "Nothing is explored behind this.": "这之后不再探索。",
  "the path's next step": "路径的下一步", "explored: step {} of {}": "探索：第 {}／{} 步",
  "The address has no path that can be read.": "地址中的路径无法读取。", "what it has deferred": "推迟的事件",
  "{} gets {} from {}": "{} 收到 {}，来自 {}", "{} does not get {} from {}: it is lost": "{} 收不到 {}（来自 {}）：丢失",
  "{} gets a copy of {} from {}": "{} 收到 {} 的副本，来自 {}", "{}: time passes until {} fires": "{}：时间走到 {} 触发",
  "{}: {} fires early": "{}：{} 提前触发", "{} crashes": "{} 崩溃", "{} comes back": "{} 恢复", "{} vanishes": "{} 永远消失",
  "{} goes on with the second version": "{} 换到第二个版本", "{} takes up {} from {}": "{} 取出 {}，来自 {}",
  "{} takes up what it has deferred": "{} 取出推迟的事件",
  "What {} makes of each": "{} 使每个参与方变成什么",
  // Run.
  "sent at {} s": "发送于 {} 秒", "True time": "按真实时间", "distances in true time": "间距按真实时间", "no end": "无结尾", "version {}": "版本 {}",
  "{} rows were left out": "省略了 {} 行",
  "Fold parts": "折叠部件", "Keep beside": "并排保留", "Beside it": "旁边", "Beside it: {}": "旁边：{}", "Open a trace": "打开跟踪文件",
  "reading {} …": "正在读取 {}……", "check; explore: what else could happen here": "检查；探索：这里还可能发生什么",
  "a step back on the path": "沿路径退一步",
};

export const chinese = navigator.language.toLowerCase().startsWith("zh");

export function w(text, ...values) {
  let i = 0;
  return (chinese && zh[text] || text).replace(/\{\}/g, () => String(values[i++]));
}

export function translate() {
  if (!chinese) return;
  document.documentElement.lang = "zh-CN";
  for (const node of document.querySelectorAll("[data-w]")) node.textContent = w(node.textContent);
  for (const node of document.querySelectorAll("[data-label]"))
    node.setAttribute("aria-label", w(node.getAttribute("aria-label")));
  for (const node of document.querySelectorAll("[data-hint]")) node.placeholder = w(node.placeholder);
}
