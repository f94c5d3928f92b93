-- SPDX-License-Identifier: Apache-2.0
--
-- From what a script declared, and what tracer has as options of its own, to
-- one table of names: who is meant by --name and by -n. Mistakes in the
-- declaration come back as nil and a message; options.lua raises them.

local types = require "tracer.options.types"
local words = require "tracer.options.words"

local shown = words.shown

local M = {}

local KEYS = {
  "type", "short", "help", "default", "env", "required", "multiple", "min",
  "max", "choices", "metavar",
}

-- What type of Lua value a key has, where there is just one.
local KEY_TYPES = {
  type = "string", short = "string", help = "string", env = "string",
  metavar = "string", required = "boolean", multiple = "boolean",
  choices = "table",
}

--- The message for a word that is none of those there are.
---@param what string what it should have been: "type"
---@param word any
---@param names string[] those there are
---@return string
function M.unknown(what, word, names)
  local near = type(word) == "string" and words.suggest(word, names)
  local message = ("unknown %s %s"):format(what, shown(tostring(word)))
  return near and ("%s; did you mean %s?"):format(message, shown(near))
    or ("%s; there is %s"):format(message, table.concat(names, ", "))
end

--- A value of the declaration, given as such or as text.
local function declared_value(option, value)
  if type(value) == "string" then
    return option.type.parse(value, option)
  end
  return option.type.accept and option.type.accept(value)
end

--- Whether a number is between an option's bounds; if not, the message.
---@param option table
---@param value number
---@return boolean?
---@return string? message
function M.in_range(option, value)
  local show = option.type.show
  if option.min and value < option.min then
    return nil, ("%s is less than %s"):format(show(value), show(option.min))
  elseif option.max and value > option.max then
    return nil, ("%s is more than %s"):format(show(value), show(option.max))
  end
  return true
end

--- The default as a list of values where the option may be given again.
local function declared_default(option, default)
  local all = { default }
  if option.multiple and type(default) == "table" then
    all = default
  end
  local values = {}
  for i, one in ipairs(all) do
    local value = declared_value(option, one)
    if value == nil then
      return nil, "the default is not " .. option.type.what
    end
    if option.type.number then
      local fits, message = M.in_range(option, value)
      if not fits then
        return nil, "the default " .. message
      end
    end
    values[i] = value
  end
  if option.multiple then
    return values
  end
  return values[1]
end

local function check_keys(entry)
  for key, value in pairs(entry) do
    if key ~= 1 then
      local expected = KEY_TYPES[key]
      if expected and type(value) ~= expected then
        return ("%s must be a %s"):format(key, expected)
      end
      local known = false
      for _, name in ipairs(KEYS) do
        known = known or name == key
      end
      if not known then
        return M.unknown("key", key, KEYS)
      end
    end
  end
end

local function check_choices(option, choices)
  if (option.type == types.enum) ~= (choices ~= nil) then
    return "an enum has choices, and nothing else has"
  end
  if choices and not choices[1] then
    return "choices are empty"
  end
  for _, choice in ipairs(choices or {}) do
    if type(choice) ~= "string" then
      return "choices must be strings"
    end
  end
end

