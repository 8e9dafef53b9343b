-- A delivery, its attempts, and its one entry in the ledger. It ends with the
-- count of its folded attempts and each attempt with its number, where any are
-- folded: the usual delivery has neither.
local DUE, D_STATUS, FENCE, WALK, LOST, CHANNEL, DUE_AT, REASON = 1, 2, 3, 4, 5, 6, 7, 8
local D_CREATED, FALLBACK, OPERATION, ATTEMPTS, FOLDED = 9, 10, 11, 12, 13
local PROVIDER, A_WALK, OUTCOME, STARTED, DURATION, A_CODE, MESSAGE_ID, RECEIPT, A_NUMBER =
  1, 2, 3, 4, 5, 6, 7, 8, 9
local BEGUN, SUBMITTED_OUTCOME, UNKNOWN = 0, 1, 6
local QUEUED, SUBMITTED, DELIVERED, UNDELIVERED = 0, 1, 2, 3
local D_FAILED, D_EXPIRED, D_CANCELED = 4, 5, 6
-- Sends, resends and fallbacks of one record.
local DELIVERIES_MAX = 12
local NONE, LEASE, HANDOVER, RETRY, RECEIPT_DUE, UNDELIVERED_DUE = 0, 1, 2, 3, 4, 5

local function begun(provider, walk)
  return {provider, walk, BEGUN, now, 0, false, false, false}
end

-- `wanted` is the channel, the channels to fall back to, and the first provider.
local function new_delivery(wanted, lease)
  local attempts = {}
  if wanted[3] then
    attempts[1] = begun(wanted[3], 1)
  end
  return {
    LEASE, QUEUED, 1, 1, 0, wanted[1], now + lease, false, now, wanted[2], false, attempts,
  }
end

-- The ledger's member for a delivery: format, epoch, record, ordinal.
local function member_of(id, epoch_of, ordinal)
  return '1:' .. epoch_of .. ':' .. id .. string.sub('123456789abcdef', ordinal, ordinal)
end

-- Keeps the ledger equal to what the delivery says is due.
local function keep_due(ledger, id, record, ordinal)
  local delivery = record[DELIVERIES][ordinal]
  local member = member_of(id, record[EPOCH], ordinal)
  if delivery[DUE] == NONE then
    redis.call('ZREM', ledger, member)
  else
    redis.call('ZADD', ledger, whole(delivery[DUE_AT]), member)
  end
end

local function close(delivery, status, reason)
  delivery[D_STATUS] = status
  delivery[DUE] = NONE
  delivery[DUE_AT] = 0
  if reason then
    delivery[REASON] = reason
  end
end
