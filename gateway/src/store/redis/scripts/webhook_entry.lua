-- A watch: a hash beside its record. Its fields: v format, e epoch, t tenant,
-- m made at, k kept until, f fence, l leased until, w woken, r reported at, s state.
local WATCH_FORMAT = 1

-- The numbers of a watch, or nil and the reason if there is one.
local function read_watch(key)
  local read = redis.call('HMGET', key, 'v', 'f', 'l', 'w', 'r', 'm', 'k')
  if not read[1] then
    return nil
  end
  if tonumber(read[1]) ~= WATCH_FORMAT then
    return nil, UNKNOWN_FORMAT
  end
  return {fence = tonumber(read[2]), leased = tonumber(read[3]), woken = read[4] == '1',
    reported = tonumber(read[5]), made = tonumber(read[6]), kept = tonumber(read[7])}
end

-- Leases a watch that nobody holds: what its holder is told.
local function lease_watch(key, ledger, member, watch, lease_for)
  local fence, till = watch.fence + 1, whole(now + lease_for)
  redis.call('HSET', key, 'f', whole(fence), 'l', till, 'w', 0)
  redis.call('ZADD', ledger, till, member)
  local rest = redis.call('HMGET', key, 't', 's')
  return {member, rest[1], fence, watch.made, watch.kept, watch.reported, rest[2]}
end
