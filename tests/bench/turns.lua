-- turns.lua: commands that print numbers, measured by turns; for the lines that run.lua calls.

local lib = ...

local turns = {}

---@return number[] numbers  all that the command has printed
function turns.numbers_of(command)
  local pipe = assert(io.popen(command))
  local numbers = {}
  for number in pipe:lines("n") do
    numbers[#numbers + 1] = number
  end
  if not pipe:close() or #numbers == 0 then
    lib.fail(command)
  end
  return numbers
end

---Runs the commands by turns.
---@param times integer
---@param commands string[]
---@return number[][] medians  of each number of each command
function turns.by_turns(times, commands)
  local all = {}
  for _ = 1, times do
    for i, command in ipairs(commands) do
      all[i] = all[i] or {}
      for k, number in ipairs(turns.numbers_of(command)) do
        all[i][k] = all[i][k] or {}
        table.insert(all[i][k], number)
      end
    end
  end
  for _, columns in ipairs(all) do
    for k, values in ipairs(columns) do
      columns[k] = lib.median(values)
    end
  end
  return all
end

function turns.tell_rate(name, rate, floor, of_floor, target)
  lib.tell(name, "%9s/s  %s %s/s  ratio %.2f  (target %.2f)", lib.grouped(rate), of_floor,
    lib.grouped(floor), rate / floor, target)
end

return turns
