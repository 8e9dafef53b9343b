-- The attempt a provider's message id names. While nobody knows it, the receipt
-- waits. KEYS: message.
local receipt = arg[1]
local entry, marker = load_message(KEYS[1])
if not entry then
  return {marker, clock}
end
local waiting = entry[WAITING]
if not entry[TARGET] and (not waiting or waiting[RECEIPT_STATUS] < receipt[RECEIPT_STATUS]) then
  entry[WAITING], entry[M_TILL] = receipt, now + RECEIPT_WAITS
  save_message(KEYS[1], entry)
end
return {1, clock, entry[TARGET]}
