# French notices; en.ftl explains the form.

change = { $brand } : changement de votre numéro demandé. Pas vous ? Sur notre site, annulez avec { $undo } ou signalez avec { $report }.
    .encoding = gsm-7
security = { $brand } : un réglage de sécurité de votre compte a changé. Si ce n'est pas vous, contactez-nous vite.
    .encoding = gsm-7

call-hello = Bonjour. Ici { $brand }.
call-change = { call-hello } Un changement de votre numéro a été demandé. Pas vous ? Sur notre site, pour annuler, tapez { $undo } Pour signaler, { $report } Je répète. Pour annuler, { $undo } Pour signaler, { $report }
call-security = { call-hello } Un réglage de sécurité de votre compte a changé. Si ce n'est pas vous, contactez-nous vite.
