-- Notes once that the person had not asked for the code. KEYS: watch, ledger of watches.
local member = arg[1]
local watch, marker = read_watch(KEYS[1])
if marker then
  return {marker, clock}
end
if watch and watch.reported == 0 then
  redis.call('HSET', KEYS[1], 'r', whole(now))
  if watch.leased > now then
    redis.call('HSET', KEYS[1], 'w', 1)
  else
    redis.call('ZADD', KEYS[2], whole(now), member)
  end
end
return {1, clock}
