--- The functions of a Lua text, what each returns, and where a handler leads by that: for `lint`
--- and `chart --states`.

local read = require "tool.lint_tokens"

local returns = {}

---What a function is called by: function f(, function m.f(, local f = function(.
local function name_of(list, at, from)
  if read.are(list, at - 3, "local") and read.are(list, at - 1, "=") then
    return list[at - 2].text
  end
  return from > at + 1 and list[from - 1].text or nil
end

---The functions of a text, in order: { at, from, to, params, line, name?, key? }; `from` is its
---'(', `key` what stands before `=`: a name, or the ']' of [Event].
---@param list table[]  as lint_tokens.read() gives it
function returns.functions(list)
  local found = {}
  for i, token in ipairs(list) do
    if token.kind == "name" and token.text == "function" and token.close then
      local at, params = i + 1, {}
      while list[at] and list[at].text ~= "(" do at = at + 1 end
      for k = at + 1, (list[at] and list[at].close or at) - 1 do
        if list[k].kind == "name" then params[#params + 1] = list[k].text end
      end
      found[#found + 1] = { at = i, from = at, to = token.close, params = params,
        line = token.line, name = name_of(list, i, at),
        key = read.are(list, i - 1, "=") and list[i - 2].text or nil }
    end
  end
  return found
end

local BLOCK_ENDS <const> = { ["else"] = true, ["elseif"] = true, [";"] = true }

---Where the expression behind the `return` at i ends.
local function expression_end(list, i)
  local block, k = list[i].inside, i + 1
  while list[k] and not (block and list[k].open == block)
    and not (list[k].inside == block and list[k].kind ~= "string" and BLOCK_ENDS[list[k].text]) do
    k = k + 1
  end
  return k - 1
end

---What a function returns itself, not those within it: { from, to } of each expression.
function returns.of(list, fn)
  local found = {}
  for i = fn.from, fn.to do
    if list[i].kind == "name" and list[i].text == "return" then
      local at = list[i].inside
      while at and list[at].text ~= "function" do at = list[at].inside end
      if at == fn.at then found[#found + 1] = { from = i + 1, to = expression_end(list, i) } end
    end
  end
  return found
end

-- Where a handler leads. --------------------------------------------------------------------------

local ENDS <const> = { done = "done", fail = "failed", failed = "failed" }
local OWNERS <const> = { af = true, at = true, party = true }
local OPERATORS <const> = { ["return"] = true, ["and"] = true, ["or"] = true }

---Whether something is called at k: f(…), f "…", f {…}.
local function is_called(list, k)
  local behind = list[k + 1]
  return behind ~= nil and (behind.kind == "string" or behind.text == "(" or behind.text == "{")
end

---Tells of the texts that an expression may be: "a", or what stands behind `and` and `or`.
local function literals(list, from, to, tell)
  for k = from, to do
    local token, before, behind = list[k], list[k - 1], list[k + 1]
    if token.kind == "string" and token.inside == list[from].inside
      and (k == from or OPERATORS[before.text])
      and (k == to or OPERATORS[behind.text]) then
      tell(token.text)
    end
  end
end

---Tells where the functions of a source that are called so, or stand at this line, may lead:
---tell(state's name, or nil; "done", "failed" or "again", or nil). What a function gives that is
---not in the text, or is kept in a variable, is not told.
---@param source table  { list, functions }
---@param is_it fun(fn: table): boolean
---@param seen table<table, boolean>
function returns.lead(source, is_it, tell, seen)
  local list = source.list
  local function look(one)
    literals(list, one.from, one.to, function(text) tell(text, nil) end)
    for k = one.from, one.to do
      local token = list[k]
      if token.kind == "name" and token.inside == list[one.from].inside then
        local owner = read.are(list, k - 1, ".") and list[k - 2].text or nil
        if owner == "party" and token.text == "state" then
          tell(nil, "again")
        elseif OWNERS[owner] and ENDS[token.text] and is_called(list, k) then
          tell(nil, ENDS[token.text])
        elseif owner == "at" and token.text == "state" and is_called(list, k) then
          local close = list[k + 1].close
          literals(list, close and k + 2 or k + 1, close and close - 1 or k + 1,
            function(text) tell(text, nil) end)
        elseif is_called(list, k) and not OPERATORS[token.text] then
          returns.lead(source, function(fn) return fn.name == token.text end, tell, seen)
        end
      end
    end
  end
  for _, fn in ipairs(source.functions) do
    if not seen[fn] and is_it(fn) then
      seen[fn] = true
      for _, one in ipairs(returns.of(list, fn)) do look(one) end
    end
  end
end

return returns
