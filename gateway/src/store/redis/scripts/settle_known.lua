-- Settles a delivery that nobody has touched since it was created: the gateway
-- knows every byte of the record's head, and has written what becomes of it.
-- It needs no clock: as long as the head is the same, nothing has been decided.
-- KEYS: record, ledger. ARGV: the head, what it becomes, the ledger's entry, and
-- when that is due; empty if nothing is.
if redis.call('GETRANGE', KEYS[1], 0, #ARGV[1] - 1) ~= ARGV[1] then
  -- Settled already, if this is the same question once more.
  return redis.call('GETRANGE', KEYS[1], 0, #ARGV[2] - 1) == ARGV[2] and 1 or 0
end
redis.call('SETRANGE', KEYS[1], 0, ARGV[2])
if ARGV[4] == '' then
  redis.call('ZREM', KEYS[2], ARGV[3])
else
  redis.call('ZADD', KEYS[2], ARGV[4], ARGV[3])
end
return 1
