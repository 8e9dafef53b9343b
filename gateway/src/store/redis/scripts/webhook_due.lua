-- Finds the watches of a shard that are due, oldest first. KEYS: ledger of watches.
local count_max = arg[1]
-- What another release wrote is looked at again after an hour.
local UNREADABLE_AGAIN = 3600000
local ledger = KEYS[1]
local watches = string.sub(ledger, 1, -15) .. 'w:'
local due = {}
for _, member in ipairs(redis.call('ZRANGEBYSCORE', ledger, '-inf', whole(now), 'LIMIT', 0, count_max)) do
  local watch, marker = read_watch(watches .. member)
  if marker then
    redis.call('ZADD', ledger, whole(now + UNREADABLE_AGAIN), member)
  elseif not watch then
    redis.call('ZREM', ledger, member)
  elseif watch.leased > now then
    redis.call('ZADD', ledger, whole(watch.leased), member)
  else
    due[#due + 1] = member
  end
end
return {1, clock, due}
