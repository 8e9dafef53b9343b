-- Applies a verified receipt: each status once, and only forward. KEYS: record, ledger.
local NOTHING, RECORDED, REDISPATCH, NO_ATTEMPT, CALL_ENDED = 0, 1, 2, 3, 4
local ordinal, attempt_number, receipt, redispatch_after, policy =
  arg[1], arg[2], arg[3], arg[4], arg[5]
local record, marker = load_record(KEYS[1])
if marker then
  return {marker, clock}
end
local delivery = record and record[DELIVERIES][ordinal]
local attempt = delivery and attempt_of(delivery, attempt_number)
if not attempt then
  return {NO_ATTEMPT, clock}
end
if attempt[RECEIPT] and attempt[RECEIPT][1] >= receipt[1] then
  -- It may be of the end of a call whose verdict is known.
  local is_end = receipt[1] == RECEIPT_UNDELIVERED and redispatch_after == 0
    and attempt == delivery[ATTEMPTS][#delivery[ATTEMPTS]]
  if not is_end or delivery[DUE] ~= UNDELIVERED_DUE or delivery[DUE_AT] <= now then
    return {NOTHING, clock}
  end
  delivery[DUE_AT] = now
  save_record(KEYS[1], record)
  keep_due(KEYS[2], id_of(KEYS[1]), record, ordinal)
  return {CALL_ENDED, clock}
end
attempt[RECEIPT] = receipt
local answer = RECORDED
local before, before_at = delivery[DUE], delivery[DUE_AT]
if receipt[1] == RECEIPT_DELIVERED then
  close(delivery, DELIVERED)
elseif receipt[1] == RECEIPT_UNDELIVERED and delivery[D_STATUS] == SUBMITTED
  and is_wholly_undelivered(delivery) then
  local has_room = submissions(delivery) < policy[SUBMISSIONS_MAX] or delivery[FALLBACK] ~= ''
  if redispatch_after and has_room and can_submit(record, policy[QUIET_MS]) then
    delivery[DUE], delivery[DUE_AT] = UNDELIVERED_DUE, now + redispatch_after
    answer = redispatch_after == 0 and REDISPATCH or RECORDED
  else
    close(delivery, UNDELIVERED)
  end
end
save_record(KEYS[1], record)
if delivery[DUE] ~= before or delivery[DUE_AT] ~= before_at then
  keep_due(KEYS[2], id_of(KEYS[1]), record, ordinal)
end
return {answer, clock, delivery[D_STATUS]}
