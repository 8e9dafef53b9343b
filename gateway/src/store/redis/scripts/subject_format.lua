-- A subject: a hash. Its fields: v format, e epoch, t tenant, r revision, o the
-- operations that wrote it, the last first, g generation, s sealed. What is noted of a number: a
-- hash too, of v, stop (since when) and one field for each subject that is linked.
local SUBJECT_FORMAT = 1

-- Whether another release wrote what has this format; what does not exist has none.
local function is_foreign(format)
  return format and tonumber(format) ~= SUBJECT_FORMAT
end
