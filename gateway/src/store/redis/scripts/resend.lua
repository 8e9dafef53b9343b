-- Sends a verification again by its id. KEYS: record, ledger.
local RESENT = 2
local tenant, operation, client, wanted, policy = arg[1], arg[2], arg[3], arg[4], arg[5]
local id = id_of(KEYS[1])
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
for _, delivery in ipairs(record[DELIVERIES]) do
  local seen = delivery[OPERATION]
  if seen and string.sub(seen, 1, 8) == string.sub(operation, 1, 8) then
    return refuse(KEY_REUSED)
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
return {RESENT, clock, id, ordinal, redis.call('GET', KEYS[1])}
