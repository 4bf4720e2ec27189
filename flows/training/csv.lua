--- training.csv: tables of numbers in CSV files, a row a line, its label in the last column.

local af = require "af"

local csv = {}

---The numbers of a line; or nil, and the field that is none.
local function numbers_of(line)
  local row = {}
  for field in (line .. ","):gmatch("([^,]*),") do
    local value = tonumber(field)
    if value == nil then return nil, field end
    row[#row + 1] = value + 0.0
  end
  return row
end

---The rows of a text, and their labels. A first line that is no row of numbers is a heading.
function csv.parse(text, name)
  local rows, labels, number = {}, {}, 0
  for line in text:gmatch("[^\r\n]+") do
    number = number + 1
    local row, field = numbers_of(line)
    if row == nil then
      af.expect(number == 1, ("%s:%d: '%s' is no number"):format(name, number, field))
    else
      af.expect(rows[1] == nil or #row == #rows[1] + 1,
        ("%s:%d: %d fields, the first row has another number"):format(name, number, #row))
      labels[#labels + 1] = table.remove(row)
      rows[#rows + 1] = row
    end
  end
  return rows, labels
end

---Reads a file, which --allow-read grants where it is not below the working directory.
function csv.read(path)
  return csv.parse(af.download("file://" .. path), path)
end

return csv
