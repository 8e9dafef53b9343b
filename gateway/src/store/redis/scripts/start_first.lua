-- Creates a verification or send-only delivery, sends an earlier one again, or refuses.
-- KEYS: record, number, ledger, the limits that are part of the step, idempotency
-- record (if the request has a key).
-- ARGV[2]: numbers. Then what the gateway has written as of `at`, its reading of this
-- clock: the record, the number if nothing is known about it, each with its time to
-- live, and the ledger's entry; what only the less common starts need; and for each
-- limit its state if it has none, with its time to live.
local CREATED_ANSWER, CREATED_FIRST, AT_LATE = 1, 9, 250
local at, lifetime, lease_for, kind, client, is_sent, is_first, is_complete, limits =
  struct.unpack('>I8I8I8BBBBBB', ARGV[2])
if is_first == 1 and at <= now and now - at <= AT_LATE then
  -- The common start: nothing is known. What stands in nobody's way is written
  -- at once, and taken back if something else is known.
  local free = 0
  while free < limits and redis.call('SET', KEYS[4 + free], ARGV[10 + 2 * free],
      'PX', ARGV[11 + 2 * free], 'NX') do
    free = free + 1
  end
  if free == limits and redis.call('SET', KEYS[2], ARGV[5], 'PX', ARGV[6], 'NX') then
    redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
    if is_sent == 1 then
      redis.call('ZADD', KEYS[3], ARGV[7], ARGV[8])
    end
    return {CREATED_FIRST, clock}
  end
  for index = 4, 3 + free do
    redis.call('DEL', KEYS[index])
  end
end
