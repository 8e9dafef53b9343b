-- Reads records. KEYS: records.
return {1, clock, redis.call('MGET', unpack(KEYS))}
