# German notices; en.ftl explains the form.

change = { $brand }: Ihre Rufnummer soll geändert werden. Nicht von Ihnen? Auf unserer Seite widerrufen mit { $undo } oder melden mit { $report }.
    .encoding = gsm-7
security = { $brand }: Eine Sicherheitseinstellung Ihres Kontos wurde geändert. Waren Sie das nicht? Melden Sie sich sofort bei uns.
    .encoding = gsm-7

call-hello = Guten Tag. Hier ist { $brand }.
call-change = { call-hello } Ihre Rufnummer soll geändert werden. Nicht von Ihnen? Tippen Sie auf unserer Seite zum Widerrufen { $undo } Zum Melden { $report } Noch einmal. Widerrufen: { $undo } Melden: { $report }
call-security = { call-hello } Eine Sicherheitseinstellung Ihres Kontos wurde geändert. Waren Sie das nicht? Melden Sie sich sofort bei uns.
