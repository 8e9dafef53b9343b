-- The check that ends a verification: the right one, or the last wrong one.
decide(record, body, is_right and APPROVED or EXHAUSTED, now)
remove_live(number, id)
if is_right then
  failures[FAILED_COUNT], failures[FAILED_NEXT], failures[FAILED_LAST] = 0, 0, 0
  body[CONVERSION] = 1
  checks[#checks + 1] = operation
  checks[#checks + 1] = -1
end
end_waiting(KEYS[2], id, record)
save_record(KEYS[1], record, body)
save_number(number_key, number)
if is_right then
  return {RIGHT, clock, redis.call('GET', KEYS[1])}
end
return {MISMATCH, clock, 0}
