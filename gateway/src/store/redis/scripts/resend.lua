-- The decision on a resend.
local record, marker = load_record(KEYS[1])
if marker then
  return {marker, clock}
end
local body = record and load_body(KEYS[1], record)
if not record or body[TENANT] ~= tenant or record[KIND] ~= VERIFICATION then
  return refuse(NOT_FOUND)
end
for ordinal, delivery in ipairs(record[DELIVERIES]) do
  if delivery[OPERATION] == operation then
    return {RESENT, clock, id, ordinal, redis.call('GET', KEYS[1])}
  end
end
local status = status_now(record)
if status ~= PENDING then
  return refuse(NOT_PENDING, status)
end
if now >= submit_before(record, policy[QUIET]) then
  return refuse(TOO_LATE)
end
local number_key = number_key_of(KEYS[1], body)
local number, unreadable = load_number(number_key)
if not number then
  return {unreadable, clock}
end
local ask = {client = client, delivery = wanted, policy = policy, operation = operation}
local refusal, ordinal, is_new = send_again(record, body, number, ask)
if refusal then
  return refusal
end
save_record(KEYS[1], record, body)
save_number(number_key, number)
if is_new then
  keep_due(KEYS[2], id, record, ordinal)
end
remember(id, ordinal, 0)
return {RESENT, clock, id, ordinal, redis.call('GET', KEYS[1])}
