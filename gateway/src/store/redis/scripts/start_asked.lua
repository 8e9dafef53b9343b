-- Creates a verification or send-only delivery, sends an earlier one again, or refuses.
-- KEYS: record, number, ledger, idempotency record (if the request has a key).
-- ARGV[2]: numbers; ARGV[3]: the policy, packed; then identity, caller-supplied code's
-- tag, operation and fingerprint, each empty if there is none. From ARGV[8] on: the
-- record as it will be stored, cut where the moments of its creation belong, so that
-- the common case packs nothing.
local kind, wants_new, client, is_sent, lifetime = struct.unpack('>BBBBI8', ARGV[2])
local policy = cmsgpack.unpack(ARGV[3])
local identity, custom, operation, fingerprint = ARGV[4], ARGV[5] ~= '' and ARGV[5], ARGV[6], ARGV[7]
local id = id_of(KEYS[1])
local idempotency_key = KEYS[4]
