--- Text in the cells of a terminal.
---
--- A wide character (CJK, emoji) takes two cells, a combining one none. Text from a trace is
--- hostile: `clean` makes what would steer the terminal or reorder the line visible instead.

local cells = {}

local WIDE <const> = {
  { 0x1100, 0x115F }, { 0x231A, 0x231B }, { 0x2329, 0x232A }, { 0x23E9, 0x23EC },
  { 0x23F0, 0x23F0 }, { 0x23F3, 0x23F3 }, { 0x25FD, 0x25FE }, { 0x2614, 0x2615 },
  { 0x2648, 0x2653 }, { 0x267F, 0x267F }, { 0x2693, 0x2693 }, { 0x26A1, 0x26A1 },
  { 0x26AA, 0x26AB }, { 0x26BD, 0x26BE }, { 0x26C4, 0x26C5 }, { 0x26CE, 0x26CE },
  { 0x26D4, 0x26D4 }, { 0x26EA, 0x26EA }, { 0x26F2, 0x26F3 }, { 0x26F5, 0x26F5 },
  { 0x26FA, 0x26FA }, { 0x26FD, 0x26FD }, { 0x2705, 0x2705 }, { 0x270A, 0x270B },
  { 0x2728, 0x2728 }, { 0x274C, 0x274C }, { 0x274E, 0x274E }, { 0x2753, 0x2755 },
  { 0x2757, 0x2757 }, { 0x2795, 0x2797 }, { 0x27B0, 0x27B0 }, { 0x27BF, 0x27BF },
  { 0x2B1B, 0x2B1C }, { 0x2B50, 0x2B50 }, { 0x2B55, 0x2B55 }, { 0x2E80, 0x303E },
  { 0x3041, 0x4DBF }, { 0x4E00, 0xA4CF }, { 0xA960, 0xA97C }, { 0xAC00, 0xD7A3 },
  { 0xF900, 0xFAFF }, { 0xFE10, 0xFE19 }, { 0xFE30, 0xFE6F }, { 0xFF01, 0xFF60 },
  { 0xFFE0, 0xFFE6 }, { 0x16FE0, 0x18DFF }, { 0x1AFF0, 0x1B2FF }, { 0x1F004, 0x1F004 },
  { 0x1F0CF, 0x1F0CF }, { 0x1F18E, 0x1F18E }, { 0x1F191, 0x1F19A }, { 0x1F1E6, 0x1F64F },
  { 0x1F680, 0x1F6FF }, { 0x1F7E0, 0x1F7FF }, { 0x1F90C, 0x1F9FF }, { 0x1FA70, 0x1FAFF },
  { 0x20000, 0x3FFFD },
}

