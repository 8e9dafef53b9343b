-- Takes one delivery if it is due. KEYS: record, ledger.
local ordinal, policy = arg[1], arg[2]
local record, marker = load_record(KEYS[1])
if marker then
  return {marker, clock}
end
local delivery = record and record[DELIVERIES][ordinal]
if not delivery then
  return {NOT_DUE, clock, 0, ''}
end
local answer, why = take_over(record, delivery, policy)
if answer == NOT_DUE then
  return {NOT_DUE, clock, 0, ''}
end
save_record(KEYS[1], record)
keep_due(KEYS[2], id_of(KEYS[1]), record, ordinal)
return {answer, clock, why, redis.call('GET', KEYS[1])}
