-- How a delivery ends for which nothing more is sent.
local RECEIPT_UNDELIVERED, RECEIPT_DELIVERED = 1, 2

-- What was submitted stays so, unless receipts say it was lost.
local function final_status(delivery, otherwise)
  local was_submitted, is_lost = false, true
  for _, attempt in ipairs(delivery[ATTEMPTS]) do
    local outcome, receipt = attempt[OUTCOME], attempt[RECEIPT] and attempt[RECEIPT][1]
    if receipt == RECEIPT_DELIVERED then
      return DELIVERED
    end
    was_submitted = was_submitted or outcome == SUBMITTED_OUTCOME
    if receipt ~= RECEIPT_UNDELIVERED
      and (outcome == BEGUN or outcome == SUBMITTED_OUTCOME or outcome == UNKNOWN) then
      is_lost = false
    end
  end
  if not was_submitted then
    return otherwise
  end
  return is_lost and UNDELIVERED or SUBMITTED
end

-- Ends what waits in the ledger for a verification that has ended. What somebody
-- works on under a lease ends when they ask again.
local function end_waiting(ledger, id, record)
  local otherwise = record[STATUS] == EXPIRED and D_EXPIRED or D_CANCELED
  for ordinal, delivery in ipairs(record[DELIVERIES]) do
    if delivery[DUE] > LEASE then
      close(delivery, final_status(delivery, otherwise))
      keep_due(ledger, id, record, ordinal)
    end
  end
end
