--- Colours and type of every picture, light and dark: the head of its style sheet.
---
--- Colours of event types and of states are told apart by hue; red is for faults and findings.
--- No "&" and no "<" in here: it stands unescaped in XML and HTML.

return [[
.af{--bg:#ffffff;--ink:#1b1f24;--soft:#6b7480;--line:#c3cad3;--rule:#e6e9ee;--box:#f3f5f8;
--bad:#c4162a;--fault:#d2462b;--good:#1a7f45;--timer:#a34e00;
--state:#eef2ff;--stateink:#27348b;
--t0:#0969c3;--t1:#0f7b52;--t2:#9a6200;--t3:#7b3fbf;--t4:#007a87;--t5:#5b5fc7;--t6:#6b5b00;
--t7:#8a3f7c;font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Noto Sans CJK SC",
"PingFang SC","Microsoft YaHei",sans-serif;font-size:12px;background:var(--bg)}
@media (prefers-color-scheme:dark){.af{--bg:#12161c;--ink:#e4e8ee;--soft:#8d97a5;--line:#47515e;
--rule:#252c36;--box:#1c222b;--bad:#ff6b74;--fault:#ff8f70;--good:#57c785;--timer:#f0b35a;
--state:#232b52;--stateink:#c3ccff;
--t0:#6cb6ff;--t1:#56c596;--t2:#e0ad4d;--t3:#c79bff;--t4:#4fc3d0;--t5:#a3a7ff;
--t6:#cdbb55;--t7:#e29ad4}}
.af text{fill:var(--ink)}
.af .bg{fill:var(--bg)}
.af .title{font-size:15px;font-weight:600}
.af .soft{fill:var(--soft)}
]]
