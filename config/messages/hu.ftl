# Hungarian message texts; en.ftl explains the form.

minutes = { $minutes } percig

sms = { $brand } kód: { $code }. { minutes } érvényes. Ne adja ki!
sms-brief = { $brand } kód: { $code }. Ne adja ki senkinek!
sms-payment =
    { $brand } kód: { $code } fizetéshez
    { $amount }
    címzett: { $payee }
    { minutes } érvényes. Ne adja ki senkinek!

call-hello = Jó napot kívánunk! Itt a(z) { $brand }, a kért kóddal hívjuk.
call-greeting = { call-hello } A kód meghallgatásához nyomja meg az 1-es gombot.
call-code = Az Ön kódja: { $code }
call-warning = Ne adja ki senkinek!
call-keys = { call-warning } Az ismétléshez nyomja meg az 1-es gombot. Ha nem Ön kérte ezt a kódot, nyomja meg a 9-es gombot.
call-farewell = Viszonthallásra.
call-reported = Köszönjük. Ez a kód már nem érvényes. Viszonthallásra.
call-payment =
    { $amount }
    címzett: { $payee }
    { call-code }
call-speech = { call-hello } { call-code } { call-code } { call-code } { call-warning } { call-farewell }
call-speech-payment =
    { call-hello }
    { $amount }
    címzett: { $payee }
    { call-code } { call-code } { call-code } { call-warning } { call-farewell }
