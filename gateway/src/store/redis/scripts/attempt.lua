-- The attempt of this number. Its number is its place until one is folded.
local function attempt_of(delivery, number)
  if not delivery[FOLDED] then
    return delivery[ATTEMPTS][number]
  end
  for _, attempt in ipairs(delivery[ATTEMPTS]) do
    if attempt[A_NUMBER] == number then
      return attempt
    end
  end
end
