-- SPDX-License-Identifier: Apache-2.0
--
-- The options of a script: from their declaration and the words of the
-- command line to checked values and to the text of --help. Words may also be
-- options of tracer itself (the base); those come back as they stand, for
-- their owner knows what they mean. Where both have a name, it is the
-- script's.
--
-- What the user did wrong is returned: nil, a message and a hint. What is
-- wrong in the declaration raises at the script's line. Nothing here reads
-- files or the environment, prints or exits: the caller passes that in.
--
--   { about = "Show what a process writes.",
--     { "bytes", short = "b", type = "size", default = 256, help = "..." } }
--
-- An option has a name, and may have
--   type      int number size duration pid fds path dir flag list enum string
--   short     one letter: -b
--   help      one sentence, a default is added to it
--   default   the value if none is given, or the text of one: 256, "64k"
--   env       the environment variable that is a default before `default`
--   required  true: must be given
--   multiple  true: may be given again, and the value is a list
--   min, max  for numbers, written as the default is
--   choices   the words of an enum
--   metavar   what stands for the value in the help
-- A dash in a name is an underscore in the values: --max-size, opt.max_size.

local declare = require "tracer.options.declaration"
local help = require "tracer.options.help"
local types = require "tracer.options.types"
local words = require "tracer.options.words"

local M = {}

--- The one of some names that a word was probably meant to be.
---@type fun(word: string, names: string[]): string?
M.suggest = words.suggest

local HELP_HINT = "--help lists the options"
local USAGE =
  "usage: tracer run [options] SCRIPT [PID...] [options] [-- CMD ARGS...]"

--- What is left to do with a value when it is known that it is used: paths
--- become absolute.
local function finish(option, value, label, context)
  if not option.type.finish then
    return value
  end
  local finished, message = option.type.finish(value, context)
  if finished == nil then
    return nil, label .. ": " .. (message or "no such path")
  end
  return finished
end

--- The value of one text for one option; nil, a message and a hint if it is
--- not one. `label` is how the user named the option.
local function convert(option, text, label, context)
  local value, message = option.type.parse(text, option)
  if value == nil then
    local hint = option.type.forms
    if option.choices then
      local near = words.suggest(text, option.choices)
      hint = "the values are " .. table.concat(option.choices, ", ")
      hint = near and ("did you mean %s? %s"):format(near, hint) or hint
    end
    message = message
      or ("not %s: %s"):format(option.type.what, words.shown(text))
    return nil, label .. ": " .. message, hint
  end
  if option.type.number then
    local fits
    fits, message = declare.in_range(option, value)
    if not fits then
      return nil, label .. ": " .. message
    end
  end
  return finish(option, value, label, context)
end

--- How an option is given.
local function usage_hint(option, label)
  local hint = label .. " " .. option.metavar
  if option.own and option.type.forms then
    hint = hint .. ", where " .. option.type.forms
  end
  return hint
end

--- Reads the words; one object for each command line.
local Reader = {}
Reader.__index = Reader

function Reader:fail(message, hint)
  self.message, self.hint = message, hint
  return false
end

