-- Forgets the failed checks of a number. KEYS: number.
if redis.call('EXISTS', KEYS[1]) == 1 then
  local number, marker = load_number(KEYS[1])
  if not number then
    return {marker, clock}
  end
  number[FAILURES], number[FAILURES + 1] = {0, 0, 0}, {0, 0, 0}
  save_number(KEYS[1], number)
end
return {1, clock}
