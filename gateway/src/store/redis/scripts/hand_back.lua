-- Makes a leased delivery due after a while, for any node. KEYS: record, ledger.
local ordinal, fence, after = arg[1], arg[2], arg[3]
local record, marker = load_record(KEYS[1])
if marker then
  return {marker, clock}
end
local delivery = record and record[DELIVERIES][ordinal]
if not delivery then
  return stop(GONE)
end
if delivery[FENCE] ~= fence then
  return stop(FENCE_LOST)
end
if delivery[DUE] == LEASE then
  delivery[DUE], delivery[DUE_AT] = HANDOVER, now + after
  save_record(KEYS[1], record)
  keep_due(KEYS[2], id_of(KEYS[1]), record, ordinal)
end
return {1, clock}
