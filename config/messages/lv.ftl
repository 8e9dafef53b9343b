# Latvian message texts; en.ftl explains the form.

sms = { $code } ir { $brand } kods. Tas der { $minutes } min. Nesniedziet to nevienam.
    .encoding = gsm-7
sms-brief = { $code } ir { $brand } kods. Nesniedziet to nevienam.
    .encoding = gsm-7
sms-payment =
    { $brand } kods { $code }
    summa: { $amount }
    kam: { $payee }
    Der { $minutes } min. Nesniedziet to nevienam.
    .encoding = gsm-7

call-hello = Labdien. Zvana { $brand } ar jūsu pieprasīto kodu.
call-greeting = { call-hello } Lai to noklausītos, nospiediet 1.
call-code = Jūsu kods ir: { $code }
call-warning = Nesniedziet to nevienam.
call-keys = { call-warning } Lai noklausītos vēlreiz, nospiediet 1. Ja šo kodu neesat pieprasījis, nospiediet 9.
call-farewell = Visu labu.
call-reported = Paldies. Šis kods vairs nav derīgs. Visu labu.
call-payment =
    summa: { $amount }
    kam: { $payee }
    { call-code }
call-speech = { call-hello } { call-code } { call-code } { call-code } { call-warning } { call-farewell }
call-speech-payment =
    { call-hello }
    summa: { $amount }
    kam: { $payee }
    { call-code } { call-code } { call-code } { call-warning } { call-farewell }
