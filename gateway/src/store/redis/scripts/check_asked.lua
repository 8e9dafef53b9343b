-- Evaluates a check, consuming a guess. KEYS: record, ledger, the limits of failed
-- checks that are part of the step: a full one refuses, a wrong code takes from each.
local tenant, operation, client, digests, questions = arg[1], arg[2], arg[3], arg[4], arg[5]
local limits_from = 2
