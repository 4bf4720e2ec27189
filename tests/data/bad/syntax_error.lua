-- 2: near
local af = require "af"
local function broken( -- the parenthesis is never closed
return af.flow {} -- HERE
