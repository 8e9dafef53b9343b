-- Time, and the two guards every script begins with. ARGV[1] holds not_after,
-- the gateway's clock, the shift of the clock, the epoch and the retention.
-- An answer is {code, clock, ..}; codes below zero say why nothing was done.
local LATE, SKEWED, UNKNOWN_FORMAT, DAMAGED = -1, -2, -3, -4
local FORMAT = 2

local not_after, gateway_clock, shift, epoch, retention = struct.unpack('>I8I8i8I8I8', ARGV[1])
local time = redis.call('TIME')
local clock = time[1] * 1000 + (time[2] - time[2] % 1000) / 1000
if clock > not_after then
  return {LATE, clock}
end
if clock - gateway_clock > 5000 or gateway_clock - clock > 5000 then
  return {SKEWED, clock}
end
local now = clock + shift

-- A whole number as text. Left to Redis, that takes several times as long.
local function whole(number)
  return string.format('%d', number)
end

-- The value in a stored string, or nil and the reason.
local function open(packed)
  if string.byte(packed) ~= FORMAT then
    return nil, UNKNOWN_FORMAT
  end
  local is_whole, _, value = pcall(cmsgpack.unpack, packed)
  if not is_whole or type(value) ~= 'table' then
    return nil, DAMAGED
  end
  return value
end
