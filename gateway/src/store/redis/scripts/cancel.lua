-- Cancels a pending record. KEYS: record.
local FOUND = 1
local record, marker = load_record(KEYS[1])
if marker then
  return {marker, clock}
end
if not record or record[TENANT] ~= arg[6] then
  return refuse(NOT_FOUND)
end
local status = status_now(record)
if status == CANCELED then
  return {FOUND, clock, pack_record(record)}
end
if status ~= PENDING then
  return refuse(NOT_PENDING, status)
end
decide(record, CANCELED, now)
if record[KIND] == VERIFICATION then
  local number_key = number_key_of(KEYS[1], record)
  local number, unreadable = load_number(number_key)
  if not number then
    return {unreadable, clock}
  end
  remove_live(number, id_of(KEYS[1]))
  save_number(number_key, number)
end
return {FOUND, clock, save_record(KEYS[1], record)}
