-- The evaluation.
local RIGHT, MISMATCH, IS_NOT_PENDING, TOO_MANY_FAILURES = 1, 2, 3, 4
local UNKNOWN_KEY, REUSED, MISSING = 5, 6, 7
local FAILURES_FREE, FAILURES_MAX = 15, 100
local id = id_of(KEYS[1])
local record, marker = load_record(KEYS[1])
if marker then
  return {marker, clock}
end
if not record then
  return withheld or {MISSING, clock}
end
local body = load_body(KEYS[1], record)
if body[TENANT] ~= tenant or record[KIND] ~= VERIFICATION then
  return withheld or {MISSING, clock}
end
-- The operations already answered: each with what is left, or -1 for approved.
local checks = body[CHECKS]
for index = 1, #checks, 2 do
  if checks[index] == operation then
    if checks[index + 1] < 0 then
      return {RIGHT, clock, redis.call('GET', KEYS[1])}
    end
    return {MISMATCH, clock, checks[index + 1]}
  end
end
if withheld then
  return withheld
end
for index = 1, #checks, 2 do
  if string.sub(checks[index], 1, 8) == string.sub(operation, 1, 8) then
    return {REUSED, clock}
  end
end
local digest, status = body[DIGEST], status_now(record)
if status ~= PENDING or not digest then
  return {IS_NOT_PENDING, clock, status}
end
local typed
for index = 1, #digests, 2 do
  if digests[index] == digest[1] then
    typed = digests[index + 1]
    break
  end
end
if not typed then
  return {UNKNOWN_KEY, clock}
end
local number_key = number_key_of(KEYS[1], body)
local number, unreadable = load_number(number_key)
if not number then
  return {unreadable, clock}
end
local failures = number[FAILURES + client]
if now - failures[FAILED_LAST] > FAILURES_KEPT then
  failures[FAILED_COUNT], failures[FAILED_NEXT], failures[FAILED_LAST] = 0, 0, 0
end
if failures[FAILED_COUNT] >= FAILURES_MAX then
  return {TOO_MANY_FAILURES, clock, 0, 0}
end
if now < failures[FAILED_NEXT] then
  return {TOO_MANY_FAILURES, clock, 1, failures[FAILED_NEXT]}
end
body[CHECKS_USED] = body[CHECKS_USED] + 1
local is_right = typed == digest[2]
if not is_right then
  save_limits()
  local count = failures[FAILED_COUNT] + 1
  failures[FAILED_COUNT], failures[FAILED_LAST] = count, now
  failures[FAILED_NEXT] = 0
  if count >= FAILURES_FREE then
    -- 30 s, doubled with every further failure, one hour at most.
    local doublings = math.min(count - FAILURES_FREE, 16)
    failures[FAILED_NEXT] = now + math.min(30000 * 2 ^ doublings, 3600000)
  end
  local remaining = math.max(body[CHECKS_MAX] - body[CHECKS_USED], 0)
  checks[#checks + 1] = operation
  checks[#checks + 1] = remaining
  if remaining > 0 then
    save_record(KEYS[1], record, body)
    save_number(number_key, number)
    return {MISMATCH, clock, remaining}
  end
end
