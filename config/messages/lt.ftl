# Lithuanian message texts; en.ftl explains the form.

sms = { $code } yra { $brand } kodas. Galioja { $minutes } min. Niekam jo neatskleiskite.
    .encoding = gsm-7
sms-brief = { $code } yra { $brand } kodas. Niekam jo neatskleiskite.
    .encoding = gsm-7
sms-payment =
    { $brand } kodas { $code }
    suma: { $amount }
    kam: { $payee }
    Galioja { $minutes } min. Neatskleiskite jo.
    .encoding = gsm-7

call-hello = Laba diena. Skambina { $brand } su jūsų prašytu kodu.
call-greeting = { call-hello } Norėdami jį išgirsti, spauskite 1.
call-code = Jūsų kodas: { $code }
call-warning = Niekam jo neatskleiskite.
call-keys = { call-warning } Norėdami išgirsti dar kartą, spauskite 1. Jei šio kodo neprašėte, spauskite 9.
call-farewell = Viso gero.
call-reported = Ačiū. Šis kodas nebegalioja. Viso gero.
call-payment =
    suma: { $amount }
    kam: { $payee }
    { call-code }
call-speech = { call-hello } { call-code } { call-code } { call-code } { call-warning } { call-farewell }
call-speech-payment =
    { call-hello }
    suma: { $amount }
    kam: { $payee }
    { call-code } { call-code } { call-code } { call-warning } { call-farewell }
