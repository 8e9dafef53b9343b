# Catalan message texts; en.ftl explains the form.

minutes =
    { $minutes ->
        [one] { $minutes } minut
       *[other] { $minutes } minuts
    }

sms = { $code } és el seu codi de { $brand }. Caduca en { minutes }. No el comparteixi.
    .encoding = gsm-7
sms-brief = { $code } és el seu codi de { $brand }. No el comparteixi.
    .encoding = gsm-7
sms-payment =
    Codi { $code } de { $brand } per pagar
    { $amount }
    a { $payee }
    Val { minutes }. No el comparteixi.
    .encoding = gsm-7

call-hello = Bon dia. Li truquem de { $brand } amb el codi que ha demanat.
call-greeting = { call-hello } Per escoltar-lo, premi 1.
call-code = El seu codi és: { $code }
call-warning = No el comparteixi amb ningú.
call-keys = { call-warning } Per tornar-lo a escoltar, premi 1. Si no ha demanat aquest codi, premi 9.
call-farewell = Adeu.
call-reported = Gràcies. Aquest codi ja no és vàlid. Adeu.
call-payment =
    { $amount }
    a { $payee }
    { call-code }
call-speech = { call-hello } { call-code } { call-code } { call-code } { call-warning } { call-farewell }
call-speech-payment =
    { call-hello }
    { $amount }
    a { $payee }
    { call-code } { call-code } { call-code } { call-warning } { call-farewell }