local NONE <const> = {
  { 0x0300, 0x036F }, { 0x0483, 0x0489 }, { 0x0591, 0x05BD }, { 0x05BF, 0x05BF },
  { 0x05C1, 0x05C2 }, { 0x05C4, 0x05C5 }, { 0x05C7, 0x05C7 }, { 0x0610, 0x061A },
  { 0x064B, 0x065F }, { 0x0670, 0x0670 }, { 0x06D6, 0x06DC }, { 0x06DF, 0x06E4 },
  { 0x06E7, 0x06E8 }, { 0x06EA, 0x06ED }, { 0x0711, 0x0711 }, { 0x0730, 0x074A },
  { 0x07A6, 0x07B0 }, { 0x07EB, 0x07F3 }, { 0x0816, 0x082D }, { 0x0859, 0x085B },
  { 0x08D3, 0x0902 }, { 0x093A, 0x093A }, { 0x093C, 0x093C }, { 0x0941, 0x0948 },
  { 0x094D, 0x094D }, { 0x0951, 0x0957 }, { 0x0962, 0x0963 }, { 0x0981, 0x0981 },
  { 0x09BC, 0x09BC }, { 0x09C1, 0x09C4 }, { 0x09CD, 0x09CD }, { 0x0A01, 0x0A02 },
  { 0x0A3C, 0x0A3C }, { 0x0A41, 0x0A51 }, { 0x0B3C, 0x0B3C }, { 0x0BCD, 0x0BCD },
  { 0x0C3E, 0x0C40 }, { 0x0C46, 0x0C56 }, { 0x0CCC, 0x0CCD }, { 0x0D41, 0x0D44 },
  { 0x0D4D, 0x0D4D }, { 0x0DCA, 0x0DCA }, { 0x0E31, 0x0E31 }, { 0x0E34, 0x0E3A },
  { 0x0E47, 0x0E4E }, { 0x0EB1, 0x0EB1 }, { 0x0EB4, 0x0EBC }, { 0x0EC8, 0x0ECE },
  { 0x0F18, 0x0F19 }, { 0x0F71, 0x0F7E }, { 0x0F80, 0x0F84 }, { 0x102D, 0x1030 },
  { 0x1032, 0x1037 }, { 0x1039, 0x103A }, { 0x1160, 0x11FF }, { 0x135D, 0x135F },
  { 0x17B4, 0x17B5 }, { 0x17B7, 0x17BD }, { 0x17C6, 0x17C6 }, { 0x17C9, 0x17D3 },
  { 0x180B, 0x180D }, { 0x1AB0, 0x1AFF }, { 0x1DC0, 0x1DFF }, { 0x200C, 0x200D },
  { 0x20D0, 0x20F0 }, { 0x302A, 0x302D }, { 0x3099, 0x309A }, { 0xA66F, 0xA67D },
  { 0xD7B0, 0xD7FF }, { 0xFB1E, 0xFB1E }, { 0xFE00, 0xFE0F }, { 0xFE20, 0xFE2F },
  { 0x1D165, 0x1D182 }, { 0xE0100, 0xE01EF },
}

--- Characters without a shape of their own that change how others are shown.
local HIDDEN <const> = {
  { 0x0000, 0x001F }, { 0x007F, 0x009F }, { 0x00AD, 0x00AD }, { 0x034F, 0x034F },
  { 0x061C, 0x061C }, { 0x115F, 0x1160 }, { 0x180E, 0x180E }, { 0x200B, 0x200B },
  { 0x200E, 0x200F }, { 0x2028, 0x202E }, { 0x2060, 0x206F }, { 0x3164, 0x3164 },
  { 0xFEFF, 0xFEFF }, { 0xFFF9, 0xFFFB }, { 0xFFFE, 0xFFFF }, { 0xE0000, 0xE007F },
}

local function within(ranges, code)
  local low, high = 1, #ranges
  while low <= high do
    local middle = (low + high) // 2
    local range = ranges[middle]
    if code < range[1] then
      high = middle - 1
    elseif code > range[2] then
      low = middle + 1
    else
      return true
    end
  end
  return false
end

local function code_width(code)
  if code < 0x300 then return 1 end
  if within(NONE, code) then return 0 end
  return within(WIDE, code) and 2 or 1
end

local function show_hidden(char)
  local code = utf8.codepoint(char)
  if not within(HIDDEN, code) then return nil end
  if code == 10 then return "\\n" end
  if code == 9 then return "\\t" end
  return ("\\u{%x}"):format(code)
end

