-- The common start: nothing is known about the number, and the request has no
-- idempotency key. What the other starts need is only made for them.
local packed_number = redis.call('GET', KEYS[2])
if not packed_number and not idempotency_key then
  if withheld then
    return withheld
  end
  local keep, number = 0, '\160\144'
  if kind == VERIFICATION then
    keep = now + lifetime + retention
    number = '\186' .. id .. '\145\149\186' .. id .. ARGV[3] .. moment(now + lifetime)
      .. string.char(client)
  end
  local sends, count, till = '', 0, math.max(keep, now + 1000)
  while rule_at <= #ARGV[2] do
    local interval
    interval, rule_at = struct.unpack('>I8', ARGV[2], rule_at)
    local taken = now * 1000 + interval
    sends, count = sends .. moment(taken), count + 1
    if taken > till * 1000 then
      till = math.ceil(taken / 1000)
    end
  end
  sends = string.char(144 + count) .. sends
  if client == 1 then
    sends = '\144' .. sends
  else
    sends = sends .. '\144'
  end
  number = string.char(FORMAT) .. '\151' .. moment(keep) .. number .. sends
    .. '\147\0\0\0\147\0\0\0'
  return create(number, till)
end
