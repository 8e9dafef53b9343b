-- Reads what is noted of a number. KEYS: number's note.
local found = redis.call('HGETALL', KEYS[1])
local since, linked = 0, {}
for index = 1, #found, 2 do
  local field, value = found[index], found[index + 1]
  if field == 'v' and is_foreign(value) then
    return {UNKNOWN_FORMAT, clock}
  elseif field == 'stop' then
    since = tonumber(value)
  elseif string.sub(field, 1, 2) == 's:' then
    linked[#linked + 1] = string.sub(field, 3)
  end
end
table.sort(linked)
return {1, clock, since, linked}
