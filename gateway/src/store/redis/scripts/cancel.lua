-- Cancels a pending verification. KEYS: record, ledger.
local FOUND = 1
local record, marker = load_record(KEYS[1])
if marker then
  return {marker, clock}
end
local body = record and load_body(KEYS[1], record)
if not record or body[TENANT] ~= arg[1] or record[KIND] ~= VERIFICATION then
  return refuse(NOT_FOUND)
end
local status = status_now(record)
if status == CANCELED then
  return {FOUND, clock, redis.call('GET', KEYS[1])}
end
if status ~= PENDING then
  return refuse(NOT_PENDING, status)
end
decide(record, body, CANCELED, now)
local number_key = number_key_of(KEYS[1], body)
local number, unreadable = load_number(number_key)
if not number then
  return {unreadable, clock}
end
remove_live(number, id_of(KEYS[1]))
save_number(number_key, number)
end_waiting(KEYS[2], id_of(KEYS[1]), record)
save_record(KEYS[1], record, body)
return {FOUND, clock, redis.call('GET', KEYS[1])}
