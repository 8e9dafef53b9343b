-- Notes something of a number. KEYS: number's note.
local REFUSED_LINK, NOTED = 0, 1
local LINK, UNLINK, OPT_OUT, OPT_IN, FORGET = 0, 1, 2, 3, 4
local LINKS_MAX = 64
local what, subject = arg[1], 's:' .. (arg[2] or '')
local key = KEYS[1]
if is_foreign(redis.call('HGET', key, 'v')) then
  return {UNKNOWN_FORMAT, clock}
end
if what == LINK then
  local others = redis.call('HLEN', key) - redis.call('HEXISTS', key, 'v') - redis.call('HEXISTS', key, 'stop')
  if redis.call('HEXISTS', key, subject) == 0 and others >= LINKS_MAX then
    return {REFUSED_LINK, clock}
  end
  redis.call('HSET', key, 'v', SUBJECT_FORMAT, subject, whole(now))
elseif what == OPT_OUT then
  redis.call('HSETNX', key, 'stop', whole(now))
  redis.call('HSET', key, 'v', SUBJECT_FORMAT)
elseif what ~= FORGET or redis.call('HGET', key, subject) == whole(arg[3]) then
  redis.call('HDEL', key, what == OPT_IN and 'stop' or subject)
  -- Nothing is left but the format.
  if redis.call('HLEN', key) == 1 then
    redis.call('DEL', key)
  end
end
return {NOTED, clock}
