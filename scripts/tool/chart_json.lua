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

local function write(value, opts, out, depth)
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
    for i, item in ipairs(value) do
      out[#out + 1] = i == 1 and "[" or ","
      write(item, opts, out, depth - 1)
    end
    out[#out + 1] = #value == 0 and "[]" or "]"
  else
    local keys = sorted_keys(value)
    for i, key in ipairs(keys) do
      out[#out + 1] = i == 1 and "{" or ","
      out[#out + 1] = quote(tostring(key)) .. ":"
      write(value[key], opts, out, depth - 1)
    end
    out[#out + 1] = #keys == 0 and "{}" or "}"
  end
end

local MAX_DEPTH <const> = 100

--- Writes a value as compact JSON.
---@param value any
---@param opts {null: any, is_list: (fun(t: table): boolean)?}  what decoding made of null and []
---@return string
function json.encode(value, opts)
  local out = {}
  write(value, opts, out, MAX_DEPTH)
  return table.concat(out)
end

return json
