-- What is known under a provider's message id: until when it is kept, the attempt
-- it names, in the gateway's own bytes, and the furthest receipt that came before
-- that was known.
local M_TILL, TARGET, WAITING = 1, 2, 3
local RECEIPT_STATUS = 1
local RECEIPT_WAITS = 600000

local function load_message(key)
  local packed = redis.call('GET', key)
  if not packed then
    return {0, false, false}
  end
  local entry, marker = open(packed)
  if entry and entry[M_TILL] <= now then
    return {0, false, false}
  end
  return entry, marker
end

local function save_message(key, entry)
  redis.call('SET', key, cmsgpack.pack(FORMAT, entry), 'PXAT', entry[M_TILL] - shift)
end
