-- A watch: a hash beside its record. Its fields: v format, e epoch, t tenant,
-- m made at, k kept until, f fence, l leased until, o the asking that leased it,
-- w woken, r reported at, s state.
local WATCH_FORMAT = 1

-- The numbers of a watch, or nil and the reason if there is one.
local function read_watch(key)
  local read = redis.call('HMGET', key, 'v', 'f', 'l', 'w', 'r', 'm', 'k', 'o')
  if not read[1] then
    return nil
  end
  if tonumber(read[1]) ~= WATCH_FORMAT then
    return nil, UNKNOWN_FORMAT
  end
  return {fence = tonumber(read[2]), leased = tonumber(read[3]), woken = read[4] == '1',
    reported = tonumber(read[5]), made = tonumber(read[6]), kept = tonumber(read[7]),
    asking = read[8]}
end
