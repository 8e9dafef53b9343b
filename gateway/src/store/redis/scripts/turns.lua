-- Gives turns of a rate that all nodes share. KEYS: turns.
-- The state: the moment of the first turn that nobody has, in us; the last
-- question that was given any, with the first turn and the count it got.
local KEPT = 10000
-- The clock may go back so far without a turn being given twice.
local CLOCK_STEP = 1000000
local operation, wanted, interval_ns, behind, ahead = arg[1], arg[2], arg[3], arg[4], arg[5]
local packed = redis.call('GET', KEYS[1])
local next_turn, last, last_first, last_count = 0, false, 0, 0
if packed then
  local state, marker = open(packed)
  if not state then
    return {marker, clock}
  end
  next_turn, last, last_first, last_count = state[1], state[2], state[3], state[4]
end
local now_us = now * 1000
if last == operation then
  return {1, clock, last_count, last_first}
end
local latest = now_us + ahead
local first = math.max(next_turn, now_us - behind)
if next_turn > latest + math.ceil(interval_ns / 1000) + CLOCK_STEP then
  -- Written under another rate, or by another clock: it begins anew.
  first = now_us
end
local count = 0
if first <= latest then
  count = math.min(wanted, math.floor((latest - first) * 1000 / interval_ns) + 1)
end
if count > 0 then
  next_turn = first + math.ceil(count * interval_ns / 1000)
  local state = cmsgpack.pack(FORMAT, {next_turn, operation, first, count})
  redis.call('SET', KEYS[1], state, 'PXAT', math.ceil(next_turn / 1000) + KEPT - shift)
end
return {1, clock, count, first}
