"""Lua: modules, scripts, files and commands, aliases, long brackets, and texts that do not end."""

MAIN = rb"""#!/usr/bin/lua5.4
package.path = "/app/?.lua;" .. package.path
local popen = io.popen
local x = require "a.b"
if x then dofile(dir .. "/more.lua") end
local function f() return io.open([==[
/etc/x]==], 'r') end
pcall(require, "cjson")
os.execute("ls " .. x:name("y") .. " \z
   -l\x41\065")
popen 'date'
"""

SAMPLES = (
    ("", MAIN),
    ("", b'--[[ a comment\n]] redis.call("get", KEYS[1])'),
    ("", b'require("a'),
    ("", b"x = [==[ never ]=]"),
    ("", bytes(range(256))),
)
