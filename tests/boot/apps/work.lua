-- SPDX-License-Identifier: MIT
-- Sorting, hashing, closures, strings and coroutines; prints what came out.
local function hash(s)
	local h = 5381
	for i = 1, #s do
		h = (h * 33 + s:byte(i)) % 4294967296
	end
	return h
end

local numbers, seed = {}, 12345
for i = 1, 20000 do
	seed = (seed * 1103515245 + 12345) % 2147483648
	numbers[i] = seed
end
table.sort(numbers)
local parts = {}
for i = 1, #numbers, 97 do
	parts[#parts + 1] = string.format("%08x", numbers[i])
end
print("sort", #numbers, hash(table.concat(parts, ",")))

local words = {}
for word in ("the quick brown fox jumps over the lazy dog "):rep(500):gmatch("%a+") do
	words[word] = (words[word] or 0) + 1
end
local keys = {}
for word in pairs(words) do
	keys[#keys + 1] = word
end
table.sort(keys)
for _, word in ipairs(keys) do
	io.write(word, "=", words[word], " ")
end
print()

local sum = 0
local co = coroutine.wrap(function()
	for i = 1, 20000 do
		coroutine.yield(i * i % 1001)
	end
end)
for _ = 1, 20000 do
	sum = sum + co()
end
print("coroutines", sum)

local x = 0.5
for i = 1, 50000 do
	x = 3.9 * x * (1 - x) + math.sin(i) / 1e6
end
print("floats", string.format("%.6f %a", x, math.sqrt(2)))
