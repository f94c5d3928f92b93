-- SPDX-License-Identifier: Apache-2.0
--
-- The types that the value of an option can have. Each is a record of
--
--   what      the noun of "not a size"
--   forms     how a value may look, for the hint
--   metavar   what stands for a value in the help
--   parse     from text; nil if it is not one, or nil and a message of its own
--   accept    from a Lua value in the declaration, where text is not enough
--   show      a value as a user would write it
--   number    min and max may be given
--   merges    given again, the values become one list
--   finish    the last step, for a value that is used; may fail as parse may

local words = require "tracer.options.words"

local shown = words.shown

-- Integers up to here are exact in a Lua number.
local EXACT = 2 ^ 53

local types = {}

local function is_whole(value)
  return type(value) == "number" and value % 1 == 0
    and value >= -EXACT and value <= EXACT
end

local function show_integer(value)
  return ("%d"):format(value)
end

types.int = {
  what = "a whole number", forms = "a whole number is 5, -5 or 0x1f",
  metavar = "N", number = true, show = show_integer,
  parse = function(text)
    local sign, digits = text:match "^([+-]?)(%d+)$"
    if not sign then
      sign, digits = text:match "^([+-]?)(0[xX]%x+)$"
    end
    local value = tonumber(digits)
    if value and value <= EXACT then
      return sign == "-" and -value or value
    end
  end,
  accept = function(value)
    return is_whole(value) and value or nil
  end,
}

types.number = {
  what = "a number", forms = "a number is 5, -0.5 or 1e6",
  metavar = "X", number = true, show = tostring,
  parse = function(text)
    local value = text:find "^[+-]?%.?%d[%d.eE+-]*$" and tonumber(text)
    return value and math.abs(value) < math.huge and value or nil
  end,
  accept = function(value)
    return type(value) == "number" and value == value and value or nil
  end,
}

local SIZE_UNITS = { "k", "M", "G", "T" }
local SIZE_POWERS = { k = 1, m = 2, g = 3, t = 4 }

types.size = {
  what = "a size", forms = "a size is 4096, 64k, 16M or 1G, in bytes",
  metavar = "SIZE", number = true,
  parse = function(text)
    local digits, unit = text:match "^(%d+)([kKmMgGtT]?)$"
    if not digits then
      return nil
    end
    local value = tonumber(digits) * 1024 ^ (SIZE_POWERS[unit:lower()] or 0)
    return value <= EXACT and value or nil
  end,
  accept = function(value)
    return is_whole(value) and value >= 0 and value or nil
  end,
  show = function(value)
    local unit = ""
    for _, next_unit in ipairs(SIZE_UNITS) do
      if value < 1024 or value % 1024 ~= 0 then
        break
      end
      value, unit = value / 1024, next_unit
    end
    return show_integer(value) .. unit
  end,
}

local SECONDS = {
  ns = 1e-9, us = 1e-6, ms = 1e-3, s = 1, m = 60, h = 3600, d = 86400,
  [""] = 1,
}

types.duration = {
  what = "a time", forms = "a time is 10s, 250ms, 5m, 1h or 90, in seconds",
  metavar = "TIME", number = true,
  parse = function(text)
    local digits, unit = text:match "^(%d*%.?%d+)(%l*)$"
    local value = tonumber(digits)
    return value and SECONDS[unit] and value * SECONDS[unit] or nil
  end,
  accept = function(value)
    return type(value) == "number" and value >= 0 and value < math.huge
      and value or nil
  end,
  show = function(value)
    for _, unit in ipairs { "h", "m", "s", "ms", "us" } do
      local count = value / SECONDS[unit]
      if count >= 1 and count % 1 == 0 then
        return show_integer(count) .. unit
      end
    end
    return tostring(value) .. "s"
  end,
}

types.pid = {
  what = "a process id", forms = "a process id is a whole number from 1",
  metavar = "PID", number = true, show = show_integer,
  parse = function(text)
    local value = text:find "^%d+$" and tonumber(text)
    return value and value >= 1 and value < 2 ^ 31 and value or nil
  end,
  accept = function(value)
    return is_whole(value) and value >= 1 and value < 2 ^ 31 and value or nil
  end,
}