--- Makes any string harmless to show in one line: valid UTF-8 without hidden characters.
---@param s string
---@return string
function cells.clean(s)
  if not s:find("[^\32-\126]") then return s end
  local at = 1
  local parts = {}
  while true do
    local length, bad = utf8.len(s, at)
    parts[#parts + 1] = s:sub(at, length and -1 or bad - 1)
    if length then break end
    parts[#parts + 1] = "\u{FFFD}"
    at = bad + 1
  end
  return (table.concat(parts):gsub(utf8.charpattern, show_hidden))
end

--- The number of cells that clean text takes.
---@param s string
---@return integer
function cells.width(s)
  if not s:find("[\128-\255]") then return #s end
  local width = 0
  for _, code in utf8.codes(s) do width = width + code_width(code) end
  return width
end

--- The longest beginning of s that fits, and the rest.
---@param s string
---@param width integer
---@return string head, string tail
function cells.split(s, width)
  local used = 0
  for at, code in utf8.codes(s) do
    used = used + code_width(code)
    if used > width then return s:sub(1, at - 1), s:sub(at) end
  end
  return s, ""
end

--- The longest end of s that fits.
---@param s string
---@param width integer
---@return string
function cells.tail(s, width)
  local drop = cells.width(s) - width
  if drop <= 0 then return s end
  for at, code in utf8.codes(s) do
    if drop <= 0 and code_width(code) > 0 then return s:sub(at) end
    drop = drop - code_width(code)
  end
  return ""
end

--- Shortens s to a width, with a mark where something is missing.
---@param s string
---@param width integer
---@param mark string  one cell, "…"
---@return string
function cells.cut(s, width, mark)
  if cells.width(s) <= width then return s end
  if width < 1 then return "" end
  return (cells.split(s, width - 1)) .. mark
end

--- Breaks s into lines, between words where it can.
---@param s string
---@param width integer   of a line, at least 2
---@return string[]
function cells.wrap(s, width)
  local lines = {}
  while cells.width(s) > width do
    local head, rest = cells.split(s, width)
    local space = head:match("^.*() ")
    if rest:sub(1, 1) == " " then
      rest = rest:sub(2)
    elseif space and space > #head // 3 then
      head, rest = head:sub(1, space - 1), head:sub(space + 1) .. rest
    end
    lines[#lines + 1] = head
    s = rest
  end
  lines[#lines + 1] = s
  return lines
end

---@class tool.chart.Line  one line of a terminal: a character and a style per cell
---@field width integer
local line = {}
line.__index = line

local MAX_MARKS <const> = 3 -- combining characters on one cell

--- Starts a line of blanks.
---@param width integer
---@return tool.chart.Line
function cells.line(width)
  return setmetatable({ width = width, last = 0, marks = {} }, line)
end

--- Blanks the other half of a wide character whose one half is overwritten.
local function break_pair(self, col)
  if self[col] == "" and col > 1 then self[col - 1] = " " end
  if self[col + 1] == "" then self[col + 1] = " " end
end

--- Writes text from a column on; what does not fit in the line is left out.
---@param col integer    1 is the first
---@param text string    clean
---@param style string?  a key of the colours
function line:put(col, text, style)
  for _, code in utf8.codes(text) do
    local width = code_width(code)
    if width == 0 then
      local base = self[col - 1] == "" and col - 2 or col - 1
      local marks = self.marks[base] or 0
      if base >= 1 and base <= self.width and marks < MAX_MARKS and self[base] then
        self[base] = self[base] .. utf8.char(code)
        self.marks[base] = marks + 1
      end
    else
      if col >= 1 and col + width - 1 <= self.width then
        break_pair(self, col)
        if width == 2 then break_pair(self, col + 1) end
        for blank = self.last + 1, col - 1 do self[blank] = " " end
        self[col] = utf8.char(code)
        self[-col] = style
        self.marks[col] = nil
        if width == 2 then self[col + 1], self[-col - 1] = "", style end
        self.last = math.max(self.last, col + width - 1)
      end
      col = col + width
    end
  end
end

--- The line as text, without blanks at its end.
---@param colours table<string, string>?  style -> SGR parameters; nil: no colour
---@return string
function line:text(colours)
  local last = self.last
  while last > 0 and self[last] == " " do last = last - 1 end
  if not colours then return table.concat(self, "", 1, last) end
  local out, style = {}, nil
  for col = 1, last do
    local wanted = self[-col]
    if self[col] ~= " " and wanted ~= style then
      if style then out[#out + 1] = "\27[0m" end
      if wanted then out[#out + 1] = "\27[" .. colours[wanted] .. "m" end
      style = wanted
    end
    out[#out + 1] = self[col]
  end
  if style then out[#out + 1] = "\27[0m" end
  return table.concat(out)
end

return cells
