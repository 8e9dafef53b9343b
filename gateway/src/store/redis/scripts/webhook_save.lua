-- Writes a leased watch. KEYS: watch, ledger of watches.
local STAYS, AT, FORGET = 0, 1, 2
local member, fence, state, how, at = arg[1], arg[2], arg[3], arg[4], arg[5]
local watch, marker = read_watch(KEYS[1])
if marker then
  return {marker, clock}
end
if not watch or watch.fence ~= fence then
  return {0, clock}
end
if how == FORGET then
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[2], member)
  return {1, clock}
end
redis.call('HSET', KEYS[1], 's', state)
-- Asked again for want of an answer, the lease has ended, and a wake is noted.
if how == AT and watch.leased ~= 0 then
  redis.call('HSET', KEYS[1], 'l', 0, 'w', 0)
  if watch.woken then
    at = now
  end
  redis.call('ZADD', KEYS[2], whole(at), member)
end
return {1, clock}
