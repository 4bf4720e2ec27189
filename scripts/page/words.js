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
