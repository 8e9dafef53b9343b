# English notices: what a person is told when something about their account has
# changed. A stranger may hold the phone by now: a notice names nobody, shows no
# number and holds no link. Each language has a file of this form, named after
# its tag; the words in it are those of config/messages, and the same lint reads it.
#
# { $brand }    the tenant's name, at most 24 characters
# { $undo }     what undoes the change: eight characters and a dash; in a call sign by sign
# { $report }   what says that somebody else asked for it, in the same form
#
# An SMS is one segment with the longest name. A call, which says both tokens
# twice, ends within 45 s.

# A change of number is under way.
change = { $brand }: a change of your phone number was requested. Not you? On our site, undo with { $undo } or report with { $report }.
    .encoding = gsm-7

# Anything else: a method was added or removed, methods were reset, a recovery
# was opened, the account was frozen.
security = { $brand }: a security setting of your account was changed. If this was not you, contact us now.
    .encoding = gsm-7

# The same, where a number takes calls only.
call-hello = Hello. This is { $brand }.
call-change = { call-hello } A change of your phone number was requested. If this was not you, go to our site. To undo, type { $undo } To report, type { $report } Again. To undo, type { $undo } To report, type { $report }
call-security = { call-hello } A security setting of your account was changed. If this was not you, contact us now.
