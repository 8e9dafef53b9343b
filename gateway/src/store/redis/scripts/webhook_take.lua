-- Takes one watch, due or not. KEYS: watch, ledger of watches.
local member, lease_for = arg[1], arg[2]
local watch, marker = read_watch(KEYS[1])
if marker then
  return {marker, clock}
end
if not watch then
  return {0, clock}
end
if watch.leased > now then
  redis.call('HSET', KEYS[1], 'w', 1)
  return {0, clock}
end
return {1, clock, lease_watch(KEYS[1], KEYS[2], member, watch, lease_for)}
