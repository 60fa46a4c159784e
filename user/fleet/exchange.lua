-- SPDX-License-Identifier: GPL-2.0-only
-- One message of a host, and the answer: README.md says what each step keeps. Runs in one step.
-- KEYS: members, units, calls. ARGV: id n epoch tag flags lease expels, then for each to expel
-- id n, then for each user key "cap have need want".
-- Answers: status n epoch tag ready recorded called, then of each member id n.
local members, units, calls = KEYS[1], KEYS[2], KEYS[3]
local id, n, seen, tag, flags, lease = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local items = 8 + 2 * tonumber(ARGV[7])

local function said(flag)
	return string.find(flags, flag, 1, true) ~= nil
end

local function number(epoch)
	local digits = string.match(epoch or '', '^(%d+)%.') or '0'
	return #digits <= 15 and tonumber(digits) or 0 -- more is none that a host takes
end

-- Who is a member: names of 16 letters; whatever else is of the shard.
local shard, who, live = {}, {}, {}
local all = redis.call('HGETALL', members)
for i = 1, #all, 2 do
	if #all[i] == 16 then
		local t, last, synced = string.match(all[i + 1], '^(%d+) (%d+) (%d)$')
		who[all[i]] = {tag = t, n = last, synced = synced == '1'}
		live[t] = all[i]
	else
		shard[all[i]] = all[i + 1]
	end
end

-- The memory of this process since it became primary and since a replica came to it last: or a new
-- epoch begins. Its name is given once: no other message has this id and n.
local replid = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
local stats = redis.call('INFO', 'stats')
local full, partial = string.match(stats, 'sync_full:(%d+)'), string.match(stats, 'sync_partial_ok:(%d+)')
local server = replid .. '.' .. full .. '.' .. partial
local marker = redis.call('HGET', units, 'epoch')
local epoch = shard.epoch
if not epoch or epoch ~= marker or string.match(epoch, '^%d+%.(%x+%.%d+%.%d+)%.') ~= server or
   number(seen) > number(epoch) or (number(seen) == number(epoch) and seen ~= epoch) then
	local last = math.max(number(epoch), number(marker or ''), number(seen))
	epoch = string.format('%d.%s.%s.%s', last + 1, server, id, n)
	redis.call('UNLINK', members, units, calls)
	redis.call('HSET', members, 'epoch', epoch, 'lease', lease)
	redis.call('HSET', units, 'epoch', epoch)
	shard, who, live = {lease = lease}, {}, {}
end
if shard.lease ~= lease then
	return {'lease', n, epoch, '0', '0', shard.lease, ''}
end

-- An older message of the same host: it has given it up.
local me = who[id]
if me and tonumber(n) <= tonumber(me.n) then
	return {'stale', n, epoch, '0', '0', '', ''}
end
if said('q') then
	if me then
		redis.call('HDEL', members, id)
		redis.call('HSET', members, 'sweep', '0')
	end
	return {'left', n, epoch, '0', '0', '', ''}
end

-- Who is not known under this tag, or knows of another epoch, begins anew, and nothing else of its
-- message holds. What it held under another tag is nobody's.
if seen ~= epoch or not me or me.tag ~= tag then
	tag = tostring(redis.call('HINCRBY', members, 'tag', 1))
	redis.call('HSET', members, id, tag .. ' ' .. n .. ' 0')
	if me then
		redis.call('HSET', members, 'sweep', '0')
	end
	return {'joined', n, epoch, tag, shard.ready or '0', '', ''}
end
me.n, me.synced = n, said('s')
redis.call('HSET', members, id, tag .. ' ' .. n .. (me.synced and ' 1' or ' 0'))

-- A member that others have not seen for a lease: if it is still as they saw it.
for i = 8, items - 1, 2 do
	local other = who[ARGV[i]]
	if other and other.n == ARGV[i + 1] and ARGV[i] ~= id then
		redis.call('HDEL', members, ARGV[i])
		redis.call('HSET', members, 'sweep', '0')
		shard.sweep = '0'
		live[other.tag], who[ARGV[i]] = nil, nil
	end
end

