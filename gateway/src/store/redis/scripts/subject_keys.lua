-- Finds the subjects of a shard whose record another key seals than the one named.
-- A sealed record names its key behind two bytes: its format, the name's length.
-- KEYS: ledger of subjects.
local cursor, count, newest = arg[1], arg[2], arg[3]
local subjects = string.sub(KEYS[1], 1, -15) .. 'subject:'
local page = redis.call('ZSCAN', KEYS[1], cursor, 'COUNT', count)
local found = {}
for index = 1, #page[2], 2 do
  local member = page[2][index]
  local sealed = redis.call('HGET', subjects .. member, 's')
  if sealed and string.sub(sealed, 3, 2 + (string.byte(sealed, 2) or 0)) ~= newest then
    found[#found + 1] = member
  end
end
return {1, clock, page[1], found}
