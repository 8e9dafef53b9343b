-- Notes what the tenant reports of a code's use. KEYS: record.
local FOUND, CONVERTED = 1, 1
local tenant, conversion = arg[6], arg[7]
local record, marker = load_record(KEYS[1])
if marker then
  return {marker, clock}
end
if not record or record[TENANT] ~= tenant then
  return refuse(NOT_FOUND)
end
if record[STATUS] == PENDING then
  local id = id_of(KEYS[1])
  local number_key = number_key_of(KEYS[1], record)
  local number, unreadable = load_number(number_key)
  if not number then
    return {unreadable, clock}
  end
  local is_over = expire_if_due(record, number, id)
  if not is_over and record[KIND] == VERIFICATION and record[CUSTOM] == 1
    and conversion == CONVERTED then
    decide(record, APPROVED, now)
    record[CONVERSION] = conversion
    remove_live(number, id)
    is_over = true
  end
  if is_over and record[KIND] == VERIFICATION then
    save_number(number_key, number)
  end
end
if record[STATUS] ~= APPROVED then
  record[CONVERSION] = conversion
end
return {FOUND, clock, save_record(KEYS[1], record)}
