-- A start about whose number, limits or idempotency key something is known.
local id = string.sub(KEYS[1], -26)
local idempotency_key = KEYS[4 + limits]
local wants_new, operation, fingerprint, identity, custom, wanted, policy, questions, moments =
  unpack(cmsgpack.unpack(ARGV[9]))

local limits_from = 3
