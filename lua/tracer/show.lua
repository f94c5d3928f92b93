-- SPDX-License-Identifier: Apache-2.0
--
-- Shows pictures: on a terminal in place of those before, as long as events
-- come; in a file, and at the end of the trace, one below the other. What is
-- shown for one event, or in one go between events, stands on the screen
-- together; of what a batch of events shows, the screen gets the last.

local buffer = require "string.buffer"
local core = require "tracer.core"
local ffi = require "ffi"
local output = require "tracer.output"
local json_of = require("tracer.picture").json_of
local valid = require("tracer.json").valid

ffi.cdef [[
int tracer_terminal_size(void *engine, uint16_t *rows, uint16_t *columns);
]]

local C = ffi.C
local engine = ffi.cast("void *", core.engine)
local counts = ffi.cast("uint64_t *", core.counts)
local CURSOR = 0 -- which event is handled: Engine::kCursor

local M = {}

local HOME, BELOW = "\27[H", "\27[J" -- the cursor there; clears what is below
local END_OF_LINE = "\27[K" -- clears it
local CUT, WRAP = "\27[?7l", "\27[?7h" -- what becomes of lines too long

local has_screen = os.getenv("TERM") ~= "dumb"
local rows, columns = ffi.new("uint16_t[1]"), ffi.new("uint16_t[1]")

--- Height and width of the terminal that results go to; nil if it is none.
local function terminal()
  if C.tracer_terminal_size(engine, rows, columns) == 0 then
    return nil
  end
  return rows[0], columns[0]
end

---- In place -------------------------------------------------------------------

local frame = {} -- lines that wait for the end of the batch
local lines = 0 -- how many there would be with those that find no room
local of_event -- what the cursor was when they were shown
local height -- of the terminal they are for
local is_first = true

--- Begins the frame anew if what is in it was shown for another event.
local function begin_frame(its_height)
  local event = tonumber(counts[CURSOR])
  if event ~= of_event or lines == 0 then
    frame, lines, height = {}, 0, its_height
  end
  of_event, height = event, math.min(height, its_height)
end

--- Adds to the frame what there is room for; the rest is only counted.
local function add_to_frame(text)
  for line in text:gmatch("([^\n]*)\n") do
    lines = lines + 1
    if lines <= height then
      frame[lines] = line
    end
  end
end

local function draw()
  if lines == 0 then
    return
  end
  local buf = output.buffer
  -- The last line is the cursor's.
  local room = math.max(height - 1, 1)
  local shown = lines > room and room - 1 or lines
  if is_first then
    -- What is on the screen goes where it can be scrolled to.
    buf:put(("\n"):rep(height))
    is_first = false
  end
  buf:put(CUT, HOME)
  for i = 1, shown do
    buf:put(frame[i], END_OF_LINE, "\n")
  end
  if shown < lines then
    buf:put("… ", lines - shown, " more", END_OF_LINE, "\n")
  end
  buf:put(BELOW, WRAP)
  frame, lines = {}, 0
end

output.before_flush(draw)

---- One below the other --------------------------------------------------------

--- The time before a picture, on a line of its own.
local function time_line()
  local buf = buffer.new()
  output.put_time(buf)
  return buf:tostring():sub(1, -2) .. "\n"
end

local function append(buf, text)
  if #buf > 0 or output.has_begun then
    buf:put("\n")
  end
  if output.prefix then
    buf:put(time_line())
  end
  buf:put(text)
end

---- What scripts call ----------------------------------------------------------

local function is_picture(what)
  local class = getmetatable(what)
  return type(what) == "table" and type(class) == "table"
    and rawget(class, "render") ~= nil
end

local function json_text(text)
  local latin1 = not valid(text)
  return '{"text":' .. json_of(text, latin1) ..
    (latin1 and ',"enc":"latin1"}\n' or "}\n")
end

--- Shows a picture (tracer.table, tracer.histogram, a counter) or a text. On a
--- terminal it takes the place of what was shown before, and is cut to the
--- screen; in a file and when the trace has ended it is added, after an empty
--- line. With --format json it is objects.
---@param what string|tracer.Picture|tracer.HistogramPicture|tracer.Counter
function M.show(what)
  local is_text = type(what) == "string"
  if not is_text and not is_picture(what) then
    error("tracer.show: a picture (of tracer.table, tracer.histogram) or a " ..
      "text expected, got " .. type(what), 2)
  elseif not output.is_bound then
    error("tracer.show: the trace does not run yet; show things in handlers", 2)
  end
  local buf = output.buffer
  if output.json then
    if is_text then
      buf:put(json_text(what))
    else
      what:put_json(buf)
    end
    return
  end
  local its_height, width = terminal()
  local text = is_text and what or what:render(width)
  if text:sub(-1) ~= "\n" then
    text = text .. "\n"
  end
  if not its_height or not has_screen or output.ended then
    append(buf, text)
    return
  end
  begin_frame(its_height)
  if lines > 0 then
    add_to_frame("\n")
  end
  if output.prefix then
    add_to_frame(time_line())
  end
  add_to_frame(text)
end

return M
