--- JSON text of a decoded value, with sorted keys: the same value gives the same text.

local json = {}

local ESCAPES <const> = {
  ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n",
  ["\r"] = "\\r", ["\t"] = "\\t",
}

local function quote(s)
  return '"' .. s:gsub('[%c"\\\127]', function(c)
    return ESCAPES[c] or ("\\u%04x"):format(c:byte())
  end) .. '"'
end

local function number(n)
  if math.type(n) == "integer" then return tostring(n) end
  if n ~= n or n == math.huge or n == -math.huge then return "null" end
  for digits = 15, 17 do
    local s = ("%." .. digits .. "g"):format(n)
    if tonumber(s) == n then return s:find("[%.eE]") and s or s .. ".0" end
  end
end

--- Keys of decoded JSON objects are strings; anything else sorts before them.
local function sorted_keys(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b)
    if type(a) == type(b) and (type(a) == "string" or type(a) == "number") then return a < b end
    return type(a) < type(b)
  end)
  return keys
end

local function is_list(t, opts)
  return t[1] ~= nil or opts.is_list and opts.is_list(t)
end

local write

--- Writes the parts of a list or an object, each on a line of its own where there is an indent.
local function write_parts(parts, open, close, opts, out, depth)
  local gap = opts.indent and "\n" .. opts.indent:rep(opts.depth - depth + 1) or ""
  for i, part in ipairs(parts) do
    out[#out + 1] = (i == 1 and open or ",") .. gap
    if part.key then out[#out + 1] = quote(tostring(part.key)) .. (opts.indent and ": " or ":") end
    write(part.value, opts, out, depth - 1)
  end
  if #parts == 0 then out[#out + 1] = open end
  out[#out + 1] = (#parts > 0 and opts.indent and gap:sub(1, -#opts.indent - 1) or "") .. close
end

function write(value, opts, out, depth)
  local kind = type(value)
  if value == nil or value == opts.null then
    out[#out + 1] = "null"
  elseif kind == "string" then
    out[#out + 1] = quote(value)
  elseif kind == "number" then
    out[#out + 1] = number(value)
  elseif kind ~= "table" then
    out[#out + 1] = kind == "boolean" and tostring(value) or quote(kind)
  elseif depth == 0 then
    out[#out + 1] = '"…"'
  elseif is_list(value, opts) then
    local parts = {}
    for i, item in ipairs(value) do parts[i] = { value = item } end
    write_parts(parts, "[", "]", opts, out, depth)
  else
    local parts = {}
    for i, key in ipairs(sorted_keys(value)) do parts[i] = { key = key, value = value[key] } end
    write_parts(parts, "{", "}", opts, out, depth)
  end
end

local MAX_DEPTH <const> = 100

---@class tool.chart.Codec  what decoding made of JSON
---@field null any
---@field is_list (fun(t: table): boolean)?  tells [] from {}

--- Writes a value as JSON, compact, or over several lines where an indent is given.
---@param value any
---@param codec tool.chart.Codec
---@param indent string?
---@return string
function json.encode(value, codec, indent)
  local opts = { null = codec.null, is_list = codec.is_list, indent = indent, depth = MAX_DEPTH }
  local out = {}
  write(value, opts, out, MAX_DEPTH)
  return table.concat(out)
end

return json
