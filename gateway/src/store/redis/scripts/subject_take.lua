-- Takes the subjects of a shard that are due, oldest first: each is due again a
-- little later. KEYS: ledger of subjects, what the same asking took before.
local count_max, again_after = arg[1], arg[2]
-- What another release wrote is looked at again after an hour.
local UNREADABLE_AGAIN = 3600000
local ledger = KEYS[1]
-- Asked again for want of an answer, it is answered as before.
local before = redis.call('LRANGE', KEYS[2], 0, -1)
if #before > 0 then
  return {1, clock, before}
end
local subjects = string.sub(ledger, 1, -15) .. 'subject:'
local taken = {}
for _, member in ipairs(redis.call('ZRANGEBYSCORE', ledger, '-inf', whole(now), 'LIMIT', 0, count_max)) do
  local format = redis.call('HGET', subjects .. member, 'v')
  if not format then
    redis.call('ZREM', ledger, member)
  elseif is_foreign(format) then
    redis.call('ZADD', ledger, whole(now + UNREADABLE_AGAIN), member)
  else
    redis.call('ZADD', ledger, whole(now + again_after), member)
    taken[#taken + 1] = member
  end
end
if #taken > 0 then
  redis.call('RPUSH', KEYS[2], unpack(taken))
  -- By then all of them are due again.
  redis.call('PEXPIREAT', KEYS[2], whole(clock + again_after))
end
return {1, clock, taken}
