-- Notes what the tenant reports of a code's use. KEYS: record, ledger.
local FOUND, CONVERTED = 1, 1
local tenant, conversion = arg[1], arg[2]
local record, marker = load_record(KEYS[1])
if marker then
  return {marker, clock}
end
local body = record and load_body(KEYS[1], record)
if not record or body[TENANT] ~= tenant then
  return refuse(NOT_FOUND)
end
local was_pending, decided = record[STATUS] == PENDING, false
if was_pending then
  local is_verification = record[KIND] == VERIFICATION
  if now >= record[EXPIRES] then
    decide(record, body, EXPIRED, record[EXPIRES])
    decided = is_verification
  elseif is_verification and body[CUSTOM] == 1 and conversion == CONVERTED then
    decide(record, body, APPROVED, now)
    body[CONVERSION] = conversion
    decided = true
  end
end
if decided then
  local number_key = number_key_of(KEYS[1], body)
  local number, unreadable = load_number(number_key)
  if not number then
    return {unreadable, clock}
  end
  remove_live(number, id_of(KEYS[1]))
  save_number(number_key, number)
end
if was_pending and record[STATUS] ~= PENDING then
  end_waiting(KEYS[2], id_of(KEYS[1]), record)
end
if record[STATUS] ~= APPROVED then
  body[CONVERSION] = conversion
end
save_record(KEYS[1], record, body)
return {FOUND, clock, redis.call('GET', KEYS[1])}
