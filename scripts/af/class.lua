--- Classes as scripts know them: `Base:extend { … }` makes one, calling it makes an object.

local class = {}

---Makes an object: a table that shows the class's fields, after class.init(object, …).
local function construct(self, ...)
  local object = setmetatable({}, { __index = self, __metatable = false })
  if self.init then
    self.init(object, ...)
  end
  return object
end

---Makes a class from its fields. It may be extended in turn.
---@param fields table
---@param base? table
---@return table
function class.new(fields, base)
  local made = {}
  for name, value in pairs(fields) do
    made[name] = value
  end
  if base == nil and made.extend == nil then
    made.extend = function(self, more)
      if more ~= nil and type(more) ~= "table" then
        error("extend: expected a table of fields", 2)
      end
      return class.new(more or {}, self)
    end
  end
  return setmetatable(made, { __index = base, __call = construct, __metatable = false })
end

return class
