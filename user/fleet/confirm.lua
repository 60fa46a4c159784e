-- SPDX-License-Identifier: GPL-2.0-only
-- Runs after WAIT: what has not changed since exchange.lua named the epoch by it has been so all the
-- time, and the replicas that WAIT counted have been this server's since before the epoch began.
local replid = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
local stats = redis.call('INFO', 'stats')
local full, partial = string.match(stats, 'sync_full:(%d+)'), string.match(stats, 'sync_partial_ok:(%d+)')
return replid .. '.' .. full .. '.' .. partial
