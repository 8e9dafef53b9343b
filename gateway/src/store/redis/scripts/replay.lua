-- What a start or resend is answered whose idempotency key was answered before.
-- The asked part names the key's record, the fingerprint and the operation.
local CREATED_ANSWER, RESENT, REPLAYED, REPLAYED_REFUSAL, IN_PROGRESS, REUSED = 1, 2, 3, 4, 5, 6
local records = string.sub(KEYS[1], 1, -27)

if idempotency_key then
  -- Whether nobody has worked on the delivery since it was leased to the request.
  local function is_untouched(delivery)
    local attempts = delivery[ATTEMPTS]
    return delivery[D_STATUS] <= SUBMITTED and delivery[FENCE] == 1 and #attempts <= 1
      and (not attempts[1] or attempts[1][OUTCOME] == BEGUN)
  end

  -- The answer this idempotency key has had, or nil.
  local function replay(entry)
    if entry[I_TILL] <= now then
      return nil
    end
    if entry[FINGERPRINT] ~= fingerprint then
      return {REUSED, clock}
    end
    if entry[I_STATE] == I_REFUSED then
      return now < entry[I_OPENS] and {REPLAYED_REFUSAL, clock, entry[I_REFUSAL]} or nil
    end
    local packed = redis.call('GET', records .. entry[I_ID])
    if not packed then
      return nil
    end
    local record, marker = load_record(records .. entry[I_ID])
    if not record then
      return {marker, clock}
    end
    if entry[I_OPERATION] == operation then
      if entry[I_CREATED] == 1 then
        return {CREATED_ANSWER, clock, packed}
      end
      return {RESENT, clock, entry[I_ID], entry[I_ORDINAL], packed}
    end
    local delivery = record[DELIVERIES][entry[I_ORDINAL]]
    if entry[I_STATE] == I_OPEN and delivery and is_untouched(delivery) then
      return {IN_PROGRESS, clock}
    end
    return {REPLAYED, clock, entry[I_ID], packed}
  end

  local packed = redis.call('GET', idempotency_key)
  if packed then
    local entry, marker = open(packed)
    local answer = entry and replay(entry) or marker and {marker, clock}
    if answer then
      return answer
    end
  end
end

-- What the key is answered from now on. It stays open while limits outside of
-- this step may still refuse.
local function remember(record_id, ordinal, created)
  if idempotency_key then
    local state = is_complete == 1 and I_CLOSED or I_OPEN
    save_idempotency(idempotency_key, {
      now + I_KEPT, fingerprint, state, record_id, operation, ordinal, created, '', 0,
    })
  end
end
