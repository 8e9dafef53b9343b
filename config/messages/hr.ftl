# Croatian message texts; en.ftl explains the form.

minutes =
    { $minutes ->
        [one] { $minutes } minutu
        [few] { $minutes } minute
       *[other] { $minutes } minuta
    }

sms = { $code } je kod za { $brand }. Vrijedi { minutes }. Nemojte ga dijeliti ni s kim.
    .encoding = gsm-7
sms-brief = { $code } je kod za { $brand }. Nemojte ga dijeliti.
    .encoding = gsm-7
sms-payment =
    { $brand } kod { $code } za uplatu
    { $amount }
    za { $payee }
    Vrijedi { minutes }. Ne dijelite ga.
    .encoding = gsm-7

call-hello = Dobar dan. Ovdje { $brand } s kodom koji ste zatražili.
call-greeting = { call-hello } Kako biste ga čuli, pritisnite 1.
call-code = Vaš kod je: { $code }
call-warning = Nemojte ga dijeliti ni s kim.
call-keys = { call-warning } Kako biste ga čuli ponovno, pritisnite 1. Ako niste zatražili ovaj kod, pritisnite 9.
call-farewell = Doviđenja.
call-reported = Hvala. Ovaj kod više ne vrijedi. Doviđenja.
call-payment =
    { $amount }
    za { $payee }
    { call-code }
call-speech = { call-hello } { call-code } { call-code } { call-code } { call-warning } { call-farewell }
call-speech-payment =
    { call-hello }
    { $amount }
    za { $payee }
    { call-code } { call-code } { call-code } { call-warning } { call-farewell }
