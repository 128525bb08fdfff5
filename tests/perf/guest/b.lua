-- SPDX-License-Identifier: MIT
-- Calls, tables, strings and patterns.
local function fib(n)
	if n < 2 then return n end
	return fib(n - 1) + fib(n - 2)
end

local x = fib(27)
local t = {}
for i = 1, 150000 do t[i] = (i * 7919) % 10007 end
table.sort(t)
local s = {}
for i = 1, 60000 do s[#s + 1] = string.format("%d:%x", i, t[i]) end
local c = table.concat(s, ",")
local n = 0
for a, b in c:gmatch("(%d+):(%x+)") do n = n + #a * #b end
local o = {}
for i = 1, 60000 do
	local key = "k" .. i % 5000
	o[key] = (o[key] or 0) + i
end
print(x, n, o.k7)