-- Who held a lease of an older epoch is here, or has none any more.
local ready = shard.ready == '1'
if not ready and said('r') then
	ready = true
	for _, member in pairs(who) do
		ready = ready and member.synced
	end
	if ready then
		redis.call('HSET', members, 'ready', '1')
	end
end

local keys, called = {}, {}
for i = items, #ARGV, 2 do
	keys[#keys + 1] = ARGV[i]
end
local function call(list, what)
	for _, t in ipairs(list) do
		called[t] = called[t] or {}
		table.insert(called[t], what)
	end
end

-- What one user's other holders have, and what this one gets. In a value: tag=units, with a * if
-- it waits for more.
local function give(key, value, cap, have, need, want)
	local others, mine, kept, tags, waiting = 0, 0, {}, {}, {}
	for t, held, star in string.gmatch(value or '', '(%d+)=(%d+)(%*?)') do
		if t == tag then
			mine = tonumber(held)
		elseif live[t] then
			others = others + tonumber(held)
			kept[#kept + 1] = t .. '=' .. held .. star
			if star ~= '' then
				waiting[#waiting + 1] = t
			end
			if held ~= '0' then
				tags[#tags + 1] = t
			end
		end
	end
	local got = have
	local free = cap - others - have
	if ready and free > 0 and want > have then
		local must = math.min(math.max(need - have, 0), free)
		local may = math.min(want - have - must, math.floor((free - must) / 2))
		got = have + must + may
	end
	local short = need > got
	if got > 0 or short then
		kept[#kept + 1] = tag .. '=' .. got .. (short and '*' or '')
	end
	if ready and short then
		call(tags, '-' .. key)
	elseif got < mine then
		call(waiting, '+' .. key)
	end
	return got, kept
end

local recorded, set, gone = {}, {}, {}
if #keys > 0 then
	local values = redis.call('HMGET', units, unpack(keys))
	for i, key in ipairs(keys) do
		local cap, have, need, want = string.match(ARGV[items + 2 * i - 1], '^(%d+) (%d+) (%d+) (%d+)$')
		local got, kept = give(key, values[i], tonumber(cap), tonumber(have), tonumber(need), tonumber(want))
		recorded[i] = got
		if #kept > 0 then
			set[#set + 1] = key
			set[#set + 1] = table.concat(kept, ' ')
		else
			gone[#gone + 1] = key
		end
	end
end
if #set > 0 then
	redis.call('HSET', units, unpack(set))
end
if #gone > 0 then
	redis.call('HDEL', units, unpack(gone))
end

-- What is said to others waits for their next message, and they are told to send one: - and a key,
-- what is idle is to come back; + and a key, there is more. Only the latter makes a host ask again.
for t, list in pairs(called) do
	local text = redis.call('HGET', calls, t) or ''
	for _, what in ipairs(list) do
		if #text < 2000 and not string.find(text, what, 1, true) then
			text = text .. what
		end
	end
	redis.call('HSET', calls, t, text)
	redis.call('PUBLISH', calls .. ':' .. live[t], '')
end
local mine = redis.call('HGET', calls, tag) or ''
if mine ~= '' then
	redis.call('HDEL', calls, tag)
end

-- Bit by bit, what was held by those that are not there any more.
if shard.sweep then
	local cursor, found = unpack(redis.call('HSCAN', units, shard.sweep, 'COUNT', 64))
	for i = 1, #found, 2 do
		local kept, dead = {}, false
		for t, rest in string.gmatch(found[i + 1], '(%d+)(=%d+%*?)') do
			if live[t] then
				kept[#kept + 1] = t .. rest
			else
				dead = true
			end
		end
		if dead and found[i] ~= 'epoch' then
			if #kept > 0 then
				redis.call('HSET', units, found[i], table.concat(kept, ' '))
			else
				redis.call('HDEL', units, found[i])
			end
		end
	end
	if cursor == '0' then
		redis.call('HDEL', members, 'sweep')
	else
		redis.call('HSET', members, 'sweep', cursor)
	end
end

local answer = {'ok', n, epoch, tag, ready and '1' or '0', table.concat(recorded, ' '), mine}
if said('l') then
	for other, member in pairs(who) do
		answer[#answer + 1] = other
		answer[#answer + 1] = member.n
	end
end
return answer
