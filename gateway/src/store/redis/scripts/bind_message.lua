-- Says which attempt a provider's message id names, and gives the receipt that
-- waited for it. KEYS: message.
local target, till = arg[1], arg[2]
local entry, marker = load_message(KEYS[1])
if not entry then
  return {marker, clock}
end
-- A provider that uses an id again speaks of its latest message.
if entry[TARGET] and entry[TARGET] ~= target then
  entry[WAITING] = false
end
entry[TARGET], entry[M_TILL] = target, till
save_message(KEYS[1], entry)
return {1, clock, entry[WAITING] and cmsgpack.pack(entry[WAITING])}
