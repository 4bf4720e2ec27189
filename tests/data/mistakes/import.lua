-- afrun FILE --mock: 2
-- import.lua:3: syntax error near 'af'; column 1: Lua writes local af = require "af"
import af
