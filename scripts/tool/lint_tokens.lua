--- A Lua text as tokens, as far as `afrun lint` looks: names, strings and signs with their lines,
--- which bracket and which block closes where, and the findings that comments allow.

local tokens = {}

local SIGNS = { "...", "..", "==", "~=", "<=", ">=", "//", "::", "<<", ">>" }

---The end of a long bracket that begins at `at`, and its content; nil: none begins there.
local function long_bracket(text, at)
  local equals = text:match("^%[(=*)%[", at)
  if equals == nil then return nil end
  local from = at + #equals + 2
  local close = text:find("]" .. equals .. "]", from, true) or #text + 1
  return close + #equals + 2, text:sub(from, close - 1)
end

local function skip_string(text, at)
  local quote, i = text:sub(at, at), at + 1
  while i <= #text do
    local char = text:sub(i, i)
    if char == "\\" then
      i = i + 1
    elseif char == quote or char == "\n" then
      break
    end
    i = i + 1
  end
  return i + 1, text:sub(at + 1, i - 1)
end

---Notes what a comment allows: `-- lint: allow growth, secret`.
local function read_comment(list, comment, line)
  local rest = comment:match("lint:%s*allow%s+(.*)")
  while rest do
    local name, comma = rest:match("^([%w_%-]+)%s*(,?)")
    if name then list.allowed[#list.allowed + 1] = { line = line, name = name } end
    rest = comma == "," and rest:match("^[^,]*,%s*(.*)") or nil
  end
end

---One token at `at`: its kind, its text and its end. A comment has no kind.
local function next_token(list, text, at, line)
  local name = text:match("^[%a_][%w_]*", at)
  if name then return "name", name, at + #name end
  local number = text:match("^%.?%d[%w_%.]*", at)
  if number then return "number", number, at + #number end
  local char = text:sub(at, at)
  if text:sub(at, at + 1) == "--" then
    local stop, inner = long_bracket(text, at + 2)
    stop = stop or (text:find("\n", at, true) or #text + 1)
    read_comment(list, inner or text:sub(at, stop - 1), line)
    return nil, nil, stop
  elseif char == '"' or char == "'" then
    local stop, inner = skip_string(text, at)
    return "string", inner, stop
  end
  local stop, inner = long_bracket(text, at)
  if stop then return "string", inner, stop end
  for _, sign in ipairs(SIGNS) do
    if text:sub(at, at + #sign - 1) == sign then return "sign", sign, at + #sign end
  end
  return "sign", char, at + 1
end

local OPENS = { ["("] = true, ["{"] = true, ["["] = true, ["function"] = true, ["if"] = true,
  ["do"] = true, ["repeat"] = true }
local CLOSES = { [")"] = true, ["}"] = true, ["]"] = true, ["end"] = true, ["until"] = true }

---Notes for each bracket and block where it closes, and what each token stands in.
local function match_pairs(list)
  local open = {}
  for i, token in ipairs(list) do
    if token.kind ~= "string" and CLOSES[token.text] then
      local from = table.remove(open)
      if from then
        list[from].close = i
        token.open = from
      end
    end
    token.inside = open[#open]
    if token.kind ~= "string" and OPENS[token.text] then open[#open + 1] = i end
  end
end

---@param text string
---@return table[] list  of { kind, text, line, inside, close, open }; list.allowed: { line, name }
function tokens.read(text)
  local list, at, line = { allowed = {} }, 1, 1
  while at <= #text do
    local blank = text:match("^%s+", at)
    if blank then
      line, at = line + select(2, blank:gsub("\n", "")), at + #blank
    else
      local kind, content, stop = next_token(list, text, at, line)
      if kind then list[#list + 1] = { kind = kind, text = content, line = line } end
      line, at = line + select(2, text:sub(at, stop - 1):gsub("\n", "")), stop
    end
  end
  match_pairs(list)
  return list
end

---Whether these names and signs stand at `i`.
---@param list table[]
---@param i integer
function tokens.are(list, i, ...)
  for k, text in ipairs { ... } do
    local token = list[i + k - 1]
    if token == nil or token.text ~= text or token.kind == "string" then return false end
  end
  return true
end

return tokens
