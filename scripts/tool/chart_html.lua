--- The chart as one page that needs nothing else: the SVG, with zoom, filters and details.
---
--- The page's policy allows its own style and script, by their hashes, and nothing more: even if
--- something of a trace became markup it could not run.

local cells = require "tool.chart_cells"
local page = require "tool.chart_page"
local style = require "tool.chart_style"
local svg = require "tool.chart_svg"
local xml = require "tool.chart_xml"

local html = {}

local text, number = xml.text, xml.number

local function checkbox(name, value, swatch)
  return ('<label><input type="checkbox" name="%s" value="%s" checked>%s<span>%s</span></label>\n')
    :format(name, text(value), swatch, text(value))
end

local function fieldset(legend, labels)
  if #labels == 0 then return "" end
  return ('<fieldset><legend><span>%s</span><button type="button" data-check="all">all</button>'
    .. '<button type="button" data-check="none">none</button></legend>\n%s</fieldset>\n'):format(
    legend, table.concat(labels))
end

local function filters(parts)
  local types, parties = {}, {}
  for i, name in ipairs(parts.types) do
    types[i] = checkbox("type", name,
      ('<span class="swatch %s"></span>'):format(parts.type_class[name]))
  end
  for i, lane in ipairs(parts.lanes) do parties[i] = checkbox("party", lane.id, "") end
  return fieldset("Events", types) .. fieldset("Parties", parties)
end

local function picture(width, height, label, body)
  return ('<svg class="af" role="img" aria-label="%s" width="%s" height="%s" '
    .. 'viewBox="0 0 %s %s">\n%s</svg>'):format(label, number(width), number(height),
    number(width), number(height), body)
end

local POLICY <const> = "default-src 'none'; style-src 'sha256-%s'; script-src 'sha256-%s'; "
  .. "base-uri 'none'; form-action 'none'"

local TEMPLATE <const> = [[
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="%(policy)">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>%(title)</title>
<style>%(style)</style>
</head>
<body class="af">
<header class="bar">
<h1>%(title)</h1>
<span class="badge%(badge)">%(outcome)</span>
<p>%(summary)</p>
<div class="zoom" role="group" aria-label="Zoom">
<button type="button" data-zoom="out" aria-label="Zoom out">−</button>
<output aria-live="off">100 %</output>
<button type="button" data-zoom="in" aria-label="Zoom in">+</button>
<button type="button" data-zoom="reset">1:1</button>
<button type="button" data-zoom="fit">Fit width</button>
</div>
</header>
<form class="side filters" aria-label="Filters">
%(filters)</form>
<main class="scroll" tabindex="0" aria-label="Sequence chart; arrow keys go from event to event">
<div class="names">%(names)</div>
<div class="rows">%(rows)</div>
</main>
<aside class="side panel" aria-live="polite">
<h2 id="what"></h2>
<pre id="details"></pre>
<p class="hint">Point at an event to see its content, click to keep it.<br>
<kbd>↑</kbd> <kbd>↓</kbd> from event to event, <kbd>Esc</kbd> to let go.<br>
<kbd>Ctrl</kbd> and wheel, or <kbd>+</kbd> <kbd>−</kbd> <kbd>0</kbd>, to zoom; drag to move.</p>
</aside>
<script>%(script)</script>
</body>
</html>
]]

--- One pass: what a value holds is not looked at again.
local function fill(template, values)
  return (template:gsub("%%%(([%w_]+)%)", values))
end

--- Draws a chart as a page.
---@param model tool.chart.Model
---@param choice table  of view.choose
---@param opts tool.chart.Options
---@return string
function html.draw(model, choice, opts)
  local parts = svg.parts(model, choice)
  local title, foot = svg.words(model, choice)
  for i, line in ipairs(foot) do foot[i] = text(cells.cut(cells.clean(line), 400, "…")) end
  local css = style .. page.style
  return fill(TEMPLATE, {
    style = css, script = page.script,
    policy = POLICY:format(opts.sha256(css), opts.sha256(page.script)),
    title = text(cells.cut(cells.clean(title), 120, "…")),
    outcome = text(cells.cut(cells.clean(model.outcome or "no end"), 30, "…")),
    badge = model.outcome == "ok" and " ok" or "",
    summary = table.concat(foot, "<br>"), filters = filters(parts),
    names = picture(parts.width, parts.names_height + 4, "Parties", parts.names),
    rows = picture(parts.width, parts.height, "Events", parts.body),
  })
end

return html
