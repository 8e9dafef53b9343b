-- Cancels a pending record. KEYS: record.
local FOUND = 1
local record, marker = load_record(KEYS[1])
if marker then
  return {marker, clock}
end
if not record or record[TENANT] ~= arg[6] then
  return refuse(NOT_FOUND)
end
if record[STATUS] ~= PENDING then
  if record[STATUS] == CANCELED then
    return {FOUND, clock, pack_record(record)}
  end
  return refuse(NOT_PENDING, record[STATUS])
end
local id = id_of(KEYS[1])
local number_key = number_key_of(KEYS[1], record)
local number, unreadable = load_number(number_key)
if not number then
  return {unreadable, clock}
end
local has_expired = expire_if_due(record, number, id)
if not has_expired then
  decide(record, CANCELED, now)
  remove_live(number, id)
end
local packed = save_record(KEYS[1], record)
if record[KIND] == VERIFICATION then
  save_number(number_key, number)
end
if has_expired then
  return refuse(NOT_PENDING, record[STATUS])
end
return {FOUND, clock, packed}
