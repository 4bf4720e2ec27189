--- Text for SVG and HTML. What a trace says is hostile; nothing of it becomes markup.

local cells = require "tool.chart_cells"

local xml = {}

local ENTITIES <const> = {
  ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;",
}

--- Escapes text for an element or a quoted attribute. Characters that XML forbids are shown as
--- cells.clean shows them; line ends are kept.
---@param s string
---@return string
function xml.text(s)
  if s:find("\n", 1, true) then
    local lines = {}
    for line in (s .. "\n"):gmatch("(.-)\n") do lines[#lines + 1] = cells.clean(line) end
    s = table.concat(lines, "\n")
  else
    s = cells.clean(s)
  end
  return (s:gsub("[&<>\"']", ENTITIES))
end

--- A start tag. Attributes without a value are left out.
---@param name string
---@param attributes (string|number|nil)[]  name, value, name, value, …
---@param count integer?  how long the list is, where it holds nil
---@return string
function xml.open(name, attributes, count)
  local out = { "<", name }
  for i = 1, count or #attributes, 2 do
    local value = attributes[i + 1]
    if value ~= nil then
      out[#out + 1] = (' %s="%s"'):format(attributes[i], type(value) == "string"
        and xml.text(value) or xml.number(value))
    end
  end
  out[#out + 1] = ">"
  return table.concat(out)
end

--- A coordinate: at most one digit after the point.
---@param n number
---@return string
function xml.number(n)
  local s = ("%.1f"):format(n):gsub("%.0$", "")
  return s
end

return xml
