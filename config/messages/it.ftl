# Italian message texts; en.ftl explains the form.

minutes =
    { $minutes ->
        [one] { $minutes } minuto
       *[other] { $minutes } minuti
    }

sms = { $code } è il suo codice { $brand }. Scade tra { minutes }. Non lo comunichi a nessuno.
    .encoding = gsm-7
sms-brief = { $code } è il suo codice { $brand }. Non lo comunichi a nessuno.
    .encoding = gsm-7
sms-payment =
    Codice { $brand } { $code } per pagare
    { $amount }
    a { $payee }
    Vale { minutes }. Non lo comunichi.
    .encoding = gsm-7

call-hello = Buongiorno. La chiama { $brand } con il codice che ha richiesto.
call-greeting = { call-hello } Per ascoltarlo, prema 1.
call-code = Il suo codice è: { $code }
call-warning = Non lo comunichi a nessuno.
call-keys = { call-warning } Per riascoltarlo, prema 1. Se non ha richiesto questo codice, prema 9.
call-farewell = Arrivederci.
call-reported = Grazie. Questo codice non è più valido. Arrivederci.
call-payment =
    { $amount }
    a { $payee }
    { call-code }
call-speech = { call-hello } { call-code } { call-code } { call-code } { call-warning } { call-farewell }
call-speech-payment =
    { call-hello }
    { $amount }
    a { $payee }
    { call-code } { $code } { $code } { call-warning } { call-farewell }
