-- SPDX-License-Identifier: Apache-2.0
-- luacheck: std luajit+busted

local options = require "tracer.options"

local BASE = {
  { "pid", short = "p", takes = "value", metavar = "PID", multiple = true,
    help = "a process to trace" },
  { "no-follow", help = "not its children" },
  { "bytes", short = "b", takes = "value", help = "payload kept" },
  { "output", short = "o", takes = "value", metavar = "FILE" },
  { "quiet", short = "q", help = "no ready line" },
  { "verbose", short = "v" },
}

local function words(line)
  local list = {}
  for word in line:gmatch "%S+" do
    list[#list + 1] = word
  end
  return list
end

local function parse(declaration, line, context)
  return options.parse(declaration, BASE, words(line), context)
end

--- The value of one option that is declared as `entry` and named "x".
local function value(entry, line, context)
  entry[1] = "x"
  local result, message = parse({ entry }, line, context)
  if not result then
    error(message, 0)
  end
  return result.values.x
end

--- Message and hint of a command line that is wrong.
local function failure(declaration, line, context)
  local result, message, hint = parse(declaration, line, context)
  assert.is_nil(result)
  return message, hint
end

--- What the base got, as text: "pid=3 quiet=true".
local function base_words(result)
  local list = {}
  for i, option in ipairs(result.base) do
    list[i] = option.name .. "=" .. tostring(option.value)
  end
  return table.concat(list, " ")
end

describe("values", function()
  local cases = {
    { "int", "5", 5 }, { "int", "-5", -5 }, { "int", "+5", 5 },
    { "int", "0x1f", 31 }, { "int", "9007199254740992", 2 ^ 53 },
    { "int", "9007199254740994" }, { "int", "5.5" }, { "int", "5k" },
    { "int", "" }, { "int", "nan" },
    { "number", "0.5", 0.5 }, { "number", "-.5", -0.5 },
    { "number", "1e3", 1000 }, { "number", "1e999" }, { "number", "inf" },
    { "number", "1-2" },
    { "size", "0", 0 }, { "size", "4096", 4096 }, { "size", "64k", 65536 },
    { "size", "64K", 65536 }, { "size", "16M", 2 ^ 24 },
    { "size", "1G", 2 ^ 30 }, { "size", "1T", 2 ^ 40 }, { "size", "12x" },
    { "size", "-1" }, { "size", "k" }, { "size", "9000000T" },
    { "duration", "10s", 10 }, { "duration", "250ms", 0.25 },
    { "duration", "5m", 300 }, { "duration", "1h", 3600 },
    { "duration", "1d", 86400 }, { "duration", "90", 90 },
    { "duration", "0.5", 0.5 }, { "duration", "1.5h", 5400 },
    { "duration", ".5s", 0.5 }, { "duration", "10x" }, { "duration", "-1s" },
    { "duration", "s" }, { "duration", "1S" },
    { "pid", "1", 1 }, { "pid", "4194304", 4194304 }, { "pid", "0" },
    { "pid", "-1" }, { "pid", "2147483648" }, { "pid", "x" },
    { "fds", "1", { 1 } }, { "fds", "1,2", { 1, 2 } }, { "fds", "any", {} },
    { "fds", "2,1,2", { 2, 1 } }, { "fds", "2147483647", { 2 ^ 31 - 1 } },
    { "fds", "2147483648" }, { "fds", "1," }, { "fds", "" },
    { "fds", "-1" }, { "fds", "1,any" },
    { "list", "a,b", { "a", "b" } }, { "list", "a", { "a" } },
    { "list", "", {} }, { "list", "a,,b" },
    { "string", "", "" }, { "string", "-x=y", "-x=y" },
    { "path", "/a/../b/./c//d", "/b/c/d" }, { "path", "x", "/home/me/x" },
    { "path", "" },
    { "dir", "/", "/" }, { "dir", "/var/log", "/var/log/" },
    { "dir", "log/", "/home/me/log/" }, { "dir", ".", "/home/me/" },
    { "dir", "../../../x", "/x/" }, { "dir", "" },
  }
  for _, case in ipairs(cases) do
    local type_name, text, expected = case[1], case[2], case[3]
    local does = expected == nil and "is refused" or "is read"
    it(("%s %q %s"):format(type_name, text, does), function()
      local result, message, hint = options.parse(
        { { "x", type = type_name } }, BASE, { "--x=" .. text },
        { cwd = "/home/me" })
      if expected == nil then
        assert.is_nil(result)
        assert(message:find("--x: not a", 1, true), message)
        assert(hint, "no hint")
      else
        assert.same(expected, result.values.x)
      end
    end)
  end

  it("are nil, false or empty if not given", function()
    local result = parse({
      { "a", type = "int" }, { "b", type = "flag" }, { "c", type = "list" },
      { "d", type = "fds" }, { "e", type = "int", multiple = true },
      { "f", type = "dir" },
    }, "")
    local v = result.values
    assert.is_nil(v.a)
    assert.is_false(v.b)
    assert.same({}, v.c)
    assert.same({}, v.d)
    assert.same({}, v.e)
    assert.is_nil(v.f)
  end)

  it("have underscores for dashes", function()
    local result = parse({ { "max-size", type = "int" } }, "--max-size 3")
    assert.equal(3, result.values.max_size)
  end)

  it("raise for a name that was not declared", function()
    local result = parse({ { "bytes", type = "size" } }, "")
    assert.error_matches(function()
      return result.values.byts
    end, 'options_test.lua:%d+: unknown option "byts"; did you mean "bytes"')
  end)

  it("of choices are one of them", function()
    local entry = { type = "enum", choices = { "fast", "slow" } }
    assert.equal("slow", value(entry, "--x slow"))
    local message, hint = failure({ entry }, "--x fas")
    assert.equal('--x: not one of its values: "fas"', message)
    assert.equal("did you mean fast? the values are fast, slow", hint)
  end)

  it("keep to their bounds", function()
    local entry = { type = "size", min = 16, max = "1M" }
    assert.equal(16, value(entry, "--x 16"))
    assert.equal(2 ^ 20, value(entry, "--x 1M"))
    assert.equal("--x: 15 is less than 16", failure({ entry }, "--x 15"))
    assert.equal("--x: 2M is more than 1M", failure({ entry }, "--x 2M"))
  end)

  it("are lists where they may be given again", function()
    local entry = { type = "size", multiple = true, default = { 1, "1k" } }
    assert.same({ 1, 1024 }, value(entry, ""))
    assert.same({ 2 }, value(entry, "--x 2"))
    assert.same({ 2, 3 }, value(entry, "--x 2 --x 3"))
  end)

  it("are the last of several where they may not", function()
    assert.equal(3, value({ type = "int" }, "--x 2 --x 3"))
  end)

  it("of lists and descriptors come together", function()
    assert.same({ "a", "b", "c" }, value({ type = "list" }, "--x a,b --x c"))
    assert.same({ 1, 2 }, value({ type = "fds" }, "--x 1 --x 2,1"))
    assert.same({}, value({ type = "fds" }, "--x 1 --x any"))
    assert.same({}, value({ type = "fds" }, "--x any --x 1"))
  end)

  it("of paths may be resolved by the caller", function()
    local context = {
      resolve = function(path)
        if path == "gone" then
          return nil, "no such file: gone"
        end
        return "/real/" .. path
      end,
    }
    assert.equal("/real/a/", value({ type = "dir" }, "--x a", context))
    assert.equal("/real/a",
      value({ type = "path", default = "a" }, "", context))
    assert.same({ "/real/a" },
      value({ type = "path", default = "a", multiple = true }, "", context))
    assert.equal("--x: no such file: gone",
      failure({ { "x", type = "dir" } }, "--x gone", context))
    assert.equal("--x: no such file: gone",
      failure({ { "x", type = "dir", default = "gone" } }, "", context))
  end)

  it("of relative paths need a place to begin", function()
    assert.equal('--x: not an absolute path: "a"',
      failure({ { "x", type = "path" } }, "--x a"))
  end)
end)

describe("defaults", function()
  it("may be values or texts", function()
    assert.equal(256, value({ type = "size", default = 256 }, ""))
    assert.equal(65536, value({ type = "size", default = "64k" }, ""))
    assert.equal(1, value({ type = "duration", default = "1s" }, ""))
    assert.same({}, value({ type = "fds", default = "any" }, ""))
    assert.same({ 1 }, value({ type = "fds", default = 1 }, ""))
    assert.same({ 1, 2 }, value({ type = "fds", default = { 1, 2 } }, ""))
    assert.same({ "a" }, value({ type = "list", default = { "a" } }, ""))
    assert.is_true(value({ type = "flag", default = true }, ""))
  end)

  it("come from the environment first", function()
    local variables = { SIZE = "1k", EMPTY = "", BAD = "1x", YES = "yes" }
    local context = {
      getenv = function(name)
        return variables[name]
      end,
    }
    local function entry(variable)
      return { type = "size", env = variable, default = 5 }
    end
    assert.equal(1024, value(entry "SIZE", "", context))
    assert.equal(7, value(entry "SIZE", "--x 7", context))
    assert.equal(5, value(entry "EMPTY", "", context))
    assert.equal(5, value(entry "NONE", "", context))
    assert.equal(5, value(entry "SIZE", ""))
    assert.is_true(value({ type = "flag", env = "YES" }, "", context))
    assert.equal('BAD (environment): not a size: "1x"',
      failure({ { "x", type = "size", env = "BAD" } }, "", context))
    assert.equal(1024,
      value({ type = "size", env = "SIZE", required = true }, "", context))
  end)

  it("are not there for what is required", function()
    local message, hint =
      failure({ { "x", type = "int", required = true } }, "")
    assert.equal("--x is required", message)
    assert.equal("--x N, where a whole number is 5, -5 or 0x1f", hint)
  end)
end)

describe("the command line", function()
  local declaration = {
    { "fd", short = "f", type = "fds" },
    { "offset", type = "int" },
    { "failed", short = "F", type = "flag" },
    { "color", type = "flag", default = true },
    { "name", type = "string" },
  }
  for _, line in ipairs {
    "--fd 1,2", "--fd=1,2", "-f 1,2", "-f1,2", "-Ff1,2", "-qvf 1,2",
    "--fd 1 7 --fd 2",
  } do
    it("takes " .. line, function()
      assert.same({ 1, 2 }, parse(declaration, line).values.fd)
    end)
  end

  it("mixes options, tracer's options and positionals", function()
    local result = parse(declaration,
      "12 --failed 13 -p 4 --no-follow - -qFv --output=x=y -bq")
    assert.same({ "12", "13", "-" }, result.positionals)
    assert.is_true(result.values.failed)
    assert.equal("pid=4 no-follow=true quiet=true verbose=true output=x=y " ..
      "bytes=q", base_words(result))
  end)

  it("leaves alone what stands behind --", function()
    assert.same({ "1", "--failed" },
      parse(declaration, "1 -- --failed").positionals)
  end)

  it("says no to flags", function()
    assert.is_false(parse(declaration, "--no-color").values.color)
    assert.is_true(parse(declaration, "--no-color --color").values.color)
    assert.equal("quiet=false", base_words(parse(declaration, "--no-quiet")))
    assert.equal("no-follow=true",
      base_words(parse(declaration, "--no-follow")))
  end)

  it("takes negative numbers as values, other dashes not", function()
    assert.equal(-5, parse(declaration, "--offset -5").values.offset)
    assert.equal("-5", parse(declaration, "--name -5").values.name)
    assert.equal("-x", parse(declaration, "--name=-x").values.name)
    local message, hint = failure(declaration, "--name -x")
    assert.equal("--name: missing value", message)
    assert.equal("if -x is the value: --name=-x", hint)
    message, hint = failure(declaration, "--offset --failed")
    assert.equal("--offset: missing value", message)
    assert.equal("--offset N, where a whole number is 5, -5 or 0x1f", hint)
    message, hint = failure(declaration, "-p")
    assert.equal("-p: missing value", message)
    assert.equal("-p PID", hint)
  end)

  it("gives the script what both have", function()
    local result = parse({
      { "bytes", type = "size" }, { "own", short = "p", type = "flag" },
    }, "--bytes 1k -p --pid 3")
    assert.equal(1024, result.values.bytes)
    assert.is_true(result.values.own)
    assert.equal("pid=3", base_words(result))
    assert.equal("unknown option -b", failure({ { "bytes", type = "size" } },
      "-b"))
  end)

  it("says what is wrong, and what to do", function()
    local cases = {
      { "--nam x", "unknown option --nam", "did you mean --name?" },
      { "--naem x", "unknown option --naem", "did you mean --name?" },
      { "--outptu x", "unknown option --outptu", "did you mean --output?" },
      { "--verb", "unknown option --verb", "did you mean --verbose?" },
      { "--halp", "unknown option --halp", "did you mean --help?" },
      { "--nothing-like-it", "unknown option --nothing-like-it",
        "--help lists the options" },
      { "-z", "unknown option -z", "--help lists the options" },
      { "-5", "unknown option -5", "--help lists the options" },
      { "-qz", 'unknown option -z in "-qz"', "--help lists the options" },
      { "-name x", 'unknown option -n in "-name"', "did you mean --name?" },
      { "--failed=1", "--failed takes no value" },
      { "--no-color=1", "--no-color takes no value" },
      { "--offset x", '--offset: not a whole number: "x"',
        "a whole number is 5, -5 or 0x1f" },
      { "-f x", '-f: not a list of descriptors: "x"',
        "descriptors are 1 or 1,2 or any" },
    }
    for _, case in ipairs(cases) do
      local message, hint = failure(declaration, case[1])
      assert.equal(case[2], message)
      assert.equal(case[3], hint)
    end
  end)

  it("puts no control bytes into messages", function()
    local _, message = options.parse(declaration, BASE, { "--\27[0m" })
    assert.equal("unknown option --\\x1b[0m", message)
    _, message = options.parse(declaration, BASE, { "--offset", "\n" })
    assert.equal('--offset: not a whole number: "\\x0a"', message)
  end)

  it("survives any words", function()
    math.randomseed(1)
    local parts = { "-", "--", "=", "f", "fd", "offset", "no-", "1", ",", "",
      "\255", "\0", "p", "q", "name", "any", "%", "(" }
    for _ = 1, 5000 do
      local argv = {}
      for i = 1, math.random(0, 4) do
        argv[i] = ""
        for _ = 1, math.random(0, 4) do
          argv[i] = argv[i] .. parts[math.random(#parts)]
        end
      end
      local result, message = options.parse(declaration, BASE, argv)
      assert(result or type(message) == "string")
    end
  end)
end)

describe("help", function()
  local declaration = {
    about = "Print what a process writes.",
    { "fd", short = "f", type = "fds", default = "any",
      help = "descriptors to show" },
    { "bytes", type = "size", default = 65536,
      help = "keep at most this much of each write, and mark what was cut" },
    { "mode", type = "enum", choices = { "fast", "slow" } },
    { "color", type = "flag", default = true, help = "colours" },
    { "interval-between-pictures", type = "duration", default = 0.25,
      help = "time" },
    { "name", type = "string", required = true, env = "NAME", help = "whose" },
  }
  it("is asked for by --help and -h, whatever else is wrong", function()
    for _, line in ipairs { "--help", "-h", "1 -qh", "--fd 1 --help --zzz" } do
      assert.is_true(parse(declaration, line).help)
    end
    assert.is_true(
      parse({ { "x", short = "h", type = "flag" } }, "-h").values.x)
  end)

  it("tells all options", function()
    local text = options.help(declaration, BASE, { usage = "usage: a b" })
    assert.equal([[
usage: a b

Print what a process writes.

options of the script:
  -f, --fd FDS              descriptors to show (default any)
      --bytes SIZE          keep at most this much of each write, and mark what
                            was cut (default 64k)
      --mode fast|slow
      --color               colours (default on; off with --no-color)
      --interval-between-pictures TIME
                            time (default 250ms)
      --name TEXT           whose (required; or $NAME)

options of tracer:
  -p, --pid PID             a process to trace (may be repeated)
      --no-follow           not its children
  -o, --output FILE
  -q, --quiet               no ready line
  -v, --verbose
  -h, --help                show this text
]], text)
  end)

  it("has 80 columns at most", function()
    local long = ("some long words "):rep(30)
    local text = options.help({ about = long,
      { "x", type = "int", default = 1, help = long } }, BASE)
    for line in text:gmatch "[^\n]+" do
      assert(#line <= 80, line)
    end
  end)
end)

describe("a declaration", function()
  local cases = {
    { { { "x", type = "sise" } },
      'option "x": unknown type "sise"; did you mean "size"%?' },
    { { { "x" } }, 'option "x": has no type; there is dir, duration, enum' },
    { { { "x", type = "int", defualt = 3 } },
      'option "x": unknown key "defualt"; did you mean "default"%?' },
    { { { "x", type = "int", 5 } }, 'option "x": unknown key "2"' },
    { { abuot = "" }, 'unknown key "abuot"; did you mean "about"%?' },
    { { about = 5 }, "about must be a string" },
    { { { type = "int" } }, "option 1 has no name" },
    { { "x" }, "option 1 has no name" },
    { { { "--x", type = "int" } }, "option 1 has no name" },
    { { { "help", type = "flag" } }, '"help" is there already' },
    { { { "x", type = "int" }, { "x", type = "flag" } },
      'option "x": declared twice' },
    { { { "x-y", type = "int" }, { "x_y", type = "int" } },
      'option "x_y": declared twice' },
    { { { "x", type = "flag" }, { "no-x", type = "flag" } },
      'option "no%-x": declared twice' },
    { { { "no-x", type = "flag" }, { "x", type = "flag" } },
      'option "x": there is an option "no%-x" already' },
    { { { "x", short = "a", type = "int" },
        { "y", short = "a", type = "int" } },
      'option "y": %-a is the short form of %-%-x' },
    { { { "x", short = "ab", type = "int" } }, "short must be one letter" },
    { { { "x", short = "1", type = "int" } }, "short must be one letter" },
    { { { "x", type = "int", help = 5 } }, "help must be a string" },
    { { { "x", type = "int", required = 1 } }, "required must be a boolean" },
    { { { "x", type = "int", default = "a" } }, "the default is not a whole" },
    { { { "x", type = "int", default = 0.5 } }, "the default is not a whole" },
    { { { "x", type = "int", default = true } }, "the default is not a whole" },
    { { { "x", type = "size", default = -1 } }, "the default is not a size" },
    { { { "x", type = "flag", default = 1 } }, "the default is not a yes or" },
    { { { "x", type = "string", default = 1 } }, "the default is not a text" },
    { { { "x", type = "dir", default = 1 } }, "the default is not a folder" },
    { { { "x", type = "fds", default = { -1 } } },
      "the default is not a list of descriptors" },
    { { { "x", type = "list", default = { 1 } } },
      "the default is not a list$" },
    { { { "x", type = "int", default = 5, max = 4 } },
      "the default 5 is more than 4" },
    { { { "x", type = "int", default = 5, required = true } },
      "a default is never used" },
    { { { "x", type = "int", min = "a" } }, "min is not a whole number" },
    { { { "x", type = "list", max = 5 } }, "max is for numbers" },
    { { { "x", type = "enum" } }, "an enum has choices" },
    { { { "x", type = "enum", choices = {} } }, "choices are empty" },
    { { { "x", type = "enum", choices = { 1 } } }, "choices must be strings" },
    { { { "x", type = "int", choices = { "a" } } }, "an enum has choices" },
    { { { "x", type = "enum", choices = { "a" }, default = "b" } },
      "the default is not one of its values" },
    { { { "x", type = "flag", multiple = true } }, "multiple is for types" },
  }
  for _, case in ipairs(cases) do
    it("is refused: " .. case[2], function()
      local here = debug.getinfo(1, "l").currentline
      local place = "options_test.lua:%d: options: .*%s"
      assert.error_matches(function()
        options.parse(case[1], BASE, {})
      end, place:format(here + 3, case[2]))
      assert.error_matches(function()
        local _ = options.help(case[1], BASE)
      end, place:format(here + 6, case[2]))
    end)
  end

  it("is refused at the line that `level` names", function()
    local function declare(declaration)
      local result = options.parse(declaration, BASE, {}, { level = 2 })
      return result
    end
    local here = debug.getinfo(1, "l").currentline
    assert.error_matches(function()
      local _ = declare { { "x" } }
    end, "options_test.lua:" .. here + 2 .. ": ")
  end)

  it("must be a table", function()
    assert.error_matches(function()
      options.parse("x", BASE, {})
    end, "a table expected, got string")
  end)
end)

describe("suggest", function()
  it("finds the nearest of those that are near", function()
    local names = { "filter", "format", "on" }
    assert.equal("filter", options.suggest("fliter", names))
    assert.equal("format", options.suggest("fromat", names))
    assert.equal("format", options.suggest("form", names))
    assert.is_nil(options.suggest("handler", names))
    assert.is_nil(options.suggest("", names))
    assert.is_nil(options.suggest(("x"):rep(1000), names))
  end)
end)
