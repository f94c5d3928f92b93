-- SPDX-License-Identifier: Apache-2.0
--
-- The text of --help, for a terminal of 80 columns.

local WIDTH = 80
-- The help of options begins here, or nearer if all names are short.
local HELP_COLUMN = 28

local M = {}

--- How wide a text is, if each rune is.
local function width(text)
  return #text:gsub("[\128-\191]", "")
end

--- Breaks a text into lines of at most `room`; its own line feeds stay.
local function wrap(text, room)
  local lines = {}
  for paragraph in (text .. "\n"):gmatch "([^\n]*)\n" do
    local line
    for word in paragraph:gmatch "%S+" do
      if line and width(line) + 1 + width(word) <= room then
        line = line .. " " .. word
      else
        lines[#lines + 1] = line
        line = word
      end
    end
    lines[#lines + 1] = line or ""
  end
  return lines
end

local function default_text(option)
  if option.default_text then
    return option.default_text
  elseif not option.multiple then
    return option.type.show(option.default)
  end
  local texts = {}
  for i, value in ipairs(option.default) do
    texts[i] = option.type.show(value)
  end
  return table.concat(texts, ",")
end

--- The help of an option and what its declaration says besides.
local function description(option)
  local notes = {}
  if option.required then
    notes[#notes + 1] = "required"
  elseif option.own and option.default and default_text(option) ~= "" then
    notes[#notes + 1] = "default " .. default_text(option)
    if not option.takes then
      notes[#notes + 1] = "off with --no-" .. option.name
    end
  end
  if option.env then
    notes[#notes + 1] = "or $" .. option.env
  end
  if option.multiple then
    notes[#notes + 1] = "may be repeated"
  end
  local text = option.help or ""
  if notes[1] then
    text = ("%s (%s)"):format(text, table.concat(notes, "; "))
  end
  return text
end

local function synopsis(option)
  return ("  %s--%s%s"):format(
    option.short and "-" .. option.short .. ", " or "    ", option.name,
    option.takes and " " .. option.metavar or "")
end

local function add_section(lines, title, options, column)
  if not options[1] then
    return
  end
  lines[#lines + 1] = ""
  lines[#lines + 1] = title
  for _, option in ipairs(options) do
    local left = synopsis(option)
    for _, line in ipairs(wrap(description(option), WIDTH - column)) do
      if line ~= "" and width(left) + 2 > column then
        lines[#lines + 1] = left
        left = ""
      end
      if line ~= "" then
        left = left .. (" "):rep(column - width(left)) .. line
      end
      lines[#lines + 1] = left
      left = ""
    end
  end
end

--- The help of a command line.
---@param interface table what declaration.compile made
---@param usage string the first line
---@return string text ends with a line feed
function M.text(interface, usage)
  local lines = { usage }
  if interface.about then
    lines[#lines + 1] = ""
    for _, line in ipairs(wrap(interface.about, WIDTH)) do
      lines[#lines + 1] = line
    end
  end
  local base_options = { unpack(interface.base) }
  base_options[#base_options + 1] = {
    name = "help", help = "show this text",
    short = not interface.short.h and "h" or nil,
  }
  local column = 0
  for _, options in ipairs { interface.own, base_options } do
    for _, option in ipairs(options) do
      column = math.max(column, width(synopsis(option)) + 2)
    end
  end
  column = math.min(column, HELP_COLUMN)
  add_section(lines, "options of the script:", interface.own, column)
  add_section(lines, "options of tracer:", base_options, column)
  return table.concat(lines, "\n") .. "\n"
end

return M
