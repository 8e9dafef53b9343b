-- Records how an attempt ended and what is due. KEYS: record, ledger.
local STOPPED, FENCE_LOST, GONE = 2, 1, 6
local CONTINUE, NEXT_SUBMITTED, NEXT_RETRY, FAIL = 0, 1, 2, 3
local ordinal, fence, settled, step, policy = arg[1], arg[2], arg[3], arg[4], arg[5]
local record, marker = load_record(KEYS[1])
if marker then
  return {marker, clock}
end
local delivery = record and record[DELIVERIES][ordinal]
if not delivery then
  return {STOPPED, clock, GONE, 0}
end
if delivery[FENCE] ~= fence then
  return {STOPPED, clock, FENCE_LOST, 0}
end

local attempt = settled and attempt_of(delivery, settled[1])
if settled and not attempt then
  return {STOPPED, clock, FENCE_LOST, 0}
end

local id, body = id_of(KEYS[1]), nil
local before, before_at = delivery[DUE], delivery[DUE_AT]
local function answer(status, fallback)
  save_record(KEYS[1], record, body)
  if delivery[DUE] ~= before or delivery[DUE_AT] ~= before_at then
    keep_due(KEYS[2], id, record, ordinal)
  end
  return {1, clock, status, delivery[DUE], delivery[DUE_AT], fallback}
end

if attempt and attempt[OUTCOME] == BEGUN then
  attempt[OUTCOME], attempt[DURATION] = settled[2], settled[3]
  attempt[A_CODE], attempt[MESSAGE_ID] = settled[4], settled[5]
elseif delivery[DUE] ~= LEASE then
  -- The answer was lost, not the step: it is given again, with the delivery
  -- that this one's failure has made, if nobody has touched it yet.
  local made, fallback = record[DELIVERIES][ordinal + 1], 0
  -- Resends have no fallback, and are none.
  local both = made and not delivery[OPERATION] and not made[OPERATION]
  if both and made[D_STATUS] == QUEUED and made[FENCE] == 1 and #made[ATTEMPTS] == 0 then
    fallback = ordinal + 1
  end
  return {1, clock, delivery[D_STATUS], delivery[DUE], delivery[DUE_AT], fallback}
end

-- The common end: submitted, and no receipt has come yet. What the others need
-- is only made for them.
local kind = step[1]
if kind == NEXT_SUBMITTED and delivery[D_STATUS] <= SUBMITTED then
  local has_receipt = false
  for _, other in ipairs(delivery[ATTEMPTS]) do
    has_receipt = has_receipt or other[RECEIPT]
  end
  if not has_receipt then
    delivery[D_STATUS], delivery[REASON], delivery[LOST] = SUBMITTED, false, 0
    if step[2] then
      delivery[DUE], delivery[DUE_AT] = RECEIPT_DUE, now + step[2]
    else
      delivery[DUE], delivery[DUE_AT] = NONE, 0
    end
    return answer(SUBMITTED, 0)
  end
end
