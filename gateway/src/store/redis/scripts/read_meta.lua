-- Reads what all nodes agree on. KEYS: meta.
local stored = redis.call('HMGET', KEYS[1], 'revision', 'meta')
return {1, clock, tonumber(stored[1] or 0), stored[2]}