--- Appends those of `more` that `list` does not have.
local function add_new(list, more)
  local known = {}
  for _, value in ipairs(list) do
    known[value] = true
  end
  for _, value in ipairs(more) do
    if not known[value] then
      list[#list + 1], known[value] = value, true
    end
  end
  return list
end

--- The parts of a text between commas; none of empty text.
local function split(text)
  local parts = {}
  if text ~= "" then
    for part in (text .. ","):gmatch "([^,]*)," do
      parts[#parts + 1] = part
    end
  end
  return parts
end

local function is_fd(value)
  return is_whole(value) and value >= 0 and value < 2 ^ 31
end

types.fds = {
  what = "a list of descriptors", forms = "descriptors are 1 or 1,2 or any",
  metavar = "FDS",
  parse = function(text)
    local fds = {}
    if text == "any" then
      return fds
    end
    for _, part in ipairs(split(text)) do
      local fd = part:find "^%d+$" and tonumber(part)
      if not is_fd(fd) then
        return nil
      end
      add_new(fds, { fd })
    end
    return fds[1] and fds
  end,
  accept = function(value)
    local fds = type(value) == "table" and value or { value }
    for _, fd in ipairs(fds) do
      if not is_fd(fd) then
        return nil
      end
    end
    return add_new({}, fds)
  end,
  show = function(value)
    return value[1] and table.concat(value, ",") or "any"
  end,
  merges = function(before, more)
    -- Empty is "any", which has them all.
    return before[1] and more[1] and add_new(before, more) or {}
  end,
}

types.list = {
  what = "a list", forms = "a list is one or more words: a,b,c",
  metavar = "LIST",
  parse = function(text)
    local parts = split(text)
    for _, part in ipairs(parts) do
      if part == "" then
        return nil
      end
    end
    return parts
  end,
  accept = function(value)
    if type(value) ~= "table" then
      return nil
    end
    local parts = {}
    for i, part in ipairs(value) do
      if type(part) ~= "string" then
        return nil
      end
      parts[i] = part
    end
    return parts
  end,
  show = function(value)
    return value[1] and table.concat(value, ",") or "none"
  end,
  merges = function(before, more)
    for _, part in ipairs(more) do
      before[#before + 1] = part
    end
    return before
  end,
}

types.string = {
  what = "a text", metavar = "TEXT", show = shown,
  parse = function(text)
    return text
  end,
}

types.enum = {
  what = "one of its values",
  show = tostring,
  parse = function(text, option)
    for _, choice in ipairs(option.choices) do
      if choice == text then
        return text
      end
    end
  end,
}

--- An absolute path without "." and ".." parts. Symbolic links are not seen
--- here: where they matter, the caller gives a `resolve`.
local function lexically_absolute(path, cwd)
  if path:sub(1, 1) ~= "/" then
    if not cwd then
      return nil, "not an absolute path: " .. shown(path)
    end
    path = cwd .. "/" .. path
  end
  local parts = {}
  for part in path:gmatch "[^/]+" do
    if part == ".." then
      parts[#parts] = nil
    elseif part ~= "." then
      parts[#parts + 1] = part
    end
  end
  return "/" .. table.concat(parts, "/")
end

local function resolve(path, context)
  if context.resolve then
    return context.resolve(path)
  end
  return lexically_absolute(path, context.cwd)
end

types.path = {
  what = "a path", forms = "a path is /var/log/x or x", metavar = "PATH",
  show = tostring,
  parse = function(text)
    return text ~= "" and not text:find("\0", 1, true) and text or nil
  end,
  finish = resolve,
}

types.dir = {
  what = "a folder", forms = "a folder is /var/log or log", metavar = "DIR",
  show = tostring, parse = types.path.parse,
  finish = function(path, context)
    local absolute, message = resolve(path, context)
    if not absolute then
      return nil, message
    end
    return absolute:sub(-1) == "/" and absolute or absolute .. "/"
  end,
}

local TRUTHS = {
  ["1"] = true, yes = true, ["true"] = true, on = true,
  ["0"] = false, no = false, ["false"] = false, off = false,
}

-- Text of a flag comes only from the environment.
types.flag = {
  what = "a yes or a no", forms = "1, yes and true; 0, no and false",
  show = function(value)
    return value and "on" or "off"
  end,
  parse = function(text)
    return TRUTHS[text:lower()]
  end,
  accept = function(value)
    if type(value) == "boolean" then
      return value
    end
  end,
}

return types
