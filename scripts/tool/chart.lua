--- `afrun chart`: a run as a picture of who sent what to whom.
---
---   chart_model    records -> rows            chart_text     rows -> terminal
---   chart_view     which rows are drawn       chart_mermaid  rows -> Mermaid
---   chart_cells    text in terminal cells     chart_svg      rows -> SVG
---   chart_names    short unique names         chart_html     JSON -> one page to explore
---                                             chart_object   rows -> JSON
---
--- Pure: no files, no clock, no chance. The same records and options give the same bytes.

local model = require "tool.chart_model"
local view = require "tool.chart_view"

local chart = {}

local FORMATS <const> = {
  text = "tool.chart_text", mermaid = "tool.chart_mermaid",
  svg = "tool.chart_svg", html = "tool.chart_html", json = "tool.chart_object",
}

---@class tool.chart.Options
---@field format "text"|"mermaid"|"svg"|"html"|"json"
---@field width integer?     text: cells of a line (80)
---@field color boolean?     text: with ANSI colours
---@field ascii boolean?     text: draw with ASCII alone
---@field tail integer?      only the last rows
---@field max_rows integer?  more rows are elided in the middle, with a count
---@field party string?      "id,id": rows that concern one of these
---@field type string?       "type,type": event types, or kinds of records (timeout, crash, …)
---@field data boolean?      json, html: with contents, and what each party holds after each row
---@field told boolean?      what is wrong stands above the drawing: it is not told again
---@field sha256 fun(bytes: string): string  html: the digest, in base64
---@field page fun(name: string): string  html: a file of scripts/page
---@field near fun(typed: string, names: table, has: string): string  as host.near
---@field null any           what JSON's null was decoded to
---@field is_list (fun(t: table): boolean)?  tells an empty list from an empty object

local function check_count(opts, name)
  local value = opts[name]
  if value ~= nil and (math.type(value) ~= "integer" or value < 1) then
    error(("chart.draw: '%s' must be an integer >= 1, got %s"):format(name, tostring(value)), 3)
  end
end

--- Draws a trace.
---@param records table[]  decoded records of a trace, the header first
---@param opts tool.chart.Options
---@return string
function chart.draw(records, opts)
  local format = opts.format or "text"
  if not FORMATS[format] then
    error(("chart.draw: 'format' must be text, mermaid, svg, html or json, got %s"):format(
      tostring(format)), 2)
  end
  check_count(opts, "width")
  check_count(opts, "tail")
  check_count(opts, "max_rows")
  local run = model.build(records, opts)
  if opts.data then require "tool.chart_moments".add(run, records) end
  return require(FORMATS[format]).draw(run, view.choose(run, opts), opts)
end

return chart
