-- Reads some lines of a subject's audit trail. KEYS: audit.
local from, count = arg[1], arg[2]
return {1, clock, redis.call('LRANGE', KEYS[1], from, from + count - 1)}