--- Takes one value of an option. False after an error, as all that follow.
function Reader:take(option, label, text)
  if not option.own then
    self.base[#self.base + 1] = { name = option.name, value = text }
    return true
  elseif not option.takes then
    self.given[option] = text
    return true
  end
  local value, message, hint = convert(option, text, label, self.context)
  if value == nil then
    return self:fail(message, hint)
  end
  local before = self.given[option]
  if option.type.merges and before then
    value = option.type.merges(before, value)
  elseif option.multiple then
    before = before or {}
    before[#before + 1] = value
    value = before
  end
  self.given[option] = value
  return true
end

--- Takes the next word as the value of an option. A word with a dash is none,
--- for then a value was forgotten, unless it is a negative number.
function Reader:take_next(option, label)
  local word = self.words[self.at + 1]
  if word and (not word:find "^%-." or word:find "^%-%.?%d") then
    self.at = self.at + 1
    return self:take(option, label, word)
  end
  local hint = usage_hint(option, label)
  if word and (not option.own or option.type == types.string) then
    hint = ("if %s is the value: --%s=%s"):format(word, option.name, word)
  end
  return self:fail(label .. ": missing value", hint)
end

function Reader:long_option(word)
  local name, text = word:match "^%-%-([^=]*)=(.*)$"
  name = name or word:sub(3)
  local label = "--" .. name
  local found = self.interface.long[name]
  if name == "help" then
    self.help = true
    return true
  elseif not found then
    local names = words.sorted_keys(self.interface.long)
    names[#names + 1] = "help"
    local near = words.suggest(name, names)
    return self:fail("unknown option --" .. words.shown(name):sub(2, -2),
      near and ("did you mean --%s?"):format(near) or HELP_HINT)
  end
  local option = found.option
  if not option.takes then
    if text then
      return self:fail(label .. " takes no value")
    end
    return self:take(option, label, found.value)
  elseif text then
    return self:take(option, label, text)
  end
  return self:take_next(option, label)
end

--- A dash and letters: flags, and at the end perhaps an option with its value.
function Reader:short_options(word)
  for i = 2, #word do
    local letter = word:sub(i, i)
    local label = "-" .. letter
    local option = self.interface.short[letter]
    if not option then
      if letter == "h" then
        -- Whoever wants the letter declares it: then this is not reached.
        self.help = true
        return true
      end
      local message = "unknown option " .. words.shown(label):sub(2, -2)
      if #word > 2 then
        message = message .. " in " .. words.shown(word)
      end
      local long = self.interface.long[word:match "^%-([^=]*)"]
      return self:fail(message,
        long and ("did you mean -%s?"):format(word) or HELP_HINT)
    elseif option.takes then
      if i < #word then
        return self:take(option, label, word:sub(i + 1))
      end
      return self:take_next(option, label)
    end
    self:take(option, label, true)
  end
  return true
end

--- Reads all words, up to the first error or --help.
function Reader:read()
  while self.at < #self.words and not self.help do
    self.at = self.at + 1
    local word = self.words[self.at]
    local read = true
    if word == "--" then
      for i = self.at + 1, #self.words do
        self.positionals[#self.positionals + 1] = self.words[i]
      end
      break
    elseif word:sub(1, 2) == "--" then
      read = self:long_option(word)
    elseif word:find "^%-." then
      read = self:short_options(word)
    else
      self.positionals[#self.positionals + 1] = word
    end
    if not read then
      return false
    end
  end
  return true
end

--- The value of an option that no word gave; a message if there must be one.
local function fallback(option, context)
  local label = "--" .. option.name
  local text = option.env and context.getenv and context.getenv(option.env)
  if text and text ~= "" then
    local value, message, hint =
      convert(option, text, option.env .. " (environment)", context)
    if option.multiple and value ~= nil then
      value = { value }
    end
    return value, message, hint
  elseif option.required then
    return nil, label .. " is required", usage_hint(option, label)
  elseif option.default == nil then
    if option.multiple or option.type.merges then
      return {}
    end
    if not option.takes then
      return false
    end
    return nil
  elseif not option.multiple then
    return finish(option, option.default, label, context)
  end
  local values = {}
  for i, default in ipairs(option.default) do
    local value, message = finish(option, default, label, context)
    if message then
      return nil, message
    end
    values[i] = value
  end
  return values
end

--- The values by name; asking for one that was not declared raises, for it is
--- a slip of the pen in the script.
local function guarded(values, keys)
  return setmetatable(values, {
    __index = function(_, key)
      if not keys[key] then
        error(declare.unknown("option", key, words.sorted_keys(keys)), 2)
      end
    end,
  })
end

---@class tracer.options.Context
---@field level integer? whose line is at fault if the declaration is wrong,
--- as in error(): 1, the default, is the caller, 2 its caller. A caller must
--- not tail-call, or it is not on the stack.
---@field getenv (fun(name: string): string?)? without it `env` is ignored
---@field cwd string? where relative paths begin
---@field resolve (fun(path: string): string?, string?)? the absolute path, or
--- nil and a message; without it, paths are joined with cwd as text
---@field usage string? the first line of help()

---@class tracer.options.Base
---@field [1] string the name
---@field short string? one letter
---@field takes string? "value" if one must follow
---@field help string?
---@field metavar string?
---@field multiple boolean? only said in the help

---@class tracer.options.Result
---@field values table<string, any> the script's, by name
---@field base { name: string, value: string|boolean }[] in their order
---@field positionals string[]
---@field help boolean? --help was there; the rest is then empty

--- Reads a command line.
---@param declaration table what the script said
---@param base tracer.options.Base[] tracer's own options
---@param argv string[] the words after the script's name
---@param context tracer.options.Context?
---@return tracer.options.Result? result nil if the user made an error
---@return string? message
---@return string? hint
function M.parse(declaration, base, argv, context)
  context = context or {}
  local interface, wrong = declare.compile(declaration, base)
  if not interface then
    error("options: " .. wrong, (context.level or 1) + 1)
  end
  local reader = setmetatable({
    interface = interface, words = argv, context = context, at = 0,
    given = {}, base = {}, positionals = {},
  }, Reader)
  if not reader:read() then
    return nil, reader.message, reader.hint
  elseif reader.help then
    return { values = {}, base = {}, positionals = {}, help = true }
  end
  local values = {}
  for _, option in ipairs(interface.own) do
    local value = reader.given[option]
    if value == nil then
      local message, hint
      value, message, hint = fallback(option, context)
      if message then
        return nil, message, hint
      end
    end
    values[option.key] = value
  end
  return {
    values = guarded(values, interface.keys),
    base = reader.base,
    positionals = reader.positionals,
  }
end

--- The text of --help.
---@param declaration table what the script said
---@param base tracer.options.Base[] tracer's own options
---@param context tracer.options.Context?
---@return string text ends with a line feed
function M.help(declaration, base, context)
  context = context or {}
  local interface, wrong = declare.compile(declaration, base)
  if not interface then
    error("options: " .. wrong, (context.level or 1) + 1)
  end
  return help.text(interface, context.usage or USAGE)
end

return M
