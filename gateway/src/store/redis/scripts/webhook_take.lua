-- Takes one watch, due or not. KEYS: watch, ledger of watches.
-- `asking` is random: asked again for want of an answer, it is answered as before.
local member, lease_for, asking, has_changed = arg[1], arg[2], arg[3], arg[4] == 1
local watch, marker = read_watch(KEYS[1])
if marker then
  return {marker, clock}
end
if not watch then
  return {0, clock}
end
local fence = watch.fence
if watch.leased <= now then
  fence = fence + 1
  local till = whole(now + lease_for)
  redis.call('HSET', KEYS[1], 'f', whole(fence), 'l', till, 'o', asking, 'w', 0)
  redis.call('ZADD', KEYS[2], till, member)
elseif watch.asking ~= asking then
  if has_changed then
    redis.call('HSET', KEYS[1], 'w', 1)
  end
  return {0, clock}
end
local rest = redis.call('HMGET', KEYS[1], 't', 's')
return {1, clock, {member, rest[1], fence, watch.made, watch.kept, watch.reported, rest[2]}}
