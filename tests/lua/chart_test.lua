-- LUA_PATH="scripts/?.lua;;" lua5.4 tests/lua/chart_test.lua
-- luacheck: globals TestText TestAll TestMarkup TestCells TestParts, no self

local lu = require "luaunit"
local cjson = require "cjson"
local cells = require "tool.chart_cells"
local chart = require "tool.chart"
local json = require "tool.chart_json"
local names = require "tool.chart_names"

local DATA <const> = (arg[0]:match("^(.*)lua/[^/]*$") or "tests/") .. "data/"
local RUNS <const> = { "sync_state", "faults", "findings", "hostile" }
local FORMATS <const> = { "text", "mermaid", "svg", "html" }

-- cjson gives floats for integers; our codec does not.
local function integers(value)
  if type(value) == "table" then
    for key, item in pairs(value) do value[key] = integers(item) end
  elseif math.type(value) == "float" then
    return math.tointeger(value) or value
  end
  return value
end

local function read(run)
  local records = {}
  for line in io.lines(DATA .. "trace_" .. run .. ".jsonl") do
    records[#records + 1] = integers(cjson.decode(line))
  end
  return records
end

--- SHA-256 in base64, by coreutils.
local function sha256(bytes)
  local name = os.tmpname()
  local file <close> = assert(io.open(name, "wb"))
  file:write(bytes)
  file:flush()
  local pipe <close> = assert(io.popen(("sha256sum < %s | cut -c 1-64 | tr a-f A-F | "):format(name)
    .. "basenc --base16 -d | base64"))
  local digest = pipe:read("l")
  os.remove(name)
  return digest
end

local function page(name)
  local file <close> = assert(io.open(DATA .. "../../scripts/page/" .. name, "rb"))
  return file:read("a")
end

local function draw(records, opts)
  local all = { format = "text", null = cjson.null, sha256 = sha256, page = page }
  for key, value in pairs(opts or {}) do all[key] = value end
  return chart.draw(records, all)
end

local function lines_of(text)
  local lines = {}
  for line in text:gmatch("([^\n]*)\n") do lines[#lines + 1] = line end
  return lines
end

local function plain_cells(line)
  return cells.width((line:gsub("\27%[[%d;]*m", "")))
end

--- A run of `count` pings between two parties of `parties`, one each millisecond.
local function pings(count, parties)
  local records = { { trace = 1, flow = "pings", seed = 3, parties = {} } }
  for i = 1, parties do records[1].parties[i] = { id = "node-" .. i, role = "peer" } end
  local function add(t, kind, record)
    record.t, record.kind = t * 1000000, kind
    records[#records + 1] = record
  end
  for i = 1, parties do add(0, "start", { party = "node-" .. i, state = "idle" }) end
  for i = 1, count do
    local from, to = "node-" .. i % parties + 1, "node-" .. i * 7 % parties + 1
    local uuid = "u" .. i
    local content = { type = "ping", n = i }
    add(i - 1, "send", { party = from, to = { to }, type = "ping", uuid = uuid, content = content })
    add(i, "deliver", { party = to, from = from, type = "ping", uuid = uuid })
  end
  add(count, "end", { outcome = "ok" })
  return records
end

local function golden(name, text)
  local file = assert(io.open(DATA .. name, "rb"))
  local expected = file:read("a")
  file:close()
  lu.assertEquals(text, expected)
end

TestText = {}

function TestText:test_the_small_run_looks_as_it_should()
  golden("chart_sync_state.txt", draw(read "sync_state", { width = 80 }))
  golden("chart_sync_state_ascii.txt", draw(read "sync_state", { width = 60, ascii = true }))
end

function TestText:test_faults_and_findings_look_as_they_should()
  golden("chart_faults.txt", draw(read "faults", { width = 100 }))
  golden("chart_findings.txt", draw(read "findings", { width = 100 }))
end

function TestText:test_no_line_is_wider_than_asked()
  for _, run in ipairs(RUNS) do
    local records = read(run)
    for width = 40, 200 do
      for _, line in ipairs(lines_of(draw(records, { width = width }))) do
        if plain_cells(line) > width then
          lu.fail(("%s at %d: %d cells: %s"):format(run, width, plain_cells(line), line))
        end
      end
    end
  end
end

function TestText:test_colour_changes_nothing_but_colour()
  for _, run in ipairs(RUNS) do
    local records = read(run)
    local coloured = draw(records, { color = true })
    lu.assertStrContains(coloured, "\27[")
    lu.assertEquals((coloured:gsub("\27%[[%d;]*m", "")), draw(records))
  end
end

function TestText:test_without_colour_nothing_steers_the_terminal()
  for _, format in ipairs(FORMATS) do
    for _, run in ipairs(RUNS) do
      local text = draw(read(run), { format = format })
      lu.assertNil(text:find("[\0-\9\11-\31\127]"))
      lu.assertNil(text:find("\u{202E}", 1, true))
      lu.assertNotNil(utf8.len(text))
    end
  end
end

function TestText:test_ascii_draws_with_ascii()
  for _, run in ipairs { "sync_state", "faults", "findings" } do
    lu.assertNil(draw(read(run), { ascii = true }):find("[\128-\255]"))
  end
end

function TestText:test_tail_says_what_it_leaves_out()
  local text = draw(pings(30, 3), { tail = 4 })
  lu.assertStrContains(text, " 27 rows left out before ")
  lu.assertStrContains(text, "[idle]")
  local _, arrows = text:gsub("ping", "")
  lu.assertEquals(arrows, 4 + 1) -- and once in the title
end

function TestText:test_a_long_run_is_elided_in_the_middle()
  local text = draw(pings(1500, 3), { max_rows = 10 })
  lu.assertStrContains(text, " 1,491 rows left out here ")
  lu.assertStrContains(text, "0.004 s")
  lu.assertStrContains(text, "1.500 s")
  lu.assertNotStrContains(draw(pings(9, 3), { max_rows = 10 }), "left out")
end

function TestText:test_a_gap_counts_the_faults_in_it()
  local records = pings(50, 3)
  table.insert(records, 40, { t = 20000000, kind = "crash", party = "node-2" })
  local text = draw(records, { max_rows = 10 })
  lu.assertStrContains(text, "with 1 fault ")
  lu.assertStrContains(text, "┊") -- and node-2 is still down after it
end

function TestText:test_more_parties_than_fit_are_counted_and_still_drawn()
  local text = draw(pings(60, 1000), { width = 80, max_rows = 40 })
  lu.assertStrContains(text, "+994 more")
  lu.assertStrContains(text, "from node-")
  for _, line in ipairs(lines_of(text)) do lu.assertTrue(plain_cells(line) <= 80) end
end

function TestText:test_long_names_stay_unique_and_are_explained()
  local text = draw(read "findings", { width = 60 })
  lu.assertStrContains(text, " = 3f2a9c1e-77b4-4d0f-9d3b-5a1f0c9e2b01")
  lu.assertStrContains(text, " = 3f2a9c1e-77b4-4d0f-9d3b-5a1f0c9e2b02")
end

function TestText:test_filters()
  local records = read "faults"
  local text = draw(records, { party = "participant-3" })
  lu.assertNotStrContains(text, "participant-2 crashed")
  lu.assertStrContains(text, "query")
  lu.assertStrContains(text, " rows hidden by the filter")
  lu.assertStrContains(text, "failed: no response") -- findings are always shown
  text = draw(records, { type = "sync_resp, crash" })
  lu.assertStrContains(text, "sync_resp")
  lu.assertStrContains(text, "participant-2 crashed")
  lu.assertNil(text:find("query ", 1, true))
end

function TestText:test_a_filter_that_names_nothing_is_an_error()
  local records = read "faults"
  local function near(typed, known, has)
    lu.assertNotNil(next(known))
    return ("; of %s %s"):format(typed, has)
  end
  lu.assertErrorMsgEquals(
    "--party: the trace has no party 'participant-9'; of participant-9 it has",
    draw, records, { party = "participant-1,participant-9", near = near })
  lu.assertErrorMsgEquals("--type: the trace has no type of event or record 'qery'; of qery it has",
    draw, records, { type = "qery", near = near })
end

function TestText:test_what_nobody_saw_arrive_is_in_flight()
  local records = pings(3, 2)
  table.insert(records, #records, {
    t = 3000000, kind = "send", party = "node-1", to = { "node-2" }, type = "late_ping",
    uuid = "u9",
  })
  local text = draw(records)
  lu.assertStrContains(text, "1 in flight at the end")
  lu.assertStrContains(text, "late_ping")
  lu.assertStrContains(text, "?│")
end

function TestText:test_a_journal_of_one_node_shows_its_sends()
  local text = draw {
    { trace = 1, flow = "f", parties = { { id = "a", role = "r" }, { id = "b", role = "r" } } },
    { t = 0, kind = "start", party = "a", state = "s" },
    { t = 5, kind = "send", party = "a", to = { "b" }, type = "hello", uuid = "1" },
    { t = 9, kind = "deliver", party = "a", from = "b", type = "world", uuid = "2" },
  }
  lu.assertStrContains(text, "─hello─")
  lu.assertStrContains(text, "─world─")
  lu.assertNotStrContains(text, "in flight")
end

function TestText:test_deliver_then_defer_is_one_arrow()
  local text = draw {
    { trace = 1, flow = "f", parties = {} },
    { t = 1, kind = "deliver", party = "a", from = "b", type = "hello", uuid = "2" },
    { t = 1, kind = "defer", party = "a", from = "b", type = "hello", uuid = "2" },
  }
  local _, count = text:gsub("hello", "")
  lu.assertEquals(count, 1)
  lu.assertStrContains(text, "(deferred)")
end

function TestText:test_states_that_are_passed_through_are_shown_in_order()
  local text = draw {
    { trace = 1, flow = "f", parties = {} },
    { t = 0, kind = "start", party = "a", state = "c", through = { "a", "b" } },
    { t = 0, kind = "start", party = "z", state = "y" },
    { t = 1, kind = "deliver", party = "a", from = "z", type = "hello", uuid = "2" },
    { t = 1, kind = "state", party = "a", state = "e", entered = true, through = { "d" } },
    { t = 2, kind = "state", party = "z", state = "x", entered = true, through = { "w" } },
    { t = 3, kind = "state", party = "z", state = "v", entered = true, through = "u" },
  }
  local order = {}
  for state in text:gmatch("%[(%w)%]") do order[#order + 1] = state end
  lu.assertEquals(table.concat(order), "abcydewxuv")
  lu.assertEquals(select(2, text:gsub("%[c%] *%[y%]", "")), 1) -- they start together
end

function TestText:test_without_time_there_is_no_column_for_it()
  local text = draw {
    { trace = 1, flow = "f", parties = {} },
    { t = 0, kind = "deliver", party = "a", from = "b", type = "hello", uuid = "2" },
  }
  lu.assertNotStrContains(text, "0 s")
end

TestAll = {}

function TestAll:test_the_same_input_gives_the_same_bytes()
  for _, format in ipairs(FORMATS) do
    for _, run in ipairs(RUNS) do
      local first = draw(read(run), { format = format })
      collectgarbage()
      lu.assertEquals(draw(read(run), { format = format }), first)
    end
  end
end

-- Each record of each run once without, once with a wrong value in each of its fields.
function TestAll:test_a_damaged_trace_is_drawn_all_the_same()
  local wrong = { false, 7, "\255\0", { { {} } }, cjson.null }
  for _, run in ipairs { "faults", "findings" } do
    local records = read(run)
    for i, record in ipairs(records) do
      local keys = {}
      for key in pairs(record) do keys[#keys + 1] = key end
      table.sort(keys)
      for k, key in ipairs(keys) do
        local kept = record[key]
        record[key] = nil
        draw(records, { format = FORMATS[(i + k) % 4 + 1] })
        record[key] = wrong[(i + k) % #wrong + 1]
        draw(records, { format = FORMATS[(i + k + 1) % 4 + 1] })
        record[key] = kept
      end
    end
  end
  for _, format in ipairs(FORMATS) do
    draw({}, { format = format })
    draw({ 1, "x", false }, { format = format })
  end
end

function TestAll:test_wrong_options_are_named()
  lu.assertErrorMsgContains("'format' must be", draw, {}, { format = "png" })
  lu.assertErrorMsgContains("'tail' must be an integer >= 1, got 0", draw, {}, { tail = 0 })
end

TestMarkup = {}

-- A small check that tags nest, enough for what we write ourselves.
local function assert_well_formed(xml)
  local open = {}
  for close, name, attributes, empty in xml:gmatch("<(/?)([%a][%w]*)(.-)(/?)>") do
    if close == "/" then
      lu.assertEquals(table.remove(open), name)
    elseif empty ~= "/" then
      open[#open + 1] = name
    end
    lu.assertNil(attributes:find("<", 1, true))
  end
  lu.assertEquals(open, {})
  lu.assertNil(xml:find("&%f[^&a-z#]"))
end

function TestMarkup:test_svg_is_well_formed()
  for _, run in ipairs(RUNS) do assert_well_formed(draw(read(run), { format = "svg" })) end
end

function TestMarkup:test_hostile_strings_stay_text()
  local svg = draw(read "hostile", { format = "svg" })
  local html = draw(read "hostile", { format = "html" })
  lu.assertNotStrContains(svg, "<script")
  lu.assertNotStrContains(svg, "<img")
  lu.assertStrContains(svg, "&lt;script&gt;alert(1)&lt;/script&gt;")
  local _, scripts = html:gsub("<script", "")
  local _, ends = html:gsub("</script", "")
  lu.assertEquals({ scripts, ends }, { 2, 2 })
  lu.assertNotStrContains(html, "<img")
  lu.assertNotStrContains(html, "<!--")
end

function TestMarkup:test_the_page_allows_its_own_script_alone()
  local html = draw(read "sync_state", { format = "html" })
  local script = html:match('<script type="module">(.-)</script>')
  local style = html:match("<style>(.-)</style>")
  lu.assertStrContains(html, "default-src 'none'")
  lu.assertStrContains(html, "script-src 'sha256-" .. sha256(script) .. "'")
  lu.assertStrContains(html, "style-src 'sha256-" .. sha256(style) .. "'")
  lu.assertNotStrContains(html, "unsafe-inline")
  lu.assertNil(html:find("https?://[^%s\"']*", html:find("<body", 1, true)))
  lu.assertNil(html:find("%sstyle="))
end

function TestMarkup:test_rows_can_be_filtered()
  local svg = draw(read "sync_state", { format = "svg" })
  lu.assertStrContains(svg,
    'data-kind="deliver" data-type="query" data-party="initiator-1" data-from="participant-2"')
end

function TestMarkup:test_content_is_cut()
  local records = pings(2, 2)
  records[4].content = { text = ("é"):rep(5000) }
  local title = draw(records, { format = "svg" }):match("{&quot;text&quot;.-</title>")
  lu.assertTrue(utf8.len(title) < 2100)
  lu.assertStrContains(title, "…</title>")
end

function TestMarkup:test_mermaid_has_no_foreign_syntax()
  for _, run in ipairs(RUNS) do
    local lines = lines_of(draw(read(run), { format = "mermaid" }))
    lu.assertEquals(lines[1], "sequenceDiagram")
    for i = 2, #lines do
      local words = lines[i]:match("^  participant p%d+ as (.+)$")
        or lines[i]:match("^  Note over p[%d,p]+: (.+)$")
        or lines[i]:match("^  p%d+%-[->x)]+p%d+: (.+)$")
        or lines[i]:match("^  %%%% %d[%d.]* s$") and ""
      lu.assertNotNil(words, lines[i])
      words = words:gsub("#%d+;", "")
      lu.assertNil(words:find("[#;:<>{}%%\"\\`]"), lines[i])
      lu.assertNil(words:lower():find("%f[%w]end%f[%W]"), lines[i])
    end
  end
end

TestCells = {}

function TestCells:test_width()
  lu.assertEquals(cells.width("abc"), 3)
  lu.assertEquals(cells.width("医院"), 4)
  lu.assertEquals(cells.width("e\u{301}"), 1)
  lu.assertEquals(cells.width("한국"), 4)
  lu.assertEquals(cells.width("é→│"), 3)
  lu.assertEquals(cells.width("🙂"), 2)
end

function TestCells:test_cutting_counts_cells()
  lu.assertEquals(cells.cut("医院医院", 8, "…"), "医院医院")
  lu.assertEquals(cells.cut("医院医院", 7, "…"), "医院医…")
  lu.assertEquals(cells.cut("医院医院", 6, "…"), "医院…")
  lu.assertEquals(cells.tail("医院abc", 4), "abc")
  lu.assertEquals(cells.tail("医院abc", 5), "院abc")
end

function TestCells:test_clean_shows_what_hides()
  lu.assertEquals(cells.clean("a\27[31m\nb\u{202E}c\xFFd"), "a\\u{1b}[31m\\nb\\u{202e}c\u{FFFD}d")
  lu.assertEquals(cells.clean("医院 ok"), "医院 ok")
end

function TestCells:test_a_half_of_a_wide_character_is_never_left()
  local line = cells.line(10)
  line:put(1, "医院医院")
  line:put(2, "x")
  lu.assertEquals(line:text(), " x院医院")
  line:put(3, "y")
  lu.assertEquals(line:text(), " xy 医院")
  line:put(10, "医")
  lu.assertEquals(line:text(), " xy 医院")
end

function TestCells:test_wrap_breaks_between_words()
  lu.assertEquals(cells.wrap("one two three", 8), { "one two", "three" })
  lu.assertEquals(cells.wrap("abcdefghij", 4), { "abcd", "efgh", "ij" })
end

TestParts = {}

function TestParts:test_short_names_are_unique()
  local list = { "participant-1", "participant-12", "participant-2", "initiator-1" }
  for width = 2, 14 do
    local short, seen = names.shorten(list, width, "…"), {}
    for _, name in ipairs(list) do
      lu.assertTrue(cells.width(short[name]) <= width)
      lu.assertNil(seen[short[name]])
      seen[short[name]] = true
    end
  end
end

function TestParts:test_json_has_sorted_keys_and_exact_numbers()
  local value = { b = { 1, 2.5, cjson.null }, a = math.mininteger, c = { d = true, ["\n"] = 0.1 } }
  lu.assertEquals(json.encode(value, { null = cjson.null }),
    '{"a":-9223372036854775808,"b":[1,2.5,null],"c":{"\\n":0.1,"d":true}}')
  lu.assertEquals(json.encode({ 1.0 }, {}), "[1.0]")
  lu.assertEquals(json.encode({}, { is_list = function() return true end }), "[]")
end

os.exit(lu.LuaUnit.run())
