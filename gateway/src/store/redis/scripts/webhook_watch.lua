-- Watches a record, once. KEYS: watch, ledger of watches.
local member, tenant, look_after, keep_for = arg[1], arg[2], arg[3], arg[4]
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('HSET', KEYS[1], 'v', WATCH_FORMAT, 'e', whole(epoch), 't', tenant, 'm', whole(now),
    'k', whole(now + keep_for), 'f', 0, 'l', 0, 'w', 0, 'r', 0, 's', '')
  redis.call('PEXPIREAT', KEYS[1], whole(now + keep_for - shift))
  redis.call('ZADD', KEYS[2], whole(now + look_after), member)
end
return {1, clock}
