# Slovenian message texts; en.ftl explains the form.

minutes =
    { $minutes ->
        [one] { $minutes } minuto
        [two] { $minutes } minuti
        [few] { $minutes } minute
       *[other] { $minutes } minut
    }

sms = { $code } je koda za { $brand }. Velja { minutes }. Nikomur je ne povejte.
    .encoding = gsm-7
sms-brief = { $code } je koda za { $brand }. Nikomur je ne povejte.
    .encoding = gsm-7
sms-payment =
    { $brand } koda { $code }
    znesek { $amount }
    za { $payee }
    Velja { minutes }. Nikomur je ne povejte.
    .encoding = gsm-7

call-hello = Dober dan. Tukaj { $brand } s kodo, ki ste jo zahtevali.
call-greeting = { call-hello } Če jo želite slišati, pritisnite 1.
call-code = Vaša koda je: { $code }
call-warning = Nikomur je ne povejte.
call-keys = { call-warning } Če jo želite slišati še enkrat, pritisnite 1. Če te kode niste zahtevali, pritisnite 9.
call-farewell = Nasvidenje.
call-reported = Hvala. Ta koda ne velja več. Nasvidenje.
call-payment =
    znesek { $amount }
    za { $payee }
    { call-code }
call-speech = { call-hello } { call-code } { call-code } { call-code } { call-warning } { call-farewell }
call-speech-payment =
    { call-hello }
    znesek { $amount }
    za { $payee }
    { call-code } { call-code } { call-code } { call-warning } { call-farewell }
