-- Reads what is known about a number. KEYS: number.
return {1, clock, redis.call('GET', KEYS[1])}
