-- Writes what all nodes agree on, if its revision is still the one named. KEYS: meta.
local revision = tonumber(redis.call('HGET', KEYS[1], 'revision') or 0)
if revision ~= arg[1] then
  return {0, clock}
end
redis.call('HSET', KEYS[1], 'revision', revision + 1, 'meta', arg[2])
return {1, clock}
