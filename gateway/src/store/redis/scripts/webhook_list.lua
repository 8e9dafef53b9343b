-- Lists some watches of a shard. KEYS: ledger of watches.
local cursor, count = arg[1], arg[2]
local watches = string.sub(KEYS[1], 1, -15) .. 'w:'
local page = redis.call('ZSCAN', KEYS[1], cursor, 'COUNT', count)
local found = {}
for index = 1, #page[2], 2 do
  local member = page[2][index]
  local read = redis.call('HMGET', watches .. member, 't', 'm')
  if read[1] and read[2] then
    found[#found + 1] = {member, read[1], tonumber(read[2])}
  end
end
return {1, clock, page[1], found}