--- One option from its declaration; nil and a message if that is wrong.
local function compile_option(entry)
  local name = entry[1]
  local wrong = check_keys(entry)
  if wrong then
    return nil, wrong
  elseif not entry.type then
    return nil, "has no type; there is "
      .. table.concat(words.sorted_keys(types), ", ")
  elseif not types[entry.type] then
    return nil, M.unknown("type", entry.type, words.sorted_keys(types))
  elseif entry.short and not entry.short:find "^%a$" then
    return nil, "short must be one letter"
  elseif entry.required and entry.default ~= nil then
    return nil, "is required, so a default is never used"
  end
  local option = {
    name = name:gsub("_", "-"),
    key = name:gsub("-", "_"),
    own = true,
    type = types[entry.type],
    short = entry.short,
    help = entry.help,
    env = entry.env,
    required = entry.required,
    multiple = entry.multiple,
    choices = entry.choices,
  }
  option.takes = option.type ~= types.flag
  wrong = check_choices(option, entry.choices)
  if wrong then
    return nil, wrong
  elseif option.multiple and (option.type.merges or not option.takes) then
    return nil, "multiple is for types of one value, not for " .. entry.type
  end
  for _, bound in ipairs { "min", "max" } do
    if entry[bound] ~= nil then
      if not option.type.number then
        return nil, bound .. " is for numbers, not for " .. entry.type
      end
      option[bound] = declared_value(option, entry[bound])
      if option[bound] == nil then
        return nil, bound .. " is not " .. option.type.what
      end
    end
  end
  if entry.default ~= nil then
    option.default, wrong = declared_default(option, entry.default)
    if option.default == nil then
      return nil, wrong
    end
    option.default_text = type(entry.default) == "string" and entry.default
      or nil
  end
  option.metavar = entry.metavar or option.type.metavar
    or option.choices and table.concat(option.choices, "|")
  return option
end

--- Makes --no-x the no of the flag --x; false if it has a meaning already.
local function enter_negation(interface, option)
  if option.takes or option.name:find "^no%-" then
    return true
  end
  local negation = "no-" .. option.name
  if interface.long[negation] then
    return false
  end
  interface.long[negation] = { option = option, value = false }
  return true
end

--- Enters an option of the script; nil and a message if a name is taken.
local function enter(interface, option)
  local long, short = interface.long, interface.short
  if long[option.name] then
    return nil, "declared twice"
  end
  long[option.name] = { option = option, value = true }
  if not enter_negation(interface, option) then
    return nil, ("there is an option \"no-%s\" already"):format(option.name)
  end
  if option.short then
    if short[option.short] then
      return nil, ("-%s is the short form of --%s"):format(
        option.short, short[option.short].name)
    end
    short[option.short] = option
  end
  return true
end

--- Enters what the script leaves of the base: an option whose name it has
--- taken is gone, one whose letter it has taken keeps its name.
local function enter_base(interface, base)
  local long, short = interface.long, interface.short
  for _, entry in ipairs(base) do
    local name = entry[1]
    if name ~= "help" and not long[name] then
      local option = {
        name = name, takes = entry.takes ~= nil, help = entry.help,
        multiple = entry.multiple, metavar = entry.metavar or "VALUE",
      }
      long[name] = { option = option, value = true }
      if entry.short and not short[entry.short] then
        option.short = entry.short
        short[entry.short] = option
      end
      interface.base[#interface.base + 1] = option
    end
  end
  for _, option in ipairs(interface.base) do
    enter_negation(interface, option)
  end
end

--- All options of one command line, in their order and by their names; nil
--- and a message if the declaration is wrong.
---@param declaration table
---@param base tracer.options.Base[]
---@return table? interface
---@return string? message
function M.compile(declaration, base)
  if type(declaration) ~= "table" then
    return nil, "a table expected, got " .. type(declaration)
  end
  local interface = {
    about = declaration.about, own = {}, base = {}, long = {}, short = {},
    keys = {},
  }
  for key in pairs(declaration) do
    if key ~= "about" and type(key) ~= "number" then
      return nil, M.unknown("key", key, { "about" })
    end
  end
  if declaration.about ~= nil and type(declaration.about) ~= "string" then
    return nil, "about must be a string"
  end
  for i, entry in ipairs(declaration) do
    local name = type(entry) == "table" and entry[1]
    if type(name) ~= "string" or not name:find "^%l[%l%d_-]*$" then
      return nil, ("option %d has no name of small letters, digits and dashes")
        :format(i)
    elseif name == "help" then
      return nil, "the option \"help\" is there already"
    end
    local option, wrong = compile_option(entry)
    local entered
    if option then
      entered, wrong = enter(interface, option)
    end
    if not entered then
      return nil, ("option %s: %s"):format(shown(name), wrong)
    end
    interface.own[i] = option
    interface.keys[option.key] = true
  end
  enter_base(interface, base)
  return interface
end

return M
