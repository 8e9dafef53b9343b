-- Takes the watches of a shard that are due, oldest first. KEYS: ledger of watches.
local count_max, lease_for = arg[1], arg[2]
-- What another release wrote is looked at again after an hour.
local UNREADABLE_AGAIN = 3600000
local ledger = KEYS[1]
local watches = string.sub(ledger, 1, -15) .. 'w:'
local taken = {}
for _, member in ipairs(redis.call('ZRANGEBYSCORE', ledger, '-inf', whole(now), 'LIMIT', 0, count_max)) do
  local key = watches .. member
  local watch, marker = read_watch(key)
  if marker then
    redis.call('ZADD', ledger, whole(now + UNREADABLE_AGAIN), member)
  elseif not watch then
    redis.call('ZREM', ledger, member)
  elseif watch.leased > now then
    redis.call('ZADD', ledger, whole(watch.leased), member)
  else
    taken[#taken + 1] = lease_watch(key, ledger, member, watch, lease_for)
  end
end
return {1, clock, taken}
