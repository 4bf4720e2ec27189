--- The chart as one page that needs nothing else: the studio's, of the run alone (scripts/page/).
---
--- The page's policy allows its own style and script, by their hashes, and nothing more: even if
--- something of a trace became markup it could not run. What the trace says is JSON in it, and
--- becomes text.

local object = require "tool.chart_object"

local html = {}

--- Each behind those that it needs.
local MODULES <const> = { "words", "draw", "rows", "chart", "party", "views", "run", "alone" }
local KEPT <const> = { run = true, held = true }

local POLICY <const> = "default-src 'none'; style-src 'sha256-%s'; script-src 'sha256-%s'; "
  .. "base-uri 'none'; form-action 'none'"

--- The modules as one.
local function script(page)
  local parts = {}
  for i, name in ipairs(MODULES) do
    parts[i] = ("\n" .. page(name .. ".js")):gsub("\nimport [^\n]*", ""):gsub("\nexport ", "\n")
  end
  return table.concat(parts)
end

--- JSON in which nothing is markup, or turns the way of writing.
local function escape(text)
  local function code(c) return ("\\u%04x"):format(utf8.codepoint(c)) end
  return (text:gsub("<", code):gsub("\xe2\x80[\xaa-\xae]", code):gsub("\xe2\x81[\xa6-\xa9]", code))
end

local function drop(id)
  if not KEPT[id] then return "" end
end

--- Draws a chart as a page.
---@param model tool.chart.Model
---@param choice table  of view.choose
---@param opts tool.chart.Options
---@return string
function html.draw(model, choice, opts)
  local css, js = opts.page "studio.css", script(opts.page)
  local head = ('<meta http-equiv="Content-Security-Policy" content="%s">\n<style>%s</style>\n')
    :format(POLICY:format(opts.sha256(css), opts.sha256(js)), css)
  local told = "{" .. escape(object.draw(model, choice, opts)) .. "}"
  local foot = ('<script type="application/json" id="told">%s</script>\n'
    .. '<script type="module">%s</script>\n</body>'):format(told, js)
  local text = opts.page "index.html"
  text = text:gsub('<section id="(%l+)".-</section>\n', drop)
  text = text:gsub('<button[^\n]- id="tab%-(%l+)"[^\n]*\n', drop)
  text = text:gsub("[^\n]*of%-flow[^\n]*\n", ""):gsub("<link[^\n]*\n", "")
  text = text:gsub("<script[^\n]*\n", function() return head end)
  text = text:gsub("afrun studio", "afrun chart"):gsub("<kbd>7", "<kbd>2")
  return (text:gsub("<body>", '<body class="alone">'):gsub("</body>", function() return foot end))
end

return html
