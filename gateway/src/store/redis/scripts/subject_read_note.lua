-- Reads what is noted of a number. KEYS: number's note.
local found = redis.call('HGETALL', KEYS[1])
local since, subjects, linked_at = 0, {}, {}
for index = 1, #found, 2 do
  local field, value = found[index], found[index + 1]
  if field == 'v' and is_foreign(value) then
    return {UNKNOWN_FORMAT, clock}
  elseif field == 'stop' then
    since = tonumber(value)
  elseif string.sub(field, 1, 2) == 's:' then
    local subject = string.sub(field, 3)
    subjects[#subjects + 1] = subject
    linked_at[subject] = tonumber(value)
  end
end
table.sort(subjects)
local links = {}
for _, subject in ipairs(subjects) do
  links[#links + 1] = subject
  links[#links + 1] = linked_at[subject]
end
return {1, clock, since, links}
