--- How the picture looks: one style sheet for the SVG alone and within the page.
---
--- No "&" and no "<" in here: it stands unescaped in XML and HTML.

return require "tool.chart_colours" .. [[
.af .time{fill:var(--soft);font-size:11px;text-anchor:end;font-variant-numeric:tabular-nums}
.af .rule{stroke:var(--rule)}
.af .life{stroke:var(--line);stroke-width:1.5}
.af .down{stroke:var(--fault);stroke-width:9;stroke-dasharray:2 3;opacity:.55}
.af .name rect{fill:var(--box);stroke:var(--line)}
.af .name text{text-anchor:middle;font-weight:600}
.af .name .role{fill:var(--soft);font-weight:400;font-size:10.5px}
.af .row{--c:var(--ink)}
.af .t0{--c:var(--t0)}.af .t1{--c:var(--t1)}.af .t2{--c:var(--t2)}.af .t3{--c:var(--t3)}
.af .t4{--c:var(--t4)}.af .t5{--c:var(--t5)}.af .t6{--c:var(--t6)}.af .t7{--c:var(--t7)}
.af .quiet{--c:var(--soft)}.af .good{--c:var(--good)}.af .timer{--c:var(--timer)}
.af .fault{--c:var(--fault)}.af .bad{--c:var(--bad)}
.af .arrow{fill:none;stroke:var(--c);stroke-width:1.6;stroke-linejoin:round}
.af .quiet .arrow{stroke-width:1.2}
.af .drop .arrow,.af .in_flight .arrow{stroke-dasharray:5 3}
.af .hit{fill:none;stroke:transparent;stroke-width:11}
.af .head{fill:var(--c)}
.af .cross{fill:none;stroke:var(--c);stroke-width:2.2}
.af .dot{fill:var(--c);stroke:var(--bg);stroke-width:1.5}
.af .label{fill:var(--c);text-anchor:middle;font-weight:500;stroke:var(--bg);stroke-width:4;
stroke-linejoin:round;paint-order:stroke}
.af .note rect{fill:var(--bg);stroke:var(--c);stroke-opacity:.45}
.af .note text{fill:var(--c)}
.af .bad .note rect{fill:var(--bad);stroke:none}
.af .bad .note text{fill:var(--bg);font-weight:600}
.af .state rect{fill:var(--state);stroke:var(--stateink);stroke-opacity:.35}
.af .state text{fill:var(--stateink);text-anchor:middle;font-size:11.5px}
.af .band{fill:none;stroke:var(--c);stroke-dasharray:7 5;stroke-opacity:.6}
.af .bad .band{fill:var(--bad);stroke:none}
.af .bad .words{fill:var(--bg);font-weight:600}
.af .fault .words,.af .quiet .words{fill:var(--c);stroke:var(--bg);stroke-width:7;
paint-order:stroke}
.af .row:hover .arrow,.af .row.sel .arrow{stroke-width:2.8}
.af .row.sel .label{text-decoration:underline}
.af .row.sel .note rect,.af .row.sel .state rect{stroke:var(--c);stroke-width:2;stroke-opacity:1}
.af .row.sel .dot{stroke:var(--c);stroke-width:5;stroke-opacity:.35}
.af .off,.af .bare>:not(.state){display:none}
.af .faded{opacity:.25}
]]
