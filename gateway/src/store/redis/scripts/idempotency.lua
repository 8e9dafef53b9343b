-- An idempotency record: until when it answers, the request's fingerprint,
-- whether it is decided, the record and the operation it speaks of, the
-- ordinal (0: none), whether the record was created, and a refusal with the
-- moment from which it no longer holds.
local I_TILL, FINGERPRINT, I_STATE, I_ID, I_OPERATION, I_ORDINAL, I_CREATED, I_REFUSAL, I_OPENS =
  1, 2, 3, 4, 5, 6, 7, 8, 9
local I_OPEN, I_CLOSED, I_REFUSED = 0, 1, 2
local I_KEPT = 86400000

local function save_idempotency(key, entry)
  redis.call('SET', key, cmsgpack.pack(FORMAT, entry), 'PXAT', whole(entry[I_TILL] - shift))
end
