-- Lets a start go on only under the generation it was judged by. KEYS, last: the
-- subject. ARGV, last: the generation. What follows must not find them there.
local REFUSED, METHOD_CHANGED = 7, 9
local guarded, judged = table.remove(KEYS), table.remove(ARGV)
if (redis.call('HGET', guarded, 'g') or '0') ~= judged then
  return {REFUSED, clock, METHOD_CHANGED, 0, 0}
end
