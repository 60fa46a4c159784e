-- SPDX-License-Identifier: GPL-2.0-only
-- A host takes a request, if who asked still waits, and says so at the same instant: whoever does
-- not wait any more takes the request away, and by then knows of all that have taken it.
-- KEYS: the request, the list of answers. ARGV: what the host says, seconds that the list stays.
-- Answers: the request, or nil.
local request = redis.call('GET', KEYS[1])
if request then
	redis.call('RPUSH', KEYS[2], ARGV[1])
	redis.call('EXPIRE', KEYS[2], ARGV[2])
end
return request
