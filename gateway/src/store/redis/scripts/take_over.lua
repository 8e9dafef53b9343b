-- Takes a due delivery over: what its taker is told, and why it was due.
local NOT_DUE, TAKEN, POISONED, WAS_CLOSED = 0, 1, 2, 3

local function take_over(record, delivery, policy)
  local due = delivery[DUE]
  if due == NONE or delivery[DUE_AT] > now then
    return NOT_DUE, 0
  end
  delivery[FENCE] = math.min(delivery[FENCE] + 1, 4294967295)
  local may_have_been_sent, was_begun = false, false
  for _, attempt in ipairs(delivery[ATTEMPTS]) do
    if attempt[OUTCOME] == BEGUN then
      attempt[OUTCOME] = UNKNOWN
      was_begun = true
    end
    may_have_been_sent = may_have_been_sent or attempt[OUTCOME] == UNKNOWN
  end
  -- A lease that ran out with nothing begun says nothing about the delivery.
  if due == LEASE and was_begun then
    delivery[LOST] = math.min(delivery[LOST] + 1, 255)
    if delivery[LOST] >= policy[LOST_MAX] then
      close(delivery, final_status(delivery, D_FAILED), 'poison')
      return POISONED, 0
    end
  end
  if not can_submit(record, policy[QUIET_MS]) then
    local reason = may_have_been_sent and 'outcome_unknown' or delivery[REASON] or 'too_late'
    finish(record, delivery, reason, status_now(record))
    return WAS_CLOSED, 0
  end
  delivery[D_STATUS] = QUEUED
  delivery[DUE], delivery[DUE_AT] = LEASE, now + policy[LEASE_MS]
  return TAKEN, due
end
