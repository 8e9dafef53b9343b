-- Writes the expiry down if it has come; whether it has.
local function expire_if_due(record, number, id)
  if record[STATUS] == PENDING and now >= record[EXPIRES] then
    decide(record, EXPIRED, record[EXPIRES])
    remove_live(number, id)
    return true
  end
  return false
end
