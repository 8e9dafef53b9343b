-- Reads a subject. KEYS: subject.
local MISSING, FOUND = 0, 1
local read = redis.call('HMGET', KEYS[1], 'v', 'r', 'g', 't', 's')
if is_foreign(read[1]) then
  return {UNKNOWN_FORMAT, clock}
end
if not read[1] then
  return {MISSING, clock}
end
return {FOUND, clock, tonumber(read[2]), tonumber(read[3]), read[4], read[5]}
