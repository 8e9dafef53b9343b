-- What the step itself is asked: one packed array.
local arg = cmsgpack.unpack(ARGV[2])
