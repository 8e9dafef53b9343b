-- Sends a verification again by its id.
-- KEYS: record, ledger, idempotency record (if the request has a key).
local tenant, operation, client, wanted, policy, fingerprint =
  arg[1], arg[2], arg[3], arg[4], arg[5], arg[6]
local id = id_of(KEYS[1])
local idempotency_key = KEYS[3]
-- The limits are asked apart.
local is_complete = 0
