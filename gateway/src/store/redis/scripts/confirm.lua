-- Every limit has allowed the send of this idempotency key. KEYS: idempotency record.
local packed = redis.call('GET', KEYS[1])
if packed then
  local entry, marker = open(packed)
  if not entry then
    return {marker, clock}
  end
  if entry[I_STATE] == I_OPEN and entry[FINGERPRINT] == arg[1] then
    entry[I_STATE] = I_CLOSED
    save_idempotency(KEYS[1], entry)
  end
end
return {1, clock}
