-- Reads what was counted in an hour. KEYS: the hour.
return {1, clock, redis.call('GET', KEYS[1])}
