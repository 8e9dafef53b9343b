-- What a start needs about whose number or idempotency key something is known.
local wants_new, operation, fingerprint, identity, custom, wanted, policy =
  unpack(cmsgpack.unpack(ARGV[4]))
