-- vim: ft=lua
std = "luajit"
max_line_length = 100

-- Annotations declare, they do not define.
exclude_files = { "lua/types" }

-- Cases are sentences: describe("...", function() it("...", ...) end).
files["tests/lua"] = { std = "luajit+busted" }
files["tests/scripts"] = { std = "luajit+busted" }
